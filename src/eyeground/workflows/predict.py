"""`predict`: a bundle's predictions of a manifest's photographs, beside their truths; runs without torch.

The start of an external validation. See docs/predictions.md.
"""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import hashes_of_standard
from eyeground.core.progress import track
from eyeground.data.manifest import MASK_PREFIX, NOTE_PREFIX, OPTIONAL, REQUIRED, Manifest
from eyeground.data.predictions import (
    IN_TRAINING,
    PROBABILITY,
    STATUS,
    TRUTH,
    UNFAMILIARITY,
    Predictions,
    compose_predictions,
)
from eyeground.errors import UserError
from eyeground.imaging.cache import prepare, prepared_to_assess, read_prepared_standard
from eyeground.imaging.gradability import assess
from eyeground.screening.finding import Finding
from eyeground.screening.inputs import Examined, batches
from eyeground.screening.runtime import Screener
from eyeground.workflows.truth_columns import MatchedTruths, match_truths


@dataclass(frozen=True)
class Predicted:
    """A bundle's predictions of a manifest.

    Attributes:
        predictions: With the columns `status` and `unfamiliarity` of screening, `in_training` (1 if the model was
            trained on this file, missing where the bundle has no list), and the manifest's further columns.
        embeddings: `photo`, then `e0`, `e1`, … (float32), a row for each row of the predictions.
        unreadable: Photos without a prediction, and why.
    """

    predictions: Predictions
    embeddings: pd.DataFrame
    unreadable: dict[str, str]


def predict_manifest(
    manifest: Manifest, screener: Screener, cache: Path, jobs: int, truth: MatchedTruths | None = None
) -> Predicted:
    """Predict every readable photo of a manifest.

    Args:
        manifest: Its columns are kept, other than masks, notes and labels that became truths.
        cache: Folder of standard photos.
        jobs: Processes that read photos.
        truth: Of the bundle's outputs; matched by name if not given.

    Raises:
        UserError: If no photo can be read, a label has a value that its target does not have, or the manifest has a
            column whose name has another meaning in a predictions table.
    """
    truth = truth or match_truths(manifest, screener.bundle.description.targets)
    further = _further_columns(manifest, truth)
    prepared = prepare(manifest.photo_paths(), screener.bundle.description.preprocessing, cache, jobs)
    rows = [row for row, path in enumerate(prepared.paths) if path is not None]
    if not rows:
        raise UserError(f"none of the {len(manifest)} photos can be read; the first: {prepared.failures[0]}")
    paths = [path for path in prepared.paths if path is not None]
    table = manifest.table.iloc[rows].reset_index(drop=True)
    readable = manifest.where(pd.Series([path is not None for path in prepared.paths])).photo_paths()
    assessed = prepared_to_assess(readable, paths, screener.bundle.description.preprocessing, cache, jobs)
    findings, embedded = _find(screener, list(zip(table["photo"], paths, assessed, strict=True)), jobs)
    predictions = compose_predictions(
        table,
        truth.table.iloc[rows].reset_index(drop=True),
        np.array([[finding.probabilities[output] for output in truth.table.columns] for finding in findings]),
        table[further].assign(**_as_screened(findings, screener.bundle, paths)),
    )
    unreadable = {str(manifest.table["photo"].iloc[row]): reason for row, reason in prepared.failures.items()}
    embeddings = pd.DataFrame(embedded, columns=[f"e{component}" for component in range(embedded.shape[1])])
    embeddings.insert(0, "photo", table["photo"].to_numpy())
    return Predicted(predictions, embeddings, unreadable)


def _further_columns(manifest: Manifest, truth: MatchedTruths) -> list[str]:
    """Columns that are neither part of every manifest, nor a path, nor free text, nor a truth already."""
    further = [
        column
        for column in manifest.table.columns
        if column not in REQUIRED + OPTIONAL
        and column not in truth.used
        and not column.startswith((MASK_PREFIX, NOTE_PREFIX))
    ]
    for column in further:
        if column in (STATUS, UNFAMILIARITY, IN_TRAINING) or column.startswith((TRUTH, PROBABILITY)):
            raise UserError(
                f"the manifest has a column '{column}', which has another meaning in a predictions table; rename it "
                f"'note_{column}'"
            )
    return further


def _as_screened(findings: Sequence[Finding], bundle: Bundle, paths: Sequence[Path]) -> dict[str, pd.Series]:
    seen = bundle.trained_on(hashes_of_standard(paths))
    own = [hashes_of_standard([path])[0] for path in paths]
    return {
        STATUS: pd.Series([finding.status for finding in findings], dtype="string"),
        UNFAMILIARITY: pd.Series([finding.unfamiliarity for finding in findings], dtype=float),
        IN_TRAINING: pd.Series([pd.NA if seen is None else int(one in seen) for one in own], dtype="Int64"),
    }


def _find(screener: Screener, photos: Sequence[tuple[str, Path, Path]], jobs: int) -> tuple[list[Finding], np.ndarray]:
    """Findings, and embeddings (n, width), of photos: name, standard photo on disk, and the one to assess."""

    def examined(photo: tuple[str, Path, Path]) -> Examined:
        name, path, assessed = photo
        standard = read_prepared_standard(path)
        return Examined(name, standard, assess(standard if assessed == path else read_prepared_standard(assessed)))

    findings: list[Finding] = []
    embeddings: list[np.ndarray] = []
    with ThreadPoolExecutor(jobs) as pool:
        for batch in batches(track(photos, "predicting")):
            found, embedded = screener.find_and_embed(list(pool.map(examined, batch)))
            findings += [dataclasses.replace(one, standard=None) for one in found]
            embeddings.append(embedded)
    return findings, np.concatenate(embeddings)
