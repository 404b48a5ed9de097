"""A difference whose interval, p-value and verdict are of one method, so that they never contradict each other.

The p-value is the error at which the interval begins to hold 0; see docs/statistics.md.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.optimize import brentq

from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.estimates import Estimate

ERROR = 1 - CONFIDENCE
SMALLEST_P = 1e-100

Limits = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Contrast:
    """The difference of two values.

    Attributes:
        value: First minus second.
        limits: From the two-sided error (0 to 1) to the two ends of the interval, which hold the value and move apart
            as the error falls.
        statistic: The value over its standard error, if the value were 0; None where the method has none.
    """

    value: float
    limits: Limits
    statistic: float | None = None

    def interval(self, metric: str, note: str = "") -> Estimate:
        """The value with its 95 % interval."""
        return Estimate(metric, self.value, *self.limits(ERROR), note)

    def p(self) -> float:
        """Two-sided, of a difference of 0; below 1e-100 that number is returned."""
        if self.value == 0:
            return 1.0
        end = 0 if self.value > 0 else 1
        sign = 1 - 2 * end

        def beyond_zero(log_error: float) -> float:
            return sign * self.limits(math.exp(log_error))[end]

        smallest = math.log(SMALLEST_P)
        if beyond_zero(smallest) > 0:
            return SMALLEST_P
        return math.exp(brentq(beyond_zero, smallest, 0.0, xtol=1e-9))


def mover(one: tuple[float, Limits], other: tuple[float, Limits], correlation: float = 0.0) -> Contrast:
    """The difference of two values, from the intervals of each: the method of variance estimates recovery.

    Args:
        one, other: The value and its limits.
        correlation: Of the two estimates, -1 to 1; 0 where they are independent.

    References:
        Newcombe, Statistics in Medicine 17 (1998) 873, method 10; for paired estimates Zou, Psychological Methods 12
        (2007) 399, equation 15.
    """
    (first, first_limits), (second, second_limits) = one, other

    def reach(own: float, others: float) -> float:
        return math.sqrt(max(0.0, own**2 - 2 * correlation * own * others + others**2))

    def limits(error: float) -> tuple[float, float]:
        (low, high), (other_low, other_high) = first_limits(error), second_limits(error)
        difference = first - second
        return (
            max(-1.0, difference - reach(first - low, other_high - second)),
            min(1.0, difference + reach(high - first, second - other_low)),
        )

    return Contrast(first - second, limits)
