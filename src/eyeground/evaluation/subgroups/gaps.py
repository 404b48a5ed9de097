"""The gap between two groups of photos: its interval and its p-value, which never disagree.

A gap that rests on few patients is not tested: with fewer than ten, p-values are too small.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.auroc_limits import auroc_gap
from eyeground.evaluation.delong import DeLong
from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate, few_patients_note
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


def gap_between(one: Sampled, other: Sampled) -> Gap:
    """The gap of one metric: `one` minus `other`, resample by resample."""
    difference = (one - other).named(one.metric + GAP)
    if not difference.why_not and (_constant(one.resampled) or _constant(other.resampled)):
        return Gap(_of_intervals(difference.metric, one.interval(), other.interval()))
    is_tested = difference.support.patients >= FEW_PATIENTS
    return Gap(difference.interval(), p=difference.p() if is_tested else None)


@dataclass(frozen=True)
class Ranked:
    """A group's AUROC: on resamples, and by DeLong (None where it is not estimable)."""

    value: Sampled
    found: DeLong | None


def auroc_gap_between(one: Ranked, other: Ranked, *, share_patients: bool) -> Gap:
    """The gap of AUROC, `one` minus `other`, from the moderated DeLong intervals of both.

    Args:
        share_patients: Whether a patient of the same number in both is the same patient.
    """
    difference = (one.value - other.value).named(one.value.metric + GAP)
    if difference.why_not or one.found is None or other.found is None:
        return Gap(difference.interval())
    if why := one.found.why_no_variance() or other.found.why_no_variance():
        return Gap(Estimate(difference.metric, difference.point, note=f"no interval: {why}"))
    contrast = auroc_gap(one.found, other.found, share_patients=share_patients)
    estimate = contrast.interval(difference.metric, few_patients_note(difference.support))
    return Gap(estimate, p=contrast.p() if difference.support.patients >= FEW_PATIENTS else None)


def _of_intervals(metric: str, one: Estimate, other: Estimate) -> Estimate:
    """A gap where all photos of a group agree, so that resampling them does not show their variance.

    Its interval then follows from those of the two groups (Newcombe, Statistics in Medicine 17 (1998) 873, method
    10), which takes them for independent.
    """
    first, second = float(one.value or 0), float(other.value or 0)
    value = first - second
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(metric, value, note="no interval: one of the two groups has none")
    low = value - float(np.hypot(first - one.low, other.high - second))
    high = value + float(np.hypot(one.high - first, second - other.low))
    return Estimate(metric, value, low, high, "all photos of a group agree; not tested")


def _constant(resampled: np.ndarray) -> bool:
    known = resampled[~np.isnan(resampled)]
    return len(known) > 0 and bool(np.ptp(known) < 1e-12)
