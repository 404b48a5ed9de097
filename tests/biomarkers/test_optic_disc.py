"""The disc as an ellipse, whole, in pieces, and cut by the edge of the field; what cannot be one; the cup in it."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.biomarkers import (
    Ellipse,
    OpticDisc,
    Orientation,
    cup_to_disc_ratio,
    fit_optic_cup,
    fit_optic_disc,
    rim_widths,
    why_implausible,
)

Draw = Callable[..., np.ndarray]
WHOLE = Ellipse(150.0, 150.0, 50.0, 45.0, 1.2)


def fitted(mask: np.ndarray, inside: np.ndarray | None = None) -> OpticDisc:
    found = fit_optic_disc(mask, inside)
    assert found is not None
    return found


@settings(max_examples=20)
@given(st.floats(20, 60), st.floats(0.75, 1), st.floats(0, math.pi))
def test_an_ellipse_is_found_as_it_was_drawn(major: float, share: float, angle: float) -> None:
    drawn = Ellipse(120.5, 130.25, major, major * share, angle)
    found = fitted(drawn.pixels((300, 300)))
    assert (found.centre_x, found.centre_y) == pytest.approx((120.5, 130.25), abs=0.3)
    assert found.diameter == pytest.approx(drawn.diameter, rel=0.01)
    assert found.extent(0.7) == pytest.approx(drawn.extent(0.7), rel=0.02)


def test_holes_pieces_and_protrusions_leave_it_as_it_is() -> None:
    mask = WHOLE.pixels((300, 300))
    columns = np.broadcast_to(np.arange(300), (300, 300))
    ring = mask & ~Ellipse(150, 150, 35, 30, 0).pixels((300, 300))
    split = mask & (abs(columns - 155) > 4)
    leaking = mask | ((abs(columns - 150) < 4) & (columns.T < 150) & (columns.T > 40))
    far = mask | Ellipse(270, 270, 12, 12, 0).pixels((300, 300))
    for changed in (ring, split, leaking, far):
        assert fitted(changed).diameter == pytest.approx(WHOLE.diameter, rel=0.015)


@pytest.mark.parametrize("seen", [0.45, 0.6, 0.8])
def test_a_disc_cut_by_the_edge_of_the_field_keeps_its_diameter(seen: float) -> None:
    inside = np.broadcast_to(np.arange(300) < 100 + 100 * seen, (300, 300))
    found = fitted(WHOLE.pixels((300, 300)) & inside, inside)
    assert found.diameter == pytest.approx(WHOLE.diameter, rel=0.05)
    assert found.seen == pytest.approx(seen, abs=0.1)


def test_what_is_no_disc_is_told() -> None:
    def why(ellipse: Ellipse, field: float = 300) -> str | None:
        return why_implausible(fitted(ellipse.pixels((300, 300))), field)

    assert why(WHOLE) is None
    assert "too small" in (why(Ellipse(150, 150, 6, 6, 0)) or "")
    assert "too large" in (why(Ellipse(150, 150, 80, 80, 0)) or "")
    assert "too long" in (why(Ellipse(150, 150, 50, 20, 0)) or "")
    arc = WHOLE.pixels((300, 300)) & ~Ellipse(150, 140, 45, 44, 0).pixels((300, 300))
    assert why_implausible(fitted(arc), 300) is not None


def test_without_a_mask_there_is_no_disc() -> None:
    assert fit_optic_disc(np.zeros((300, 300), dtype=bool)) is None


@settings(max_examples=20)
@given(st.floats(0.25, 0.95), st.floats(-2, 2))
def test_ratio_of_concentric_ellipses_is_that_of_their_heights(ellipse: Draw, ratio: float, shift: float) -> None:
    disc = fitted(ellipse(150, 150, 45, 60))
    cup = fit_optic_cup(ellipse(150 + shift, 150, 30, 60 * ratio), disc)
    assert cup is not None and cup_to_disc_ratio(cup, disc) == pytest.approx(ratio, abs=0.015)


def test_a_cup_is_never_higher_than_its_disc_and_none_outside_it(ellipse: Draw) -> None:
    disc = fitted(ellipse(150, 150, 45, 60))
    cup = fit_optic_cup(ellipse(150, 150, 50, 90), disc)
    assert cup is not None and cup_to_disc_ratio(cup, disc) == pytest.approx(1, abs=0.01)
    assert fit_optic_cup(ellipse(20, 20, 9, 9), disc) is None


def test_the_rim_is_told_by_quadrant_of_the_eye() -> None:
    disc, cup = OpticDisc(0.0, 0.0, 50.0, 50.0, 0.0), Ellipse(-5.0, -10.0, 25.0, 25.0, 0.0)
    rim = rim_widths(cup, disc, Orientation("left"))
    # In a left eye's photograph the nose is on the left, towards which this cup lies, and above.
    assert rim.nasal is not None and rim.temporal is not None
    assert rim.superior < rim.nasal < rim.temporal < rim.inferior
    assert rim.follows_isnt is False
    mirrored = rim_widths(cup, disc, Orientation("right"))
    assert (mirrored.nasal, mirrored.temporal) == pytest.approx((rim.temporal, rim.nasal))
    assert rim_widths(cup, disc, Orientation()).follows_isnt is None
