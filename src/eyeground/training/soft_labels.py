"""Other models' predictions as part of the truth that a model is fitted to.

A label may be wrong; a model that never saw the photo repeats what other labels say of photos like it, and misses what they
rarely say. Whether a mean of the two teaches better than labels alone must be measured (docs/howto/learn-from-noisy-labels.md
does). No model is to teach what it has learnt by heart, so each photo is predicted by models fitted without it (cross-fitting;
the mean is the bootstrapping of Reed et al. 2014, arXiv 1412.6596, with other models' predictions in place of one's own).
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from eyeground.config.targets import Target
from eyeground.config.training_recipe import SoftLabels
from eyeground.data.predictions import PROBABILITY, read_predictions
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos


def with_soft_labels(
    photos: PreparedPhotos, targets: Sequence[Target], soft_labels: SoftLabels, console: Console
) -> PreparedPhotos:
    """The photos with the truths of the `train` rows moved towards what the recipe's predictions tables say of them.

    Rows of the tables that are of split `train` are left out: those are photos that the teacher learnt from.

    Args:
        targets: In the order of the truths' columns.
        console: Where it is said how many photos are taught.

    Raises:
        UserError: If a table cannot be read, shares no output with the targets, or no training photo is in any of them.
    """
    if not soft_labels.predictions:
        return photos
    outputs = [output for target in targets for output in target.outputs]
    tables = [_told(Path(path), outputs) for path in soft_labels.predictions]
    told = pd.concat(tables).groupby(level=0).mean()
    rows = photos.rows("train")
    paths = [_plain(path) for path in photos.manifest.photo_paths()]
    said = told.reindex([paths[row] for row in rows]).to_numpy(np.float32)
    known = int(np.isfinite(said).any(axis=1).sum())
    if not known:
        raise UserError(
            f"soft_labels.predictions: none of the {len(rows)} training photos is in {', '.join(soft_labels.predictions)} as a photo "
            "that its model did not learn from; such tables come from `eyeground pretrain --fold`"
        )
    console.print(
        f"soft labels: {known} of {len(rows)} training photos, {soft_labels.share:.0%} of their truth by predictions"
    )
    truth = photos.truth.copy()
    truth[rows] = blended(truth[rows], said, soft_labels.share)
    return replace(photos, truth=truth)


def blended(truth: np.ndarray, said: np.ndarray, share: float) -> np.ndarray:
    """Truths (rows, outputs) mixed with predictions: the one where the other is unknown (NaN), and NaN where both are.

    >>> blended(np.array([1.0, 0.0, np.nan, 1.0]), np.array([0.6, 0.2, 0.3, np.nan]), 0.5).tolist()
    [0.8, 0.1, 0.3, 1.0]
    """
    both = (1 - share) * truth + share * said
    return np.where(np.isnan(both), np.where(np.isnan(truth), said, truth), both)


def _told(path: Path, outputs: Sequence[str]) -> pd.DataFrame:
    """Probabilities of the outputs (NaN where the table has none) by the photo's absolute path."""
    predictions = read_predictions(path, needs=())
    if not set(outputs) & set(predictions.outputs):
        raise UserError(f"{path}: predicts {', '.join(predictions.outputs)}, none of which is learnt here")
    table = predictions.table
    if "split" in table:
        table = table[(table["split"] != "train").fillna(True)]
    photos = [_plain(path.parent / photo) for photo in table["photo"]]
    columns = table.reindex(columns=[PROBABILITY + output for output in outputs])
    return columns.astype(float).set_axis(photos, axis=0)


def _plain(path: Path) -> str:
    """An absolute path without detours, links kept: what two relative paths to one photo have in common."""
    return os.path.normpath(path.absolute())
