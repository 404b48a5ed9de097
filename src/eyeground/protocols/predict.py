"""`predict`: a bundle's probabilities of a manifest's photographs, beside their truths, as a predictions table.

What external validation starts from: photographs of another camera or country, a model that has not seen them.
Runs on ONNX Runtime, so it needs no torch.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.errors import UserError
from eyeground.imaging.cache import prepare, read_prepared
from eyeground.manifest import Manifest
from eyeground.predictions import Predictions, compose_predictions, truths
from eyeground.progress import track
from eyeground.screening.runtime import BATCH_SIZE, Screener


def predict_manifest(
    manifest: Manifest, screener: Screener, cache: Path, jobs: int
) -> tuple[Predictions, dict[str, str]]:
    """Predict every readable photo of a manifest.

    Parameters
    ----------
    manifest : Manifest
        A target of the bundle that is no label of it has unknown truths.
    screener : Screener
        A loaded bundle.
    cache : pathlib.Path
        Folder of standard photos.
    jobs : int
        Processes that read photos.

    Returns
    -------
    predictions : Predictions
    unreadable : dict of str to str
        Photos without a prediction, and why.

    Raises
    ------
    UserError
        If no photo can be read, or a label has a value that the bundle's target does not know.
    """
    description = screener.bundle.description
    prepared = prepare(manifest.photo_paths(), description.preprocessing, cache, jobs)
    rows = [row for row, path in enumerate(prepared.paths) if path is not None]
    if not rows:
        raise UserError(f"none of the {len(manifest)} photos can be read; the first: {prepared.failures[0]}")
    paths = [path for path in prepared.paths if path is not None]
    table = manifest.table.iloc[rows].reset_index(drop=True)
    predicted = _probabilities(screener, paths)
    unknown = pd.Series(pd.NA, index=table.index, dtype="string")
    truth = [truths(table.get(target.name, unknown), target) for target in description.targets]
    unreadable = {str(manifest.table["photo"].iloc[row]): reason for row, reason in prepared.failures.items()}
    return compose_predictions(table, pd.concat(truth, axis=1), predicted), unreadable


def _probabilities(screener: Screener, paths: list[Path]) -> np.ndarray:
    """Probabilities (n, outputs) of standard photos on disk."""
    parts, batch = [], []
    for index, path in enumerate(track(paths, "predicting"), start=1):
        batch.append(read_prepared(path))
        if len(batch) == BATCH_SIZE or index == len(paths):
            parts.append(screener.probabilities(np.stack(batch)))
            batch = []
    return np.concatenate(parts)
