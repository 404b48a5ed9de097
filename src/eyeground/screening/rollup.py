"""From photographs to eyes to patients: what is to be done, and which photograph decides; the rules are in docs/screening.md."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from eyeground.core.files import replacing
from eyeground.core.progress import track
from eyeground.screening.decision import Rule, margin
from eyeground.screening.eye_results import GRADABLE, JUDGED, RESULT_OF, RESULTS, UNKNOWN, Result, eye_result
from eyeground.screening.keys import patient_key
from eyeground.screening.ledger import Record
from eyeground.screening.results import Finished, row_writer
from eyeground.screening.suspicion import likely_grades, suspected

EYES, PATIENTS = "eyes.csv", "patients.csv"


@dataclass(frozen=True)
class Eye:
    """The photographs of one eye of one patient, and their result.

    Attributes:
        eye: `left`, `right` or `unknown`.
        result: See docs/screening.md.
        records: Its photographs, sorted by name.
        deciding: The one that the result rests on: of those with the result, the highest above its threshold.
    """

    eye: str
    result: Result
    records: tuple[Record, ...]
    deciding: Record


@dataclass(frozen=True)
class Pooled:
    """The combined result of several photographs: the highest probabilities of those judged, and what is suspected by them."""

    probabilities: dict[str, float | None]
    suspected: tuple[str, ...]
    grades: tuple[str, ...]


def pooled(rule: Rule, rows: Sequence[dict[str, Any]]) -> Pooled:
    """Combine the rows of several photographs."""
    judged = [row for row in rows if row["status"] in JUDGED]
    worst: dict[str, float | None] = {
        output: (min if output in rule.healthy else max)((row[f"probability_{output}"] for row in judged), default=None)
        for output in rule.outputs
    }
    named = {name for row in judged for name in (row["reached"] or "").split("; ")}
    reached = tuple(output for output in rule.deciding if output in named)
    known = {output: probability for output, probability in worst.items() if probability is not None}
    return Pooled(worst, suspected(rule.targets, reached, known), likely_grades(rule.targets, reached, known))


def write_rollup(folder: Path, finished: Finished, rule: Rule, for_spreadsheets: bool = False) -> dict[str, int]:
    """Write `eyes.csv` and `patients.csv` of the photographs that have a patient, or remove those of an earlier screening.

    One patient's photographs are held at a time. `for_spreadsheets` as in `write_results`.

    Returns:
        Patients per result, the most urgent first; empty if no photograph has a patient.

    Raises:
        UserError: If a table cannot be written.
    """
    order = sorted(
        (place for place, photo in enumerate(finished.photos) if photo.patient is not None),
        key=lambda place: (finished.photos[place].patient, finished.photos[place].eye or UNKNOWN, place),
    )
    if not order:
        for name in (EYES, PATIENTS):
            (folder / name).unlink(missing_ok=True)
        return {}
    counts: Counter[str] = Counter()
    records = track((finished[place] for place in order), "combining photos", total=len(order))
    with (
        _table(folder / EYES, for_spreadsheets) as add_eye,
        _table(folder / PATIENTS, for_spreadsheets) as add_patient,
    ):
        for of_patient in _patients(records, rule):
            owner = {
                "patient": of_patient[0].deciding.row["patient"],
                "key": patient_key(of_patient[0].deciding.row["key"]),
            }
            for eye in of_patient:
                add_eye({**owner, "eye": eye.eye, "result": eye.result, **_common(rule, [eye], eye)})
            worst = min(of_patient, key=lambda eye: RESULTS.index(eye.result))
            shown = {
                "result": worst.result,
                "eyes": " ".join(eye.eye for eye in of_patient),
                "retake": " ".join(eye.eye for eye in of_patient if eye.result == "retake"),
            }
            add_patient({**owner, **shown, **_common(rule, of_patient, worst)})
            counts[worst.result] += 1
    return {result: counts[result] for result in RESULTS if counts[result]}


@contextmanager
def _table(path: Path, for_spreadsheets: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A CSV that takes row after row and appears once it is complete; the first row names the columns."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        write_row = row_writer(stream, for_spreadsheets)

        def add(row: dict[str, Any]) -> None:
            if stream.tell() == 0:
                write_row(row)
            write_row(row.values())

        yield add


def _patients(records: Iterator[Record], rule: Rule) -> Iterator[list[Eye]]:
    """The eyes of patient after patient, of records sorted by patient and eye."""
    for _, of_patient in groupby(records, key=lambda record: record.row["patient"]):
        by_eye = groupby(of_patient, key=lambda record: record.row["eye"] or UNKNOWN)
        yield [_eye(eye, tuple(of_eye), rule) for eye, of_eye in by_eye]


def _eye(eye: str, records: tuple[Record, ...], rule: Rule) -> Eye:
    result = eye_result(eye, [record.row["status"] for record in records])
    of_result = [record for record in records if RESULT_OF[record.row["status"]] == result]
    return Eye(eye, result, records, max(of_result, key=lambda record: height(record, rule)))


def height(record: Record, rule: Rule) -> float:
    """How far the output that a status rests on lies above its threshold, in logits, towards disease; 0 where none was judged."""
    row, output = record.row, record.output
    if row["status"] not in JUDGED or output is None or output not in rule.thresholds:
        return 0.0
    above = margin(row[f"probability_{output}"], rule.thresholds[output])
    return -above if output in rule.healthy else above


def _common(rule: Rule, eyes: Sequence[Eye], deciding: Eye) -> dict[str, Any]:
    """The columns that eyes and patients share: what is suspected, counts, the photograph that decides, probabilities."""
    rows = [record.row for eye in eyes for record in eye.records]
    together, decisive = pooled(rule, rows), deciding.deciding.row
    return {
        "suspected": "; ".join(together.suspected),
        "grades": "; ".join(together.grades),
        "photos": len(rows),
        "gradable": sum(row["status"] in GRADABLE for row in rows),
        "photo": decisive["photo"],
        "photo_key": decisive["key"],
        "reason": decisive["reason"],
        **{f"probability_{output}": together.probabilities[output] for output in rule.outputs},
        **{f"threshold_{output}": rule.thresholds.get(output) for output in rule.outputs},
    }
