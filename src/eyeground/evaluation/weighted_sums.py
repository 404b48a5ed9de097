"""Statistics that are functions of weighted sums over patients: all of them resample in one matrix product.

Leaving a patient out subtracts a row, so their jackknife needs no pass over the patients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class OfSums:
    """A statistic of patient weights that needs only sums.

    Attributes:
        sums: Shape (columns of the weights, sums): what each patient adds.
        value: From weighted sums, shape (resamples, sums), to the statistic's values, shape (metrics, resamples).
    """

    sums: np.ndarray
    value: Callable[[np.ndarray], np.ndarray]

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Values, shape (metrics, resamples), for weights of shape (resamples, columns)."""
        return self.value(weights @ self.sums)

    def left_out(self, group: np.ndarray) -> np.ndarray:
        """Values without each group of patients in turn, shape (metrics, groups).

        Args:
            group: Shape (columns,): each column's group, numbered from 0.
        """
        of_group = np.stack([np.bincount(group, column) for column in self.sums.T], axis=1)
        return self.value(self.sums.sum(axis=0) - of_group)


Statistic = Callable[[np.ndarray], np.ndarray]


def combined(statistics: Sequence[Statistic], value: Statistic) -> Statistic:
    """A statistic of other statistics, by sums if all of them are.

    Args:
        value: From their values one below the other, shape (metrics of all, resamples), to its own.
    """
    of_sums = [of for of in statistics if isinstance(of, OfSums)]
    if len(of_sums) < len(statistics):
        return lambda weights: value(np.concatenate([of(weights) for of in statistics]))
    return OfSums(np.hstack([of.sums for of in of_sums]), lambda sums: value(np.concatenate(values_of(of_sums, sums))))


def values_of(statistics: Sequence[OfSums], sums: np.ndarray) -> list[np.ndarray]:
    """The values of each statistic, for the weighted sums of all side by side."""
    ends = np.cumsum([of.sums.shape[1] for of in statistics])
    return [of.value(sums[:, end - of.sums.shape[1] : end]) for of, end in zip(statistics, ends, strict=True)]
