"""Statistics of sums are those of weights, and their jackknife is that of leaving patients out."""

import numpy as np
import pytest

from eyeground.evaluation.intervals import jackknife
from eyeground.evaluation.weighted_sums import OfSums, Statistic, combined


def share(sums: np.ndarray) -> np.ndarray:
    return (sums[:, 0] / sums[:, 1])[np.newaxis]


def by_weights(of: OfSums) -> Statistic:
    """The same without its sums being known."""
    return lambda weights: of.value(weights @ of.sums)


def test_leaving_out_by_subtraction_is_leaving_out_by_weight():
    rows = np.random.default_rng(0).random((2500, 2))
    of = OfSums(rows, share)
    by_subtraction, by_weight = jackknife([of, by_weights(of)], len(rows))
    assert by_subtraction.shape == (1, 1000)
    assert by_subtraction == pytest.approx(by_weight)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_combination_has_the_values_of_its_parts(wrapped):
    generator = np.random.default_rng(1)
    parts = [OfSums(generator.random((50, 2)), share), OfSums(generator.random((50, 3)), lambda sums: sums.T)]
    weights = generator.integers(0, 3, (4, 50))
    statistics = [parts[0], by_weights(parts[1]) if wrapped else parts[1]]
    whole = combined(statistics, lambda rows: rows.sum(axis=0, keepdims=True))
    assert isinstance(whole, OfSums) != wrapped
    assert whole(weights)[0] == pytest.approx(parts[0](weights)[0] + parts[1](weights).sum(axis=0))
