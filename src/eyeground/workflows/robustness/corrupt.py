"""`robustness`: a bundle's probabilities of the same photos, clean and corrupted at graded severities.

Predictions are kept in a table per corruption and severity, so a killed run continues where it stopped. The table's name
is a hash of all that its predictions depend on. Truths are joined on reading: a corrected label costs no prediction.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.bundle.installed import DESCRIPTION
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.core.files import sha256_of
from eyeground.core.progress import track
from eyeground.core.tables import read_table, write_table
from eyeground.data.manifest import Manifest
from eyeground.data.predictions import PROBABILITY, Predictions, compose_predictions
from eyeground.errors import UserError
from eyeground.evaluation.robustness.corrupted_predictions import CLEAN, Condition, CorruptedPredictions
from eyeground.imaging.cache import prepare, read_prepared_standard
from eyeground.imaging.corruptions import CORRUPTIONS, SEVERITIES, VERSION, corrupt, corruption_named
from eyeground.imaging.decode import Pixels
from eyeground.screening.inputs import BATCH_SIZE
from eyeground.screening.runtime import Screener
from eyeground.workflows.truth_columns import match_truths

PARTS = "predictions"


@dataclass(frozen=True)
class CorruptionPlan:
    """Which photos to corrupt, and how.

    Attributes:
        corruptions: Names from `CORRUPTIONS`.
        sample: Number of patients, drawn at random from those with a known truth; None for all.
        every_photo: Take all photos whatever their split, for a model that was trained on none of them; else the test
            photos, or all where the manifest has no splits.
        seed: Of the sample of patients and of the corruptions.
    """

    corruptions: tuple[str, ...] = tuple(CORRUPTIONS)
    sample: int | None = None
    every_photo: bool = False
    seed: int = 0


def corrupt_manifest(
    manifest: Manifest, screener: Screener, plan: CorruptionPlan, folder: Path, cache: Path, jobs: int
) -> tuple[CorruptedPredictions, dict[str, str]]:
    """Predict photos of a manifest as they are, and under every corruption and severity.

    Args:
        folder: Predictions are kept in its sub-folder `predictions`.
        cache: Folder of standard photos.
        jobs: Processes that make standard photos, and threads that corrupt them.

    Returns:
        The predictions, all of the same photos in the same order, and photos without a prediction with the reason.

    Raises:
        UserError: If a corruption does not exist, no photo is left to evaluate, has a known truth or can be read, or a
            label has a value that its target does not have.
    """
    for corruption in plan.corruptions:
        corruption_named(corruption)
    description = screener.bundle.description
    chosen = _sampled(_with_truth(_in_scope(manifest, plan.every_photo), description.targets), plan)
    prepared = prepare(chosen.photo_paths(), description.preprocessing, cache, jobs)
    rows = [row for row, path in enumerate(prepared.paths) if path is not None]
    if not rows:
        raise UserError(f"none of the {len(chosen)} photos can be read; the first: {prepared.failures[0]}")
    paths = [path for path in prepared.paths if path is not None]
    # One model predicts every photo, so folds mean nothing here.
    table = chosen.table.iloc[rows].reset_index(drop=True).drop(columns="fold", errors="ignore")
    truth = match_truths(Manifest(table, chosen.root), description.targets).table
    conditions = [CLEAN, *((corruption, severity) for corruption in plan.corruptions for severity in SEVERITIES)]
    names = _part_names(conditions, screener.bundle, paths, plan.seed)
    parts = {condition: folder / PARTS / name for condition, name in names.items()}
    _predict_missing(parts, paths, screener, plan.seed, jobs)
    predictions = {condition: _read_part(part, table, truth) for condition, part in parts.items()}
    clean = predictions.pop(CLEAN)
    unreadable = {str(chosen.table["photo"].iloc[row]): reason for row, reason in prepared.failures.items()}
    return CorruptedPredictions(clean, predictions), unreadable


def _in_scope(manifest: Manifest, every_photo: bool) -> Manifest:
    if "split" not in manifest.table:
        return manifest
    if every_photo:
        return Manifest(manifest.table.drop(columns="split"), manifest.root)
    test = manifest.in_split("test")
    if not len(test):
        raise UserError(
            "the manifest has no test photos; for a model that was trained on none of its photos, add --every-photo"
        )
    return test


def _with_truth(manifest: Manifest, targets: Sequence[Target]) -> Manifest:
    known = match_truths(manifest, targets).table.notna().any(axis=1)
    if not known.any():
        names = ", ".join(target.name for target in targets)
        raise UserError(
            f"no photo to evaluate has a label that the bundle predicts ({names}); "
            f"the manifest's labels are {', '.join(manifest.labels) or 'none'}"
        )
    return manifest.where(known)


def _sampled(manifest: Manifest, plan: CorruptionPlan) -> Manifest:
    """A sample of patients that does not depend on the order of the rows."""
    if plan.sample is None:
        return manifest
    patients = np.unique(manifest.table["patient"].to_numpy(dtype=str))
    drawn = np.random.default_rng(plan.seed).permutation(patients)[: plan.sample]
    return manifest.where(manifest.table["patient"].isin(drawn))


def _part_names(
    conditions: Sequence[Condition], bundle: Bundle, paths: Sequence[Path], seed: int
) -> dict[Condition, str]:
    """File names that differ wherever predictions could."""
    # A standard photo is named by the digest of its photograph, and its folder by how it was made.
    photos = hashlib.sha256("\n".join(f"{path.parts[-3]}/{path.stem}" for path in paths).encode()).hexdigest()
    shared = [sha256_of(bundle.folder / DESCRIPTION), photos]
    names = {}
    for corruption, severity in conditions:
        corrupted = (
            [] if (corruption, severity) == CLEAN else [VERSION, CORRUPTIONS[corruption].parameters[severity - 1], seed]
        )
        digest = hashlib.sha256(json.dumps([*shared, corruption, severity, *corrupted]).encode()).hexdigest()
        names[corruption, severity] = f"{corruption}-{severity}-{digest[:16]}.parquet"
    return names


def _predict_missing(
    parts: dict[Condition, Path], paths: Sequence[Path], screener: Screener, seed: int, jobs: int
) -> None:
    missing = [condition for condition, part in parts.items() if not part.is_file()]
    columns = [PROBABILITY + output for output in screener.bundle.description.outputs]
    rows: list[np.ndarray] = []
    finished = iter(missing)
    with ThreadPoolExecutor(jobs) as pool:
        predicted = (row for condition in missing for row in _predicted(condition, paths, screener, seed, pool))
        for row in track(predicted, "predicting corrupted photos", total=len(missing) * len(paths)):
            rows.append(row)
            if len(rows) == len(paths):
                write_table(pd.DataFrame(np.stack(rows), columns=columns), parts[next(finished)])
                rows = []


def _predicted(
    condition: Condition, paths: Sequence[Path], screener: Screener, seed: int, pool: ThreadPoolExecutor
) -> Iterator[np.ndarray]:
    """Probabilities (outputs,) of photo after photo."""
    for start in range(0, len(paths), BATCH_SIZE):
        photos = pool.map(partial(_corrupted, condition, seed), paths[start : start + BATCH_SIZE])
        yield from screener.probabilities(np.stack(list(photos)))


def _corrupted(condition: Condition, seed: int, path: Path) -> Pixels:
    standard = read_prepared_standard(path)
    return standard.pixels if condition == CLEAN else corrupt(standard, *condition, seed)


def _read_part(part: Path, table: pd.DataFrame, truth: pd.DataFrame) -> Predictions:
    predicted = read_table(part)[[PROBABILITY + output for output in truth.columns]]
    if len(predicted) != len(table):
        raise UserError(f"{part}: has {len(predicted)} rows for {len(table)} photos; delete it and repeat the command")
    return compose_predictions(table, truth, predicted.to_numpy(dtype=float))
