"""The disc as a circle, and how much of its height the cup takes."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.biomarkers import fit_optic_disc, vertical_cup_to_disc_ratio

Draw = Callable[..., np.ndarray]


def test_a_circle_is_found_where_it_is(ellipse: Draw) -> None:
    found = fit_optic_disc(ellipse(120.5, 80.25, 31, 31))
    assert found is not None
    assert (found.centre_x, found.centre_y) == pytest.approx((120.5, 80.25), abs=0.05)
    assert found.diameter == pytest.approx(62, abs=0.1)


def test_an_ellipse_counts_as_the_circle_of_its_area(ellipse: Draw) -> None:
    found = fit_optic_disc(ellipse(150, 150, 25, 36))
    assert found is not None and found.diameter == pytest.approx(60, abs=0.1)


def test_specks_beside_the_disc_do_not_move_it(ellipse: Draw) -> None:
    disc = ellipse(100, 100, 30, 30)
    assert fit_optic_disc(disc | ellipse(250, 250, 4, 4)) == fit_optic_disc(disc)


@given(st.floats(0.15, 0.95), st.floats(-2, 2))
def test_ratio_of_concentric_ellipses_is_that_of_their_heights(ellipse: Draw, ratio: float, shift: float) -> None:
    disc, cup = ellipse(150, 150, 45, 60), ellipse(150 + shift, 150, 20, 60 * ratio)
    assert vertical_cup_to_disc_ratio(cup, disc) == pytest.approx(ratio, abs=0.02)


def test_a_cup_is_never_higher_than_its_disc(ellipse: Draw) -> None:
    assert vertical_cup_to_disc_ratio(ellipse(150, 150, 50, 90), ellipse(150, 150, 45, 60)) == 1


def test_without_disc_or_cup_there_is_nothing(ellipse: Draw) -> None:
    disc, nothing = ellipse(150, 150, 45, 60), np.zeros((300, 300), dtype=bool)
    assert fit_optic_disc(nothing) is None
    assert vertical_cup_to_disc_ratio(nothing, disc) is None
    assert vertical_cup_to_disc_ratio(disc, nothing) is None
