"""Widths of bands of known width, and Knudtson's summary of them around a disc."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.biomarkers import (
    ARTERIOLES,
    VENULES,
    OpticDisc,
    central_retinal_equivalent,
    knudtson_equivalent,
    vessel_width,
)

Draw = Callable[..., np.ndarray]
DISC = OpticDisc(150.0, 150.0, 70.0)
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
    found = vessel_width(mask, 50)
    assert found is not None and found * 50 == pytest.approx(width, abs=0.5)


def test_each_vessel_weighs_its_length(band: Draw) -> None:
    mask = band(np.array([[20.3, 60], [280, 65]]), 4) | band(np.array([[20.3, 200], [150, 203]]), 10)
    found = vessel_width(mask, 1)
    assert found == pytest.approx((4 * 255 + 10 * 120) / 375, abs=0.3)


@given(st.floats(10, 200))
def test_widths_are_in_disc_diameters(band: Draw, diameter: float) -> None:
    mask = band(np.array([[20.3, 60], [280, 65]]), 6)
    assert (vessel_width(mask, diameter) or 0) * diameter == pytest.approx(vessel_width(mask, 1))


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


def test_spokes_around_the_disc_give_the_equivalent_of_their_widths(band: Draw) -> None:
    widths = [9.0, 5.0, 8.0, 4.0, 7.0, 6.0, 3.0, 3.0]
    found = central_retinal_equivalent(spokes(band, widths), DISC, EVERYWHERE, VENULES)
    assert found is not None
    assert found * DISC.diameter == pytest.approx(knudtson_equivalent(widths, VENULES), rel=0.04)


def test_vessels_outside_zone_b_change_nothing(band: Draw) -> None:
    vessel = spokes(band, [6.0] * 6)
    beyond = band(np.array([[5, 5], [295, 5]]), 9)
    found = [central_retinal_equivalent(mask, DISC, EVERYWHERE, VENULES) for mask in (vessel, vessel | beyond)]
    assert found[0] == found[1] is not None


def test_branching_in_the_zone_is_not_counted_as_further_vessels(band: Draw) -> None:
    six = spokes(band, [6.0] * 6)
    twig = band(np.array([[150 + 80 * np.cos(0.1), 150 + 80 * np.sin(0.1)], [270, 200]]), 3)
    plain, branched = (central_retinal_equivalent(mask, DISC, EVERYWHERE, VENULES) for mask in (six, six | twig))
    assert branched == pytest.approx(plain, rel=0.06)


def test_too_few_vessels_or_a_disc_at_the_edge_have_no_equivalent(band: Draw) -> None:
    assert central_retinal_equivalent(spokes(band, [6.0] * 5), DISC, EVERYWHERE, VENULES) is None
    half = EVERYWHERE & (np.arange(300) < 160)
    assert central_retinal_equivalent(spokes(band, [6.0] * 16), DISC, half, VENULES) is None


def test_nothing_has_no_width() -> None:
    assert vessel_width(~EVERYWHERE, 50) is None
    speck = np.zeros((300, 300), dtype=bool)
    speck[10:14, 10:14] = True
    assert vessel_width(speck, 50) is None
