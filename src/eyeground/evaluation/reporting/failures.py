"""The most confident errors: the photos that a model misclassified by the widest margin, at most one per patient.

Photos and their names may identify patients. So the report shows running numbers, which `failures.csv` translates, and
neither names nor photos unless they are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image

from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import describe_output
from eyeground.config.training_recipe import Preprocessing
from eyeground.core.tables import write_table
from eyeground.data.predictions import PROBABILITY, TRUTH, Predictions
from eyeground.errors import UserError
from eyeground.evaluation.flow import evaluated_scope
from eyeground.evaluation.reporting.section import Picture, Section, TableBlock
from eyeground.evaluation.reporting.wording import counted, joined
from eyeground.evaluation.results import Evaluation
from eyeground.imaging.decode import UnreadablePhotoError
from eyeground.imaging.standard import standard_photo

KEY = "failures"
FALSE_POSITIVE, FALSE_NEGATIVE = "false positive", "false negative"
SIDE, QUALITY = 160, 82
COLUMNS = ("number", "output", "kind", "photo", "truth", "probability", "threshold")


@dataclass(frozen=True)
class Failure:
    """One photo that is on the wrong side of a threshold.

    Attributes:
        number: From 1, the photo's name in the report.
        kind: `false positive` or `false negative`.
        photo: As in the predictions.
        truth: 0 or 1.
        probability, threshold: 0 to 1.
    """

    number: int
    output: str
    kind: str
    photo: str
    truth: int
    probability: float
    threshold: float


@dataclass(frozen=True)
class Failures:
    """The most confident errors of an evaluation.

    Attributes:
        shown: By output, false positives first, the most confident first.
        errors: Photos of every output and kind, shown or not.
        without: Outputs without an operating point, which have no errors.
    """

    shown: tuple[Failure, ...]
    errors: dict[tuple[str, str], int]
    without: tuple[str, ...]


def most_confident_errors(evaluation: Evaluation, predictions: Predictions, most: int = 8) -> Failures:
    """Find the errors that are farthest from the threshold, at the first operating point of every output.

    Args:
        predictions: The table that was evaluated.
        most: Of each kind per output, at most one of a patient. Ties are ordered by the photo's name.
    """
    table = evaluated_scope(predictions).predictions.table
    shown: list[Failure] = []
    errors: dict[tuple[str, str], int] = {}
    without = []
    for output in evaluation.outputs:
        if not output.at:
            without.append(output.output)
            continue
        for kind in (FALSE_POSITIVE, FALSE_NEGATIVE):
            wrong = _wrong(table, output.at[0].point, kind)
            errors[output.output, kind] = len(wrong)
            kept = wrong.drop_duplicates("patient").head(most)
            shown += [
                Failure(
                    number=len(shown) + place,
                    output=output.output,
                    kind=kind,
                    photo=str(photo),
                    truth=int(kind == FALSE_NEGATIVE),
                    probability=float(probability),
                    threshold=output.at[0].point.threshold,
                )
                for place, (photo, probability) in enumerate(zip(kept["photo"], kept["probability"], strict=True), 1)
            ]
    return Failures(tuple(shown), errors, tuple(without))


def write_failures(failures: Failures, path: Path, for_spreadsheets: bool = False) -> None:
    """Write `failures.csv`, which translates the numbers of a report into the photos' names."""
    rows = [[getattr(failure, column) for column in COLUMNS] for failure in failures.shown]
    write_table(pd.DataFrame(rows, columns=list(COLUMNS)), path, for_spreadsheets)


def failures_section(failures: Failures, photos: Path | None = None, names: bool = False) -> Section:
    """The most confident errors as a table, and optionally as a gallery of small standard photos.

    Args:
        photos: Folder that the photos' paths start from, to show them; None shows none. The table says why a photo that
            cannot be read is missing.
        names: Name the photos in the table, beside their numbers.

    Raises:
        UserError: If `photos` is not a folder.
    """
    if photos is not None and not photos.is_dir():
        raise UserError(f"{photos}: there is no such folder; pictures of errors need the folder of the photos")
    gallery, unreadable = _gallery(failures, photos) if photos is not None else ((), {})
    numbered = "" if names else " Numbers are those of failures.csv, which names the photos."
    caption = f"The most confident errors of every output.{numbered}"
    tables = (TableBlock(KEY, _table(failures, names, unreadable), caption),) if failures.shown else ()
    return Section(
        key=KEY,
        title="Most confident errors",
        paragraphs=_paragraphs(failures, gallery),
        tables=tables,
        gallery=gallery,
    )


def _wrong(table: pd.DataFrame, point: OperatingPoint, kind: str) -> pd.DataFrame:
    """Photo, patient and probability of the errors of a kind, the farthest from the threshold first."""
    truth, probability = table[TRUTH + point.output], table[PROBABILITY + point.output]
    called = probability >= point.threshold
    wrong = called & (truth == 0) if kind == FALSE_POSITIVE else ~called & (truth == 1)
    found = table.loc[wrong, ["photo", "patient"]].assign(probability=probability[wrong])
    return found.sort_values(["probability", "photo"], ascending=[kind == FALSE_NEGATIVE, True])


def _paragraphs(failures: Failures, gallery: Sequence[Picture]) -> tuple[str, ...]:
    paragraphs = []
    outputs = dict.fromkeys(output for output, _ in failures.errors)
    counts = [
        f"{describe_output(output)} {counted(failures.errors[output, FALSE_POSITIVE], FALSE_POSITIVE)} and "
        f"{counted(failures.errors[output, FALSE_NEGATIVE], FALSE_NEGATIVE)}"
        for output in outputs
    ]
    if counts:
        paragraphs.append(
            f"Errors at the first operating point: {'; '.join(counts)}. Look at the most confident ones, "
            "those with the probability farthest from the threshold, at most one per patient: in some, the truth will be wrong."
        )
    if failures.without:
        paragraphs.append(
            f"Without an operating point, and so without errors: {joined(list(map(describe_output, failures.without)))}."
        )
    if gallery:
        paragraphs.append(
            "Photos are cropped to the field of view, black outside it, and reduced. They may still identify a "
            "patient, so take care who receives this report."
        )
    return tuple(paragraphs)


def _table(failures: Failures, names: bool, unreadable: dict[int, str]) -> pd.DataFrame:
    rows = [
        [
            f"{failure.number}",
            failure.photo,
            describe_output(failure.output),
            failure.kind,
            "positive" if failure.truth else "negative",
            f"{failure.probability:.3f}",
            f"{failure.threshold:.3f}",
            unreadable.get(failure.number, ""),
        ]
        for failure in failures.shown
    ]
    columns = ["Number", "Photo", "Output", "Error", "Truth", "Probability", "Threshold", "Note"]
    table = pd.DataFrame(rows, columns=columns)
    return table if names else table.drop(columns="Photo")


def _gallery(failures: Failures, root: Path) -> tuple[tuple[Picture, ...], dict[int, str]]:
    """Pictures in the order of the failures, and why a photo has none, by its number."""
    pictures, unreadable = [], {}
    for failure in failures.shown:
        try:
            jpeg = _thumbnail(root / failure.photo)
        except UnreadablePhotoError as error:
            unreadable[failure.number] = f"no picture: {error.reason}"
            continue
        what = f"{describe_output(failure.output)}, {failure.kind}"
        at = f"probability {failure.probability:.3f}, threshold {failure.threshold:.3f}"
        pictures.append(Picture(jpeg, f"Fundus photo {failure.number}: {what}.", f"{failure.number}: {what}, {at}"))
    return tuple(pictures), unreadable


def _thumbnail(path: Path) -> bytes:
    """A small standard photo as JPEG, without the metadata of its file."""
    pixels = standard_photo(path, Preprocessing(side=SIDE)).pixels
    content = BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
