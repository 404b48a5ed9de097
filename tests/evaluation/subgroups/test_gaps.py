"""Gaps between groups: what is tested and what is not."""

import numpy as np

from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.subgroups.gaps import Gap, gap_between
from eyeground.evaluation.subgroups.group_tables import gaps_beyond_chance
from eyeground.evaluation.subgroups.groups import Group, GroupEstimate, holm_adjusted

PLENTY = Support(100, "patients")


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


def test_gaps_beyond_chance_are_counted_within_each_metric():
    def tested(metric: str, p: float | None) -> GroupEstimate:
        return GroupEstimate(Estimate(metric, 0.8), gap=Gap(Estimate(f"{metric}_gap", 0.2, 0.1, 0.3), p, p))

    groups = [
        ("in a", Group("a", 9, 9, 3, (tested("auroc", 0.01), tested("brier", 0.5)))),
        ("in b", Group("b", 9, 9, 3, (tested("auroc", 0.5), tested("brier", None)))),
    ]
    told = gaps_beyond_chance(groups, rules=0)
    assert "AUROC 1 of 2, Brier score none of 1: AUROC in a +0.200" in told
    assert gaps_beyond_chance(groups[:0], rules=0) == "no gap could be tested."
