"""AUROC and AUPRC of one output under any number of weightings, with the scores sorted once.

Weights are summed in runs of positives and negatives by one sparse matrix. All sums are of integers, hence exact.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array


@dataclass(frozen=True)
class Ranking:
    """The order of one output's scores. Build it with `rank`.

    Attributes:
        positives: Columns of the weights that belong to the positive photos, by falling score.
        runs: Shape (runs, columns): how many photos of each column are in each run, first the runs of negatives and
            then those of positives, both by falling score.
        negative_runs: How many of the runs are of negatives.
        above, upto: For each run of positives: how many runs of negatives score higher, and how many at least as high.
        score_ends: Last positive of each distinct score among the positives.
        score_upto: For each distinct score among the positives: how many runs of negatives score at least as high.
    """

    positives: np.ndarray
    runs: csc_array
    negative_runs: int
    above: np.ndarray
    upto: np.ndarray
    score_ends: np.ndarray
    score_upto: np.ndarray

    def auroc(self, weights: np.ndarray) -> np.ndarray:
        """Area under the ROC curve: the share of (positive, negative) pairs in order, a tie counting half.

        Args:
            weights: Shape (resamples, columns), non-negative integers.

        Returns:
            Shape (resamples,); NaN where a class has no weight.
        """
        negative, positive = self.in_runs(weights)
        twice_wrong = np.einsum(
            "ij,ij->i", positive, negative.take(self.above, axis=1) + negative.take(self.upto, axis=1)
        )
        return 1 - _ratio(twice_wrong, 2 * positive.sum(axis=1) * negative[:, -1])

    def auprc(self, weights: np.ndarray) -> np.ndarray:
        """Area under the precision-recall curve as average precision, without interpolation.

        Parameters and result are those of `auroc`; NaN where a class has no weight.
        """
        negative, _ = self.in_runs(weights)
        found = weights.take(self.positives, axis=1).cumsum(axis=1).take(self.score_ends, axis=1)
        gained = np.diff(found, axis=1, prepend=0)
        # Where nothing is called positive yet, nothing is gained either, so the 1 is never seen.
        precision = found / np.maximum(found + negative.take(self.score_upto, axis=1), 1)
        area = np.einsum("ij,ij->i", gained, precision)
        return np.where(negative[:, -1] > 0, _ratio(area, found[:, -1]), np.nan)

    def in_runs(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum weights by falling score.

        Returns:
            negative: Shape (resamples, runs of negatives + 1): weight of the negatives in the first k runs, k from 0.
            positive: Shape (resamples, runs of positives): weight of the positives in each run.
        """
        # Columns beyond those ranked are patients of other outputs or folds.
        summed = (self.runs @ weights[:, : self.runs.shape[1]].T).T
        negative = np.zeros((len(weights), self.negative_runs + 1), dtype=np.int64)
        np.cumsum(summed[:, : self.negative_runs], axis=1, out=negative[:, 1:])
        return negative, summed[:, self.negative_runs :]


def rank(truth: np.ndarray, score: np.ndarray, column: np.ndarray) -> Ranking:
    """Work out the order of scores.

    Args:
        truth: Shape (photos,), 0 or 1, with at least one of each.
        score: Shape (photos,); higher means more likely positive.
        column: Shape (photos,): which column of the weights belongs to each photo, usually its patient's number.
    """
    falling = np.argsort(-score, kind="stable")
    is_positive = truth[falling] == 1
    positive_scores, negative_scores = -score[falling][is_positive], -score[falling][~is_positive]
    above = np.searchsorted(negative_scores, positive_scores, side="left")
    upto = np.searchsorted(negative_scores, positive_scores, side="right")
    # Bounds of the runs of negatives; the last bound closes the last run.
    bounds = np.unique(np.concatenate([[0], above, upto, [len(negative_scores)]]))
    run_starts = _starts(above, upto)
    score_starts = _starts(positive_scores)
    run = np.empty(len(truth), dtype=np.int32)
    run[~is_positive] = _number(bounds[:-1], len(negative_scores))
    run[is_positive] = len(bounds) - 1 + _number(run_starts, len(positive_scores))
    return Ranking(
        positives=column[falling][is_positive],
        runs=csc_array((np.ones(len(truth), dtype=np.int64), (run, column[falling].astype(np.int32)))),
        negative_runs=len(bounds) - 1,
        above=np.searchsorted(bounds, above[run_starts]),
        upto=np.searchsorted(bounds, upto[run_starts]),
        score_ends=np.append(score_starts[1:], len(positive_scores)) - 1,
        score_upto=np.searchsorted(bounds, upto[score_starts]),
    )


def _number(starts: np.ndarray, rows: int) -> np.ndarray:
    """The run of each row."""
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=rows))


def _starts(*columns: np.ndarray) -> np.ndarray:
    """Indices at which any of the columns changes, the first row included."""
    changes = np.any([np.diff(column) != 0 for column in columns], axis=0)
    return np.flatnonzero(np.concatenate([[True], changes]))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    ratio: np.ndarray = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)
    return ratio
