import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eyeground.errors import UserError
from eyeground.screening.overlay import SMALLEST_SCALE, colour_of, draw_evidence, scale_of

maps = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(-1e4, 1e4, width=32))


@given(maps)
def test_no_evidence_in_view_exceeds_the_scale_and_the_scale_is_not_far_above_it(evidence):
    scale = scale_of(evidence, np.ones((20, 20), bool))
    strongest = np.abs(evidence).max()
    assert strongest <= scale * (1 + 1e-5)
    assert scale == SMALLEST_SCALE or scale <= 1.5 * strongest * (1 + 1e-5)


def test_opacity_grows_with_strength_and_none_is_transparent():
    _, opacity = colour_of(np.linspace(-1, 1, 101, dtype=np.float32))
    assert opacity[50] == 0
    assert (np.diff(opacity[50:]) > 0).all()
    assert (np.diff(opacity[:51]) < 0).all()
    assert opacity.max() < 1  # the retina is never covered entirely


def test_for_is_warm_and_against_is_cool_for_every_strength():
    colours, _ = colour_of(np.linspace(0.2, 1, 20, dtype=np.float32))
    assert (colours[:, 0] > colours[:, 2] + 50).all()
    colours, _ = colour_of(-np.linspace(0.2, 1, 20, dtype=np.float32))
    assert (colours[:, 2] > colours[:, 0] + 50).all()


@given(maps)
def test_nothing_is_drawn_outside_the_field_of_view(evidence):
    pixels = np.zeros((48, 48, 3), np.uint8)
    inside = np.zeros((48, 48), bool)
    inside[12:36, 12:36] = True
    overlay = draw_evidence(pixels, evidence, scale_of(evidence, inside), inside)
    assert not overlay[:10].any()
    assert not overlay[38:].any()
    assert not overlay[:, :10].any()
    assert not overlay[:, 38:].any()


def test_evidence_lands_where_it_is_on_the_original_photo(screener, fundus):
    pixels = fundus(blue=0, size=(300, 420))
    pixels[60:100, 120:160] = (180, 90, 255)  # the one blue place, upper left
    finding = screener(pixels)
    overlay = finding.overlay("abnormal", pixels).astype(int)
    assert overlay.shape == pixels.shape
    warmth = overlay[..., 0] + overlay[..., 1] - 2 * overlay[..., 2]  # none on grey, most at the yellow end
    row, column = np.unravel_index(warmth.argmax(), warmth.shape)
    assert 50 <= row <= 110
    assert 110 <= column <= 170
    assert not overlay[:, 0].any()  # outside the field of view


def test_an_overlay_needs_the_original_itself_and_a_known_output(screener, fundus):
    finding = screener(fundus())
    with pytest.raises(UserError, match=r"has shape \(120, 160, 3\), the pixels given \(5, 5, 3\)"):
        finding.overlay(pixels=np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(UserError, match="did you mean 'drusen'"):
        finding.overlay("drusn")
    with pytest.raises(UserError, match="no evidence map: there is no such file"):
        screener("nowhere.jpg").overlay()
