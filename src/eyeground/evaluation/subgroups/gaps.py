"""The gap between two groups of photos: its interval and its p-value, which never disagree.

A gap that rests on few patients is not tested: with fewer than ten, p-values are too small.
"""

from dataclasses import dataclass

from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate, few_patients_note
from eyeground.evaluation.inversion import Contrast
from eyeground.evaluation.sampled import Sampled

GAP = "_gap"


@dataclass(frozen=True)
class Gap:
    """One metric of a group minus that of the photos it is compared with.

    Attributes:
        estimate: Its metric is named like `auroc_gap`.
        p: Two-sided, where the interval begins to hold 0; None where nothing was tested, and the note says why.
        p_holm: `p`, adjusted for all gaps of the same metric.
    """

    estimate: Estimate
    p: float | None = None
    p_holm: float | None = None


def apart(one: Sampled, other: Sampled) -> Sampled:
    """One metric of `one` minus that of `other`, named as a gap."""
    return (one - other).named(one.metric + GAP)


def gap_between(one: Sampled, other: Sampled) -> Gap:
    """The gap of one metric: `one` minus `other`, resample by resample."""
    difference = apart(one, other)
    is_tested = difference.support.patients >= FEW_PATIENTS
    return Gap(difference.interval(), p=difference.p() if is_tested else None)


def tested_gap(difference: Sampled, contrast: Contrast | str | None) -> Gap:
    """The gap of a metric that has a method of its own.

    Args:
        difference: Named as the gap; its support, and why it is not estimable.
        contrast: Of that method, or why there is no interval; None only where the difference is not estimable.
    """
    if difference.why_not or contrast is None:
        return Gap(difference.interval())
    if isinstance(contrast, str):
        return Gap(Estimate(difference.metric, difference.point, note=f"no interval: {contrast}"))
    support = difference.support
    if support.patients < 2:
        return Gap(
            Estimate(difference.metric, difference.point, note=f"no interval: only {support.patients} {support.of}")
        )
    estimate = contrast.interval(difference.metric, few_patients_note(support))
    return Gap(estimate, p=contrast.p() if support.patients >= FEW_PATIENTS else None)
