"""Intervals of differences from intervals of their parts, against published ones, and p by inversion."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from eyeground.evaluation.inversion import ERROR, Contrast, Limits, mover


def wilson(successes: int, trials: int) -> tuple[float, Limits]:
    def limits(error: float) -> tuple[float, float]:
        return tuple(binomtest(successes, trials).proportion_ci(1 - error, method="wilson"))

    return successes / trials, limits


@pytest.mark.parametrize(
    ("counts", "limits"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ],
)
def test_of_wilson_intervals_it_is_newcombes_published_interval(counts, limits):
    """Newcombe (1998), table II, method 10."""
    first, trials, second, others = counts
    assert mover(wilson(first, trials), wilson(second, others)).limits(ERROR) == pytest.approx(limits, abs=5e-5)


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.9])
def test_of_normal_intervals_it_is_the_normal_test_of_correlated_means(correlation):
    def normal(value: float, spread: float) -> tuple[float, Limits]:
        return value, lambda error: (value - spread * norm.isf(error / 2), value + spread * norm.isf(error / 2))

    found = mover(normal(0.30, 0.05), normal(0.22, 0.03), correlation)
    spread = np.sqrt(0.05**2 + 0.03**2 - 2 * correlation * 0.05 * 0.03)
    assert found.p() == pytest.approx(2 * norm.sf(0.08 / spread))
    assert found.limits(ERROR) == pytest.approx((0.08 - 1.959964 * spread, 0.08 + 1.959964 * spread))


def test_p_of_no_difference_is_one_and_of_one_far_away_very_small():
    def contrast(value: float) -> Contrast:
        return Contrast(value, lambda error: (value - norm.isf(error / 2), value + norm.isf(error / 2)))

    assert contrast(0.0).p() == 1
    assert contrast(-9.0).p() == pytest.approx(2 * norm.sf(9))
    assert contrast(90.0).p() == 1e-100
