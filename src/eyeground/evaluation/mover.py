"""Intervals of what is made of several estimates, from the intervals of these: MOVER, "square and add".

Each part brings its own interval, which is right where the part is at 0 or 1 and has no spread to resample; the interval
of the whole is then right there too. Parts are taken to be independent, as sensitivity and specificity are where few
patients have photos of both truths.

References:
    Zou and Donner, Statistics in Medicine 27 (2008) 1693 (sums). Donner and Zou, Statistical Methods in Medical Research
    21 (2012) 347 (ratios). Newcombe, Confidence Intervals for Proportions (2013), chapter 7.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """An estimate with its 95 % interval, which holds it."""

    value: float
    low: float
    high: float

    def complement(self) -> "Part":
        """1 minus it."""
        return Part(1 - self.value, 1 - self.high, 1 - self.low)


def mean_interval(parts: Sequence[Part]) -> tuple[float, float]:
    """The interval of the parts' mean.

    >>> low, high = mean_interval([Part(1.0, 0.8, 1.0), Part(0.9, 0.85, 0.94)])
    >>> print(f"{low:.3f} {high:.3f}")
    0.847 0.970
    """
    value = sum(part.value for part in parts) / len(parts)
    below = math.hypot(*(part.value - part.low for part in parts)) / len(parts)
    above = math.hypot(*(part.high - part.value for part in parts)) / len(parts)
    return value - below, value + above


def ratio_interval(above: Part, below: Part) -> tuple[float, float]:
    """The interval of `above` over `below`, neither of which is negative; infinite above where `below` may be 0.

    Donner and Zou's limits, written so that they also hold where `below` is 0: the value is then infinite and its lower
    limit is not.

    >>> low, high = ratio_interval(Part(0.9, 0.8, 0.95), Part(0.0, 0.0, 0.04))
    >>> print(f"{low:.1f} {high}")
    22.4 inf
    """
    product = above.value * below.value
    at_least = above.low * (2 * above.value - above.low)
    root = math.sqrt(max(0.0, product**2 - at_least * below.high * (2 * below.value - below.high)))
    low = at_least / (product + root) if product + root > 0 else 0.0
    at_most = below.low * (2 * below.value - below.low)
    if at_most <= 0:
        return low, math.inf
    root = math.sqrt(max(0.0, product**2 - at_most * above.high * (2 * above.value - above.high)))
    return low, (product + root) / at_most


def function_interval(of: Callable[..., float], parts: Sequence[Part]) -> tuple[float, float]:
    """The interval of a function of the parts: how far each moves it alone, squared and added.

    For sums it is that of Zou and Donner. A part may move the function either way.
    """
    values = [part.value for part in parts]
    value = of(*values)
    below, above = [0.0], [0.0]
    for index, part in enumerate(parts):
        moved = [of(*values[:index], end, *values[index + 1 :]) - value for end in (part.low, part.high)]
        below.append(min(0.0, *moved))
        above.append(max(0.0, *moved))
    return value - math.hypot(*below), value + math.hypot(*above)
