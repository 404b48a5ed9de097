"""`predict`: a bundle's probabilities of a manifest's photographs, beside their truths, as a predictions table.

What external validation starts from: photographs of another camera or country, a model that has not seen them.
Runs on ONNX Runtime, so it needs no torch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.errors import UserError
from eyeground.imaging.cache import prepare, read_prepared
from eyeground.manifest import Manifest
from eyeground.predictions import Predictions, compose_predictions, truths
from eyeground.progress import track
from eyeground.screening.inputs import BATCH_SIZE
from eyeground.screening.runtime import Screener


@dataclass(frozen=True)
class Predicted:
    """A bundle's view of a manifest.

    Attributes
    ----------
    predictions : Predictions
    embeddings : pandas.DataFrame
        `photo`, then `e0`, `e1`, … (float32): one row for each row of the predictions.
    unreadable : dict of str to str
        Photos without a prediction, and why.
    """

    predictions: Predictions
    embeddings: pd.DataFrame
    unreadable: dict[str, str]


def predict_manifest(manifest: Manifest, screener: Screener, cache: Path, jobs: int) -> Predicted:
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
    predicted, embedded = _predict(screener, paths)
    unknown = pd.Series(pd.NA, index=table.index, dtype="string")
    truth = [truths(table.get(target.name, unknown), target) for target in description.targets]
    unreadable = {str(manifest.table["photo"].iloc[row]): reason for row, reason in prepared.failures.items()}
    embeddings = pd.DataFrame(embedded, columns=[f"e{component}" for component in range(embedded.shape[1])])
    embeddings.insert(0, "photo", table["photo"].to_numpy())
    return Predicted(compose_predictions(table, pd.concat(truth, axis=1), predicted), embeddings, unreadable)


def _predict(screener: Screener, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, outputs) and embeddings (n, width) of standard photos on disk."""
    parts, batch = [], []
    for index, path in enumerate(track(paths, "predicting"), start=1):
        batch.append(read_prepared(path))
        if len(batch) == BATCH_SIZE or index == len(paths):
            parts.append(screener.predict(np.stack(batch)))
            batch = []
    probabilities, embeddings = zip(*parts, strict=True)
    return np.concatenate(probabilities), np.concatenate(embeddings)
