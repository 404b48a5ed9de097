"""A metric's value on the photos and on every resample of patients: what intervals, differences and means are made of.

See docs/statistics.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from eyeground.evaluation.estimates import Estimate, Limits, Support, not_estimable, noted, with_interval
from eyeground.evaluation.inversion import SMALLEST_P


@dataclass(frozen=True)
class Sampled:
    """One metric with its values on resamples; values of the same resamples can be subtracted and averaged.

    Attributes:
        metric: Its name, such as `auroc`.
        point: On the photos as they are; NaN where it is not estimable.
        resampled: Shape (resamples,); NaN where a resample has no value.
        support: What its interval rests on.
        why_not: Why it is not estimable; empty where it is.
        note: What a reader of its estimate must know; often empty.
        is_proportion: Whether it is a share of photos, so that Wilson's interval applies where all photos agree.
        jackknifed: Shape (groups,): with each group of patients left out. None gives a percentile interval, not BCa.
        limits: Work out the interval by a formula, which then takes the place of the resamples'. A value that is not
            estimable because it is infinite may still have a lower limit.
    """

    metric: str
    point: float
    resampled: np.ndarray
    support: Support
    why_not: str = ""
    note: str = ""
    is_proportion: bool = False
    jackknifed: np.ndarray | None = None
    limits: Callable[[], Limits | None] | None = None

    def interval(self) -> Estimate:
        """The value with its interval, or why there is none."""
        limits = self.limits() if self.limits and len(self.resampled) else None
        if self.why_not:
            at_least = f"; at least {limits.low:.3g}" if limits is not None and limits.high == math.inf else ""
            return not_estimable(self.metric, self.why_not + at_least)
        found = with_interval(
            self.metric, self.point, self.resampled, self.support, self.is_proportion, self.jackknifed, limits
        )
        return noted(found, self.note)

    def __sub__(self, other: "Sampled") -> "Sampled":
        """The difference, resample by resample; its interval is of percentiles and rests on the scarcer support."""
        return Sampled(
            metric=self.metric,
            point=self.point - other.point,
            resampled=np.empty(0) if self.why_not or other.why_not else self.resampled - other.resampled,
            support=scarcer(self.support, other.support),
            why_not=self.why_not or other.why_not,
        )

    def p(self) -> float | None:
        """Two-sided bootstrap p-value of a difference of 0; None where the difference has no interval."""
        return None if self.interval().low is None else bootstrap_p(self.resampled)

    def named(self, metric: str, note: str = "") -> "Sampled":
        """The same under another name, with another note."""
        return replace(self, metric=metric, note=note)


def mean(values: Sequence[Sampled]) -> Sampled:
    """The mean, resample by resample, of the values that are estimable; the first one where none is, the one where one is."""
    known = [value for value in values if not value.why_not]
    if len(known) < 2:
        # The mean of one has that one's interval.
        return known[0] if known else values[0]
    jackknifed = [value.jackknifed for value in known if value.jackknifed is not None]
    return Sampled(
        metric=known[0].metric,
        point=float(np.mean([value.point for value in known])),
        resampled=np.mean([value.resampled for value in known], axis=0),
        support=scarcer(*(value.support for value in known)),
        jackknifed=np.mean(jackknifed, axis=0) if jackknifed else None,
    )


def scarcer(*supports: Support) -> Support:
    """The support of fewest patients, the first among equals."""
    return min(supports, key=lambda support: support.patients)


def bootstrap_p(resampled: np.ndarray) -> float:
    """The two-sided p of a difference of 0, by inversion of the percentile interval, so that the two never disagree.

    Twice the smaller share of resamples on either side of 0, those at 0 counting on both, with one added to either count.
    Where no resample is beyond 0, that share says no more than how many resamples there were; p is then that of a normal
    distribution with their mean and standard deviation, as far as that is smaller.

    Args:
        resampled: Shape (resamples,): the difference in each; NaN is left out.

    References:
        Davison and Hinkley, Bootstrap Methods and their Application (1997), sections 4.2 and 5.5; for the normal, 5.2.1.

    >>> bootstrap_p(np.arange(-99, 900))
    0.202
    """
    values = resampled[~np.isnan(resampled)]
    fewer = min(int((values <= 0).sum()), int((values >= 0).sum()))
    share = min(1.0, 2 * (fewer + 1) / (len(values) + 1))
    if fewer or np.ptp(values) == 0:
        return share
    return max(SMALLEST_P, min(share, float(2 * ndtr(-abs(values.mean()) / values.std()))))
