"""Other models' predictions blended into the truth that a model is fitted to, by models that were not fitted to the photo.

Bootstrapping of Reed et al. 2014 (arXiv 1412.6596), cross-fitted. See docs/howto/learn-from-noisy-labels.md.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from eyeground.config.supervision import SoftLabels
from eyeground.config.targets import Target
from eyeground.data.predictions import IN_TRAINING, PROBABILITY, read_predictions
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos


def with_soft_labels(
    photos: PreparedPhotos, targets: Sequence[Target], soft_labels: SoftLabels, console: Console
) -> PreparedPhotos:
    """The photos with the truths of the `train` rows blended with the recipe's predictions tables.

    Rows whose model was fitted to the photo are left out: those marked `in_training`, as by a released bundle's `predict`;
    in a table without this column, those of split `train`.

    Args:
        targets: In the order of the truths' columns.
        console: Reports how many photos are blended.

    Raises:
        UserError: If a table cannot be read, shares no output with the targets, or no training photo is in any of them.
    """
    if not soft_labels.predictions:
        return photos
    outputs = [output for target in targets for output in target.outputs]
    tables = [_predicted(Path(path), outputs) for path in soft_labels.predictions]
    predicted = pd.concat(tables).groupby(level=0).mean()
    rows = photos.rows("train")
    paths = [_normal(path) for path in photos.manifest.photo_paths()]
    soft = predicted.reindex([paths[row] for row in rows]).to_numpy(np.float32)
    known = int(np.isfinite(soft).any(axis=1).sum())
    if not known:
        raise UserError(
            f"soft_labels.predictions: none of the {len(rows)} training photos is in {', '.join(soft_labels.predictions)} as a photo "
            "that its model was not fitted to; such tables come from `eyeground pretrain --fold`, or from `eyeground predict` with "
            "another's bundle"
        )
    console.print(
        f"soft labels: {known} of {len(rows)} training photos, {soft_labels.share:.0%} of their truth by predictions"
    )
    truth = photos.truth.copy()
    truth[rows] = blended(truth[rows], soft, soft_labels.share)
    return replace(photos, truth=truth)


def blended(truth: np.ndarray, soft: np.ndarray, share: float) -> np.ndarray:
    """Truths (rows, outputs) blended with predictions: one where the other is unknown (NaN), NaN where both are.

    >>> blended(np.array([1.0, 0.0, np.nan, 1.0]), np.array([0.6, 0.2, 0.3, np.nan]), 0.5).tolist()
    [0.8, 0.1, 0.3, 1.0]
    """
    both = (1 - share) * truth + share * soft
    return np.where(np.isnan(both), np.where(np.isnan(truth), soft, truth), both)


def _predicted(path: Path, outputs: Sequence[str]) -> pd.DataFrame:
    """Probabilities of the outputs (NaN where the table has none) by the photo's absolute path."""
    predictions = read_predictions(path, needs=())
    if not set(outputs) & set(predictions.outputs):
        raise UserError(f"{path}: predicts {', '.join(predictions.outputs)}, none of which this recipe learns")
    table = predictions.table
    fitted = IN_TRAINING if IN_TRAINING in table else "split"
    if fitted in table:
        table = table[(table[fitted] != (1 if fitted == IN_TRAINING else "train")).fillna(True)]
    photos = [_normal(path.parent / photo) for photo in table["photo"]]
    columns = table.reindex(columns=[PROBABILITY + output for output in outputs])
    return columns.astype(float).set_axis(photos, axis=0)


def _normal(path: Path) -> str:
    """An absolute path without `..`, links kept, so that two relative paths to one photo become equal."""
    return os.path.normpath(path.absolute())
