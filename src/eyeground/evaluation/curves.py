"""ROC and precision-recall curves with pointwise 95 % bands over patients; see docs/statistics.md.

With folds, a curve is the vertical average of the folds' curves (Fawcett, Pattern Recognition Letters 27 (2006) 861).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eyeground.core.progress import track
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.calibration_measures import equal_mass_bins
from eyeground.evaluation.ranking import Ranking, rank
from eyeground.evaluation.samples import Sample

POINTS = 201
RESAMPLES_OF_BAND = 500  # the edges of a band are seen, not read off
SCORES_OF_BAND = 5000


@dataclass(frozen=True)
class RocCurve:
    """An ROC curve with its band.

    Attributes:
        false_positive_rate, true_positive_rate: Corners of the curve, from (0, 0) to (1, 1).
        grid: False-positive rates at which the band is given; empty where there is no band.
        low, high: True-positive rates between which the curve lies, one pair for each of `grid`.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    grid: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """A precision-recall curve with its band.

    Between two recalls the curve is a step at the precision of the higher one, as average precision takes it:
    a line between two points would promise precisions that no threshold reaches (Davis and Goadrich, 2006).

    Attributes:
        recall, precision: Each recall that is reached, rising from 0, and the precision of the highest threshold that
            reaches it.
        prevalence: Share of positives: the precision of a score that knows nothing.
        grid: Recalls at which the band is given; empty where there is no band.
        low, high: Precisions between which the curve lies, one pair for each of `grid`.
    """

    recall: np.ndarray
    precision: np.ndarray
    prevalence: float
    grid: np.ndarray
    low: np.ndarray
    high: np.ndarray


def has_curve(sample: Sample) -> bool:
    """Whether a sample, or one of its folds where it has folds, has both classes."""
    return bool(_ranked_parts(sample))


def roc_with_band(sample: Sample, resampling: Resampling, points: int = POINTS) -> RocCurve:
    """The ROC curve of a sample that has one (see `has_curve`), and its band from the given resamples of patients.

    There is no band where fewer than two patients carry a class, or without resamples.
    """
    curves = [_roc(part) for part in _ranked_parts(sample)]
    # Finer near 0, where curves rise and screening works.
    grid = np.linspace(0, 1, points) ** 2
    return RocCurve(*_mean_of_lines(curves), *_band(sample, resampling, grid, _sensitivities))


def precision_recall_with_band(sample: Sample, resampling: Resampling, points: int = POINTS) -> PrecisionRecallCurve:
    """The precision-recall curve of a sample that has one (see `has_curve`), and its band from resamples of patients.

    There is no band where fewer than two patients carry a class, or without resamples.
    """
    parts = _ranked_parts(sample)
    curves = [_precision_recall(part) for part in parts]
    prevalence = float(np.mean([np.mean(part.truth == 1) for part in parts]))
    # At recall 0 nothing is called positive, and there is no precision.
    grid = np.linspace(0, 1, points)[1:]
    return PrecisionRecallCurve(*_mean_of_steps(curves), prevalence, *_band(sample, resampling, grid, _precisions))


def _ranked_parts(sample: Sample) -> list[Sample]:
    """What is ranked by itself: the folds that have both classes, or the sample if it has no folds."""
    return [part for part in list(sample.by_fold().values()) or [sample] if not part.missing_class()]


def _precision_recall(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Each recall that is reached, rising from 0, and the precision of the highest threshold that reaches it."""
    false, true = _counts(sample)
    first = np.flatnonzero(np.diff(true, prepend=0))
    precision = true[first] / (true[first] + false[first])
    # At recall 0 there is no precision; the first step begins there.
    return np.append(0.0, true[first] / true[-1]), np.append(precision[0], precision)


def _roc(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """False- and true-positive rates at the corners of the curve, from (0, 0) to (1, 1)."""
    false, true = (np.append(0, counts) for counts in _counts(sample))
    right, up = np.diff(false), np.diff(true)
    # A point on the straight line between its neighbours is no corner.
    is_corner = np.concatenate([[True], right[:-1] * up[1:] != right[1:] * up[:-1], [True]])
    return false[is_corner] / false[-1], true[is_corner] / true[-1]


def _counts(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """False and true positives at every score that occurs, falling."""
    _, score = np.unique(-sample.probability, return_inverse=True)
    true = np.bincount(score, sample.truth == 1).astype(np.int64).cumsum()
    return np.bincount(score).cumsum() - true, true


def _mean_of_lines(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The mean height of curves of straight lines, upright ones included: both ends of those are kept."""
    if len(curves) == 1:
        return curves[0]
    across = np.unique(np.concatenate([curve[0] for curve in curves]))
    # Where several points lie above each other, `interp` takes the last of them: the lower end if read backwards.
    lower = np.mean([np.interp(-across, -x[::-1], y[::-1]) for x, y in curves], axis=0)
    upper = np.mean([np.interp(across, x, y) for x, y in curves], axis=0)
    return np.repeat(across, 2), np.stack([lower, upper], axis=1).ravel()


def _mean_of_steps(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The mean height of curves that are, up to each point, as high as that point."""
    if len(curves) == 1:
        return curves[0]
    across = np.unique(np.concatenate([curve[0] for curve in curves]))
    return across, np.mean([y[np.searchsorted(x, across)] for x, y in curves], axis=0)


Heights = Callable[[Ranking, np.ndarray, np.ndarray], np.ndarray]


def _band(
    sample: Sample, resampling: Resampling, grid: np.ndarray, heights: Heights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the band is given, and its lower and upper edge; all empty where there is none."""
    if not resampling.resamples or min(sample.patients(0), sample.patients(1)) < 2:
        return np.empty(0), np.empty(0), np.empty(0)
    rankings = [rank(part.truth, _in_bins(part.probability), part.column) for part in _ranked_parts(sample)]
    curves = [
        np.mean([heights(ranking, weights, grid) for ranking in rankings], axis=0)
        for weights in track(
            resampling.weights(), "resampling the curve", total=len(resampling.chunks()), unit="chunks of resamples"
        )
    ]
    resampled = np.concatenate(curves)
    estimable = resampled[~np.isnan(resampled).any(axis=1)]
    if not len(estimable):
        return np.empty(0), np.empty(0), np.empty(0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(estimable, [tail, 1 - tail], axis=0)
    return grid, low, high


def _in_bins(score: np.ndarray) -> np.ndarray:
    """The scores, or of very many the numbers of `SCORES_OF_BAND` bins of equally many: finer than any band is drawn."""
    return score if len(score) <= SCORES_OF_BAND else equal_mass_bins(score, SCORES_OF_BAND)


def _sensitivities(ranking: Ranking, weights: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """True-positive rates, shape (resamples, grid), at the false-positive rates of `grid`; NaN without both classes."""
    negative, in_run = ranking.in_runs(weights)
    positive = in_run.cumsum(axis=1)
    # A run of positives rises from corner to corner, and goes right only where it ties with negatives.
    wrong = np.stack([negative.take(ranking.above, axis=1), negative.take(ranking.upto, axis=1)], axis=2)
    found = np.stack([np.pad(positive[:, :-1], ((0, 0), (1, 0))), positive], axis=2)
    rates = np.full((len(weights), len(grid)), np.nan)
    for rate, true, false, negatives in zip(rates, found, wrong, negative[:, -1], strict=True):
        positives = true[-1, -1]
        if positives and negatives:
            right, up = np.append(false.ravel(), negatives), np.append(true.ravel(), positives)
            rate[:] = np.interp(grid, right / negatives, up / positives)
    return rates


def _precisions(ranking: Ranking, weights: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Precisions, shape (resamples, grid), at the recalls of `grid`; NaN without both classes.

    The precision at a recall is that of the highest threshold which reaches it.
    """
    negative, _ = ranking.in_runs(weights)
    found = weights.take(ranking.positives, axis=1).cumsum(axis=1).take(ranking.score_ends, axis=1)
    wrong = negative.take(ranking.score_upto, axis=1)
    precisions = np.full((len(weights), len(grid)), np.nan)
    for precision, true, false, negatives in zip(precisions, found, wrong, negative[:, -1], strict=True):
        if true[-1] and negatives:
            # Whole photos: rounding must not ask for one more than the recall needs.
            reached = np.searchsorted(true, np.ceil(grid * true[-1] - 1e-9).astype(true.dtype))
            precision[:] = true[reached] / (true[reached] + false[reached])
    return precisions
