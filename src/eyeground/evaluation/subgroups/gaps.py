"""The gap between two groups of photos: its interval and its p-value, from resamples of both.

Groups of one study are weighed with the same resamples, so a patient on both sides (one eye left, one right) is
taken for one person; datasets are resampled each by itself, and their gap is that of independent samples. The
p-value is the level at which the percentile interval would begin to leave out 0, so the two never disagree. What
rests on a handful of patients gets an interval but no p: resamples of few patients give p-values that are too small.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate, Support, with_interval

GAP = "_gap"


@dataclass(frozen=True)
class Gap:
    """One metric of a group minus that of the photos it is held against.

    Attributes:
        estimate: Its metric is named like `auroc_gap`.
        p: Two-sided, from the bootstrap; None where nothing was tested, and the note says why.
        p_holm: `p`, adjusted for all gaps of the same metric.
    """

    estimate: Estimate
    p: float | None = None
    p_holm: float | None = None


@dataclass(frozen=True)
class Side:
    """One side of a gap: its estimate, its resamples of shape (resamples,), and what its interval rests on."""

    estimate: Estimate
    resampled: np.ndarray
    support: Support


def gap_between(one: Side, other: Side) -> Gap:
    """The gap of one metric: `one` minus `other`, resample by resample."""
    first, second = one.estimate, other.estimate
    metric = first.metric + GAP
    if first.value is None or second.value is None:
        return Gap(Estimate(metric, None, note=first.note if first.value is None else second.note))
    support = min(one.support, other.support, key=lambda support: support.patients)
    if _constant(one.resampled) or _constant(other.resampled):
        return Gap(_of_intervals(metric, first, second))
    resampled = one.resampled - other.resampled
    estimate = with_interval(metric, first.value - second.value, resampled, support)
    if estimate.low is None or support.patients < FEW_PATIENTS:
        return Gap(estimate)
    return Gap(estimate, p=bootstrap_p(resampled))


def bootstrap_p(resampled: np.ndarray) -> float:
    """Two-sided p-value of a difference being 0, from its resamples, NaN (the dropped ones) left out.

    Twice the smaller share of resamples on one side of 0, the study itself counted as one more, so that it is never
    0 (Davison and Hinkley, Bootstrap Methods and their Application, 1997, chapter 4): 2,000 resamples reach 0.001.

    >>> bootstrap_p(np.array([0.3, 0.1, 0.2, -0.1, 0.2, 0.4, 0.1, 0.3, 0.2]))
    0.4
    """
    known = resampled[~np.isnan(resampled)]
    smaller = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (len(known) + 1))


def _of_intervals(metric: str, one: Estimate, other: Estimate) -> Estimate:
    """A gap where all photos of a group agree, so that resampling them tells nothing of their variance.

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
