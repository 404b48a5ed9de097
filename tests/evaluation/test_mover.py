"""MOVER's intervals: they are published ones, hold where a part is at its end, and agree with simpler formulas."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.core.proportions import wilson_interval
from eyeground.evaluation.mover import Part, function_interval, mean_interval, ratio_interval


def share(count: int, of: int) -> Part:
    return Part(count / of, *wilson_interval(count, of))


shares = st.tuples(st.integers(0, 40), st.integers(1, 40)).filter(lambda drawn: drawn[0] <= drawn[1])


def test_a_difference_of_proportions_has_newcombes_published_interval():
    # Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10: 56/70 - 48/80 and 9/10 - 3/10.
    for one, other, published in (
        (share(56, 70), share(48, 80), (0.0524, 0.3339)),
        (share(9, 10), share(3, 10), (0.1705, 0.8090)),
        (share(10, 10), share(0, 20), (0.6791, 1.0)),
    ):
        found = function_interval(lambda first, second: first - second, [one, other])
        assert found == pytest.approx(published, abs=5e-5)


@given(shares, shares)
def test_a_mean_is_a_function_and_a_mean_of_one_is_itself(one, other):
    parts = [share(*one), share(*other)]
    low, high = mean_interval(parts)
    assert (low, high) == pytest.approx(function_interval(lambda first, second: (first + second) / 2, parts))
    assert low <= sum(part.value for part in parts) / 2 <= high
    assert mean_interval(parts[:1]) == pytest.approx((parts[0].low, parts[0].high))


@given(shares, shares)
def test_limits_of_a_ratio_are_where_a_difference_begins_to_hold_zero(one, other):
    above, below = share(*one), share(*other)
    low, high = ratio_interval(above, below)
    assert 0 <= low <= high
    # Donner and Zou's derivation: a limit L solves MOVER's limit of `above - L * below` for 0 (Fieller's argument).
    for limit, is_low in ((low, True), (high, False)):
        if limit == 0 or not math.isfinite(limit):
            continue
        parts = [above, Part(below.value, below.low, below.high)]
        ends = function_interval(lambda first, second, limit=limit: first - limit * second, parts)
        assert ends[0 if is_low else 1] == pytest.approx(0, abs=1e-7)


def test_a_ratio_with_nothing_below_has_a_lower_limit_alone():
    low, high = ratio_interval(share(45, 50), share(0, 100))
    assert 10 < low < math.inf and high == math.inf
    assert ratio_interval(share(0, 50), share(0, 100)) == (0.0, math.inf)
    assert ratio_interval(share(0, 50), share(90, 100))[0] == 0
