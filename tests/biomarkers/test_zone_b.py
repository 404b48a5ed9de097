"""Widths of bands of known width, the vessels of zone B, and Knudtson's summary of them."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.biomarkers import (
    ARTERIOLES,
    VENULES,
    OpticDisc,
    knudtson_equivalent,
    share_of_zone_seen,
    trace,
    vessel_width,
    vessels_of_zone_b,
)

Draw = Callable[..., np.ndarray]
DISC = OpticDisc(150.0, 150.0, 35.0, 35.0, 0.0)
EVERYWHERE = np.ones((300, 300), dtype=bool)


def spokes(band: Draw, widths: list[float], turn: float = 0.1) -> np.ndarray:
    """Vessels that leave the disc in all directions."""
    angles = turn + 2 * np.pi * np.arange(len(widths)) / len(widths)
    return np.any(
        [
            band(150 + np.outer([20, 140], [np.cos(angle), np.sin(angle)]), width)
            for angle, width in zip(angles, widths, strict=True)
        ],
        axis=0,
    )


@given(st.floats(0, 180), st.floats(3, 12))
def test_a_band_is_as_wide_as_it_was_drawn(band: Draw, degrees: float, width: float) -> None:
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    # Not along a row of pixels, where the number of rows it covers is whole.
    mask = band(150 + np.outer([-110, 110], along) + [[0, 0], [1.5, 1.5]], width)
    found = vessel_width(trace(mask))
    assert found is not None and found == pytest.approx(width, abs=0.5)


def test_each_vessel_weighs_its_length(band: Draw) -> None:
    mask = band(np.array([[20.3, 60], [280, 65]]), 4) | band(np.array([[20.3, 200], [150, 203]]), 10)
    found = vessel_width(trace(mask))
    assert found == pytest.approx((4 * 255 + 10 * 120) / 375, abs=0.3)


def test_six_equal_vessels_make_the_equivalent_that_the_formula_says() -> None:
    # Three pairs; two of them pair again, the third goes on; then the last pair.
    once = VENULES * np.hypot(5, 5)
    twice = VENULES * np.hypot(once, once)
    assert knudtson_equivalent([5.0] * 6, VENULES) == pytest.approx(VENULES * np.hypot(twice, once))


def test_the_widest_is_paired_with_the_narrowest_and_only_six_count() -> None:
    first = sorted(ARTERIOLES * np.hypot(*pair) for pair in ((9, 2), (8, 3), (7, 5)))
    last = ARTERIOLES * np.hypot(first[0], first[2])
    expected = ARTERIOLES * np.hypot(last, first[1])
    assert knudtson_equivalent([1.0, 2.0, 3.0, 5.0, 7.0, 8.0, 9.0], ARTERIOLES) == pytest.approx(expected)


@given(st.lists(st.floats(1, 20), min_size=1, max_size=9), st.floats(0.1, 10))
def test_the_equivalent_has_the_unit_of_the_widths_and_their_order_is_nothing(
    widths: list[float], factor: float
) -> None:
    whole = knudtson_equivalent(widths, VENULES)
    assert knudtson_equivalent([factor * width for width in widths[::-1]], VENULES) == pytest.approx(factor * whole)


def widths_in_zone(vessel: np.ndarray, coefficient: float = VENULES) -> list[float]:
    return [found.width for found in vessels_of_zone_b(trace(vessel), DISC, coefficient)]


def test_spokes_around_the_disc_are_measured_once_each(band: Draw) -> None:
    widths = [9.0, 5.0, 8.0, 4.0, 7.0, 6.0, 3.0, 3.0]
    assert widths_in_zone(spokes(band, widths)) == pytest.approx(sorted(widths, reverse=True), abs=0.35)


def test_vessels_outside_zone_b_change_nothing(band: Draw) -> None:
    vessel = spokes(band, [6.0] * 6)
    beyond = band(np.array([[5, 5], [295, 5]]), 9)
    assert widths_in_zone(vessel) == widths_in_zone(vessel | beyond)


def test_a_branch_in_the_zone_is_no_further_vessel(band: Draw) -> None:
    six = spokes(band, [6.0] * 6)
    start = 150 + 92 * np.array([np.cos(0.1), np.sin(0.1)])
    branched = widths_in_zone(six | band(np.array([start, [270, 215]]), 4))
    assert branched == pytest.approx(widths_in_zone(six), rel=0.06)


def test_a_gap_in_a_vessel_does_not_make_it_two(band: Draw) -> None:
    six = spokes(band, [6.0] * 6, turn=0.0)
    gap = (np.arange(300) > 232) & (np.arange(300) < 237)
    assert widths_in_zone(six & ~gap) == pytest.approx(widths_in_zone(six), rel=0.04)


def test_vessels_that_touch_in_the_zone_stay_two(band: Draw) -> None:
    crossing = band(np.array([[160, 138], [280, 170]]), 5) | band(np.array([[160, 170], [280, 138]]), 8)
    assert widths_in_zone(crossing) == pytest.approx([8, 5], abs=0.6)


def test_zone_b_at_the_edge_of_the_field_is_seen_in_part() -> None:
    assert share_of_zone_seen(DISC, EVERYWHERE) == pytest.approx(1, abs=0.01)
    assert share_of_zone_seen(DISC, EVERYWHERE & (np.arange(300) < 150)) == pytest.approx(0.5, abs=0.01)


def test_nothing_has_no_width() -> None:
    assert vessel_width(trace(~EVERYWHERE)) is None
    speck = np.zeros((300, 300), dtype=bool)
    speck[10:14, 10:14] = True
    assert vessel_width(trace(speck)) is None
