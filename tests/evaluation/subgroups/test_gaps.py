"""Gaps between groups: what is tested, what is not, and a published example where resampling tells nothing."""

import numpy as np
import pytest

from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.subgroups.gaps import Gap, gap_between
from eyeground.evaluation.subgroups.groups import Group, GroupEstimate, holm_adjusted

PLENTY = Support(100, "patients")


@pytest.mark.parametrize(("positive", "negative", "low"), [(10, 20, 0.6791), (10, 10, 0.6075)])
def test_groups_that_agree_fully_meet_newcombes_published_interval(positive, negative, low):
    """Newcombe (1998), table II, method 10: 10/10 - 0/20 is 1 (0.6791 to 1), 10/10 - 0/10 is 1 (0.6075 to 1)."""
    one, other = (
        Sampled("sensitivity", value, np.full(100, value), Support(patients, "patients"), is_proportion=True)
        for value, patients in ((1.0, positive), (0.0, negative))
    )
    gap = gap_between(one, other)
    assert (gap.estimate.low, gap.estimate.high) == (pytest.approx(low, abs=5e-5), pytest.approx(1))
    assert gap.p is None
    assert "not tested" in gap.estimate.note


def test_what_rests_on_few_patients_has_an_interval_and_no_p():
    resampled = np.random.default_rng(0).normal(0.3, 0.01, 500)
    few = Sampled("auroc", 0.8, 0.5 + resampled, Support(9, "patients with positives"))
    many = Sampled("auroc", 0.5, np.linspace(0.49, 0.51, 500), PLENTY)
    gap = gap_between(few, many)
    assert gap.p is None
    assert gap.estimate.low is not None
    assert "rests on only 9 patients with positives" in gap.estimate.note


def test_a_missing_side_gives_its_reason():
    missing = Sampled("auroc", np.nan, np.full(5, np.nan), PLENTY, why_not="no positives in HRF")
    there = Sampled("auroc", 0.8, np.linspace(0.7, 0.9, 5), PLENTY)
    for gap in (gap_between(missing, there), gap_between(there, missing)):
        assert gap.estimate == Estimate("auroc_gap", None, note="not estimable: no positives in HRF")


def test_mirrored_gaps_are_one_test():
    def of(p):
        gap = Gap(Estimate("auroc_gap", 0.1), p)
        return Group("g", 10, 10, 5, (GroupEstimate(Estimate("auroc", 0.6), None, gap),))

    groups = [of(0.01), of(0.01), of(0.03)]
    assert [one.metrics[0].gap.p_holm for one in holm_adjusted(groups, {1: 0})] == [0.02, 0.02, 0.03]
    assert [one.metrics[0].gap.p_holm for one in holm_adjusted(groups)] == [0.03, 0.03, 0.03]
