"""A gap's p-value agrees with its interval, and a published example is met where resampling tells nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.subgroups.gaps import Side, bootstrap_p, gap_between
from eyeground.evaluation.subgroups.groups import Group, GroupEstimate, holm_adjusted

RESAMPLES = 2000
PLENTY = Support(100, "patients")


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


@pytest.mark.parametrize(("positive", "negative", "low"), [(10, 20, 0.6791), (10, 10, 0.6075)])
def test_groups_that_agree_fully_meet_newcombes_published_interval(positive, negative, low):
    """Newcombe (1998), table II, method 10: 10/10 - 0/20 is 1 (0.6791 to 1), 10/10 - 0/10 is 1 (0.6075 to 1)."""
    square = norm.ppf(0.975) ** 2
    one = Estimate("sensitivity", 1.0, positive / (positive + square), 1.0)
    other = Estimate("sensitivity", 0.0, 0.0, square / (negative + square))
    gap = gap_between(Side(one, np.ones(100), PLENTY), Side(other, np.zeros(100), PLENTY))
    assert (gap.estimate.low, gap.estimate.high) == (pytest.approx(low, abs=5e-5), pytest.approx(1))
    assert gap.p is None
    assert "not tested" in gap.estimate.note


def test_what_rests_on_few_patients_has_an_interval_and_no_p():
    resampled = np.random.default_rng(0).normal(0.3, 0.01, 500)
    few = Side(Estimate("auroc", 0.8, 0.7, 0.9), 0.5 + resampled, Support(9, "patients with positives"))
    many = Side(Estimate("auroc", 0.5, 0.4, 0.6), resampled * 0 + np.linspace(0.49, 0.51, 500), PLENTY)
    gap = gap_between(few, many)
    assert gap.p is None
    assert gap.estimate.low is not None
    assert "rests on only 9 patients with positives" in gap.estimate.note


def test_a_missing_side_gives_its_reason():
    missing = Side(Estimate("auroc", None, note="not estimable: no positives in HRF"), np.full(5, np.nan), PLENTY)
    there = Side(Estimate("auroc", 0.8, 0.7, 0.9), np.linspace(0.7, 0.9, 5), PLENTY)
    for gap in (gap_between(missing, there), gap_between(there, missing)):
        assert gap.estimate == Estimate("auroc_gap", None, note="not estimable: no positives in HRF")


def test_mirrored_gaps_are_one_test():
    def of(p):
        gap = gap_between(
            Side(Estimate("auroc", 0.6, 0.5, 0.7), np.linspace(0, 1, 9), PLENTY),
            Side(Estimate("auroc", 0.5, 0.4, 0.6), np.linspace(1, 0, 9), PLENTY),
        )
        return Group("g", 10, 10, 5, (GroupEstimate(Estimate("auroc", 0.6), None, type(gap)(gap.estimate, p)),))

    groups = [of(0.01), of(0.01), of(0.03)]
    assert [one.figures[0].gap.p_holm for one in holm_adjusted(groups, {1: 0})] == [0.02, 0.02, 0.03]
    assert [one.figures[0].gap.p_holm for one in holm_adjusted(groups)] == [0.03, 0.03, 0.03]
