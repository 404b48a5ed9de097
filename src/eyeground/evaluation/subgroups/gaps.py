"""The gap between two groups of photos: its interval and its bootstrap p-value, which never disagree.

A gap that rests on few patients is not tested, because resamples of few patients give p-values that are too small.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate
from eyeground.evaluation.sampled import Sampled

GAP = "_gap"


@dataclass(frozen=True)
class Gap:
    """One metric of a group minus that of the photos it is compared with.

    Attributes:
        estimate: Its metric is named like `auroc_gap`.
        p: Two-sided, from the bootstrap; None where nothing was tested, and the note says why.
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
