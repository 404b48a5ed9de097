"""AUROC and AUPRC of one output under any number of weightings, the scores sorted once.

Both depend on the scores only through their order. So the order is worked out once: every positive knows how
many negatives stand above it and how many tie with it. Negatives between two neighbouring positives, and
positives between two neighbouring negatives, always count together, so their weights are summed in runs first;
of 61,007 photos some 7,000 runs are left to accumulate. All sums are of integers, hence exact, ties included.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """The order of one output's scores. Build it with `rank`.

    Attributes
    ----------
    positives, negatives : numpy.ndarray
        Columns of the weights that belong to the positive and the negative photos, by falling score.
    negative_runs : numpy.ndarray
        First negative of each run of negatives.
    positive_runs : numpy.ndarray
        First positive of each run of positives.
    above, upto : numpy.ndarray
        For each run of positives: how many runs of negatives score higher, and how many at least as high.
    score_ends : numpy.ndarray
        Last positive of each distinct score among the positives.
    score_upto : numpy.ndarray
        For each distinct score among the positives: how many runs of negatives score at least as high.
    """

    positives: np.ndarray
    negatives: np.ndarray
    negative_runs: np.ndarray
    positive_runs: np.ndarray
    above: np.ndarray
    upto: np.ndarray
    score_ends: np.ndarray
    score_upto: np.ndarray

    def auroc(self, weights: np.ndarray) -> np.ndarray:
        """Area under the ROC curve: the share of (positive, negative) pairs in order, a tie counting half.

        Parameters
        ----------
        weights : numpy.ndarray
            Shape (resamples, columns), non-negative integers.

        Returns
        -------
        numpy.ndarray
            Shape (resamples,); NaN where a class has no weight.
        """
        negative = self._negatives_above(weights)
        positive = np.add.reduceat(weights.take(self.positives, axis=1), self.positive_runs, axis=1)
        twice_wrong = np.einsum(
            "ij,ij->i", positive, negative.take(self.above, axis=1) + negative.take(self.upto, axis=1)
        )
        return 1 - _ratio(twice_wrong, 2 * positive.sum(axis=1) * negative[:, -1])

    def auprc(self, weights: np.ndarray) -> np.ndarray:
        """Area under the precision-recall curve as average precision, without interpolation.

        Parameters and result are those of `auroc`; NaN where a class has no weight.
        """
        negative = self._negatives_above(weights)
        found = weights.take(self.positives, axis=1).cumsum(axis=1).take(self.score_ends, axis=1)
        gained = np.diff(found, axis=1, prepend=0)
        # Where nothing is called positive yet, nothing is gained either, so the 1 is never seen.
        precision = found / np.maximum(found + negative.take(self.score_upto, axis=1), 1)
        area = np.einsum("ij,ij->i", gained, precision)
        return np.where(negative[:, -1] > 0, _ratio(area, found[:, -1]), np.nan)

    def _negatives_above(self, weights: np.ndarray) -> np.ndarray:
        """Weight of the negatives in the first k runs, shape (resamples, runs + 1)."""
        runs = np.add.reduceat(weights.take(self.negatives, axis=1), self.negative_runs, axis=1)
        total = np.zeros((len(weights), runs.shape[1] + 1), dtype=np.int64)
        np.cumsum(runs, axis=1, out=total[:, 1:])
        return total


def rank(truth: np.ndarray, score: np.ndarray, column: np.ndarray) -> Ranking:
    """Work out the order of scores.

    Parameters
    ----------
    truth : numpy.ndarray
        Shape (photos,), 0 or 1, with at least one of each.
    score : numpy.ndarray
        Shape (photos,); higher means more likely positive.
    column : numpy.ndarray
        Shape (photos,): which column of the weights belongs to each photo, usually its patient's number.
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
    return Ranking(
        positives=column[falling][is_positive],
        negatives=column[falling][~is_positive],
        negative_runs=bounds[:-1],
        positive_runs=run_starts,
        above=np.searchsorted(bounds, above[run_starts]),
        upto=np.searchsorted(bounds, upto[run_starts]),
        score_ends=np.append(score_starts[1:], len(positive_scores)) - 1,
        score_upto=np.searchsorted(bounds, upto[score_starts]),
    )


def _starts(*columns: np.ndarray) -> np.ndarray:
    """Indices at which any of the columns changes, the first row included."""
    changes = np.any([np.diff(column) != 0 for column in columns], axis=0)
    return np.flatnonzero(np.concatenate([[True], changes]))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    ratio: np.ndarray = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)
    return ratio
