"""Values on resamples: differences and means are taken resample by resample, and p agrees with the interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from eyeground.evaluation.estimates import Support
from eyeground.evaluation.sampled import Sampled, bootstrap_p, mean

RESAMPLES = 2000
PLENTY, FEW = Support(100, "patients with positives"), Support(30, "patients with negatives")


def sampled(point: float, seed: int, support: Support = PLENTY, spread: float = 0.02, why_not: str = "") -> Sampled:
    resampled = np.random.default_rng(seed).normal(point, spread, RESAMPLES)
    return Sampled("auroc", point, resampled, support, why_not)


def test_a_difference_is_taken_resample_by_resample_and_rests_on_the_scarcer_support():
    one, shift = sampled(0.8, seed=1), 0.1
    other = Sampled("auroc", one.point - shift, one.resampled - shift, FEW)
    difference = (one - other).named("auroc_difference")
    assert difference.resampled == pytest.approx(shift)
    assert difference.point == pytest.approx(shift)
    assert difference.support == FEW
    assert difference.metric == difference.interval().metric == "auroc_difference"


def test_an_independent_difference_has_the_variance_of_both_and_a_p_that_agrees_with_its_interval():
    difference = sampled(0.8, seed=1) - sampled(0.8, seed=2)
    assert difference.resampled.std() == pytest.approx(0.02 * np.sqrt(2), rel=0.05)
    estimate, p = difference.interval(), difference.p()
    assert estimate.low < 0 < estimate.high
    assert p > 0.05


def test_what_is_missing_on_either_side_is_missing_from_the_difference_and_from_a_mean():
    there, missing = sampled(0.8, seed=1), sampled(np.nan, seed=2, why_not="no positives in test")
    for difference in (there - missing, missing - there):
        assert difference.interval().value is None
        assert "no positives in test" in difference.interval().note
        assert difference.p() is None
    assert mean([missing, there]).point == there.point
    assert mean([missing]).why_not == "no positives in test"


def test_a_mean_is_joint_and_rests_on_the_scarcest_support():
    one, other = sampled(0.8, seed=1), sampled(0.6, seed=2, support=FEW)
    averaged = mean([one, other])
    assert averaged.point == pytest.approx(0.7)
    assert averaged.resampled == pytest.approx((one.resampled + other.resampled) / 2)
    assert averaged.support == FEW


def test_without_resamples_there_is_a_value_and_neither_interval_nor_p():
    alone = Sampled("auroc", 0.8, np.empty(0), PLENTY)
    assert (alone.interval().value, alone.interval().low, alone.p()) == (0.8, None, None)


@given(st.integers(0, 10_000), st.floats(-3.5, 3.5))
def test_p_is_below_the_level_exactly_where_the_interval_leaves_out_zero(seed, shift):
    resampled = np.random.default_rng(seed).normal(shift, 1, RESAMPLES)
    low, high = np.quantile(resampled, [0.025, 0.975])
    p = bootstrap_p(resampled)
    if p < 0.048:
        assert low > 0 or high < 0
    if p > 0.052:
        assert low <= 0 <= high


@pytest.mark.parametrize("z", [0.0, 0.5, 1.0, 1.96, 2.5])
def test_p_of_a_normal_difference_is_that_of_the_normal_test(z):
    quantiles = norm.ppf((np.arange(RESAMPLES) + 0.5) / RESAMPLES) + z
    assert bootstrap_p(quantiles) == pytest.approx(2 * norm.sf(z), abs=0.0015)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_turning_the_difference_round_leaves_p_and_it_is_never_zero(values):
    resampled = np.array(values)
    assert bootstrap_p(resampled) == bootstrap_p(-resampled)
    assert 0 < bootstrap_p(resampled) <= 1


def test_bootstrap_p_is_where_the_interval_begins_to_hold_zero():
    resampled = np.random.default_rng(5).normal(1.8, 1, 4999)
    p = bootstrap_p(resampled)
    assert p == pytest.approx(0.072, abs=0.01)
    assert np.quantile(resampled, p / 2 - 0.001) < 0 < np.quantile(resampled, p / 2 + 0.001)
    assert bootstrap_p(-resampled) == p
    assert bootstrap_p(np.zeros(10)) == 1
    assert bootstrap_p(np.full(99, 0.1)) == 0.02


def test_p_falls_on_below_what_the_number_of_resamples_can_show():
    """180 gaps times the floor of 2,000 resamples, 0.001, would leave nothing significant."""
    quantiles = norm.ppf((np.arange(RESAMPLES) + 0.5) / RESAMPLES) + 6
    assert bootstrap_p(quantiles) == pytest.approx(2 * norm.sf(6), rel=0.2)
    assert bootstrap_p(-quantiles) == pytest.approx(bootstrap_p(quantiles))
    barely = np.append(quantiles, -0.001)
    assert bootstrap_p(barely) == pytest.approx(4 / (RESAMPLES + 2))
