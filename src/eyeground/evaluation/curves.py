"""The ROC curve of one output and the band in which it lies with 95 % confidence, point by point.

The band is vertical: at each false-positive rate, the middle 95 % of the true-positive rates of resampled
patients. It is a band for each point, not for the whole curve at once, which would be wider.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_curve

from eyeground.evaluation.bootstrap import CONFIDENCE, Resampling
from eyeground.evaluation.samples import Sample
from eyeground.progress import track


@dataclass(frozen=True)
class RocCurve:
    """An ROC curve with its band.

    Attributes
    ----------
    false_positive_rate, true_positive_rate : numpy.ndarray
        Corners of the curve, from (0, 0) to (1, 1).
    grid : numpy.ndarray
        False-positive rates at which the band is given; empty where there is no band.
    low, high : numpy.ndarray
        True-positive rates between which the curve lies, one pair for each of `grid`.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    grid: np.ndarray
    low: np.ndarray
    high: np.ndarray


def roc_with_band(sample: Sample, resampling: Resampling, points: int = 201) -> RocCurve:
    """The curve of a sample that has both classes, and its band from the given resamples of patients.

    There is no band where fewer than two patients carry a class, or without resamples.
    """
    false_positive_rate, true_positive_rate, _ = roc_curve(sample.truth, sample.probability)
    grid, low, high = np.empty(0), np.empty(0), np.empty(0)
    if resampling.resamples and min(sample.patients(0), sample.patients(1)) > 1:
        # Finer near 0, where curves rise and screening works.
        grid = np.linspace(0, 1, points) ** 2
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(_resampled(sample, resampling, grid), [tail, 1 - tail], axis=0)
    return RocCurve(false_positive_rate, true_positive_rate, grid, low, high)


def _resampled(sample: Sample, resampling: Resampling, grid: np.ndarray) -> np.ndarray:
    """True-positive rates at the false-positive rates of `grid`, shape (resamples that have both classes, grid)."""
    falling = np.argsort(-sample.probability, kind="stable")
    score, positive = sample.probability[falling], sample.truth[falling] == 1
    ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    patient = sample.patient[falling]
    curves = []
    for weights in track(
        resampling.weights(), "resampling the curve", total=len(resampling.chunks()), unit="chunks of resamples"
    ):
        of_photo = weights.take(patient, axis=1)
        found = np.cumsum(of_photo * positive, axis=1)
        wrong = (np.cumsum(of_photo, axis=1) - found).take(ends, axis=1)
        found = found.take(ends, axis=1)
        for true, false in zip(found, wrong, strict=True):
            if true[-1] and false[-1]:
                curves.append(np.interp(grid, np.append(0.0, false / false[-1]), np.append(0.0, true / true[-1])))
    return np.array(curves)
