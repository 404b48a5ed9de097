import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photographs import draw_fundus

from eyeground.imaging.field_of_view import FieldOfView, find_field_of_view


def assert_near(found: FieldOfView, x: float, y: float, radius: float, share: float = 0.02) -> None:
    assert found.found
    assert np.hypot(found.centre_x - x, found.centre_y - y) < share * radius, found
    assert abs(found.radius - radius) < share * radius, found


@given(
    x=st.floats(150, 250),
    y=st.floats(120, 180),
    radius=st.floats(90, 145),
    brightness=st.floats(0.15, 1.2),
    border=st.integers(0, 12),
)
def test_the_disc_is_found_wherever_it_is_though_the_frame_may_cut_it(
    x: float, y: float, radius: float, brightness: float, border: int
) -> None:
    photo = np.clip(draw_fundus(300, 400, (x, y), radius).astype(float) * brightness, 0, 255).astype(np.uint8)
    assert_near(find_field_of_view(np.maximum(photo, np.uint8(border))), x, y, radius, 0.03)


@given(quarter_turns=st.integers(0, 3), mirrored=st.booleans())
def test_turning_the_photo_turns_the_field_of_view(quarter_turns: int, mirrored: bool) -> None:
    photo = draw_fundus(400, 400, (180, 215), 150)
    x, y = 180.0, 215.0
    for _ in range(quarter_turns):
        x, y = y, 400 - x
    turned = np.rot90(photo, quarter_turns)
    if mirrored:
        turned, x = turned[:, ::-1], 400 - x
    assert_near(find_field_of_view(np.ascontiguousarray(turned)), x, y, 150, 0.01)


@given(left=st.integers(0, 200), top=st.integers(0, 200))
def test_a_wider_border_moves_the_disc_and_no_more(left: int, top: int) -> None:
    photo = draw_fundus(240, 240, (120, 120), 110)
    padded = np.pad(photo, ((top, 40), (left, 40), (0, 0)))
    assert_near(find_field_of_view(padded), 120 + left, 120 + top, 110)


@pytest.mark.parametrize("border", [(0, 0, 0), (90, 90, 90), (255, 255, 255), (20, 45, 90)])
def test_the_border_may_have_any_even_colour(border: tuple[int, int, int]) -> None:
    photo = draw_fundus(300, 400, (200, 150), 120)
    outside = ~FieldOfView(200, 150, 120, 0, 0, 400, 300).mask(300, 400)
    photo[outside] = border
    assert_near(find_field_of_view(photo), 200, 150, 120)


def test_notches_text_and_shadow_do_not_move_the_disc() -> None:
    photo = draw_fundus(300, 400, (200, 150), 120)
    photo[140:160, 310:335] = (180, 90, 50)  # a tab at the rim
    photo[10:22, 300:390:4] = 255  # burnt-in text
    photo[200:, :] = (photo[200:, :] * 0.05).astype(np.uint8)  # the lower quarter in shadow
    assert_near(find_field_of_view(photo), 200, 150, 120, 0.03)


def test_a_bar_across_the_disc_is_not_visible_field() -> None:
    photo = draw_fundus(300, 400, (200, 150), 140)
    photo[:50] = 0
    photo[260:] = 0
    found = find_field_of_view(photo)
    assert_near(found, 200, 150, 140)
    assert abs(found.top - 50) < 4 and abs(found.bottom - 260) < 4
    assert found.completeness < 0.9


def test_a_crop_from_within_the_disc_gets_the_circle_through_its_corners() -> None:
    found = find_field_of_view(draw_fundus(200, 300, (150, 100), 400))
    assert not found.found
    assert (found.centre_x, found.centre_y) == (150, 100)
    assert found.radius == pytest.approx(np.hypot(150, 100))
    assert found.mask(200, 300).all()


def test_a_squeezed_photo_loses_nothing_of_what_is_lit() -> None:
    photo = np.ascontiguousarray(draw_fundus(400, 600, (300, 200), 190)[:, ::2])  # an ellipse, half as wide
    lit = photo.max(axis=2) > 20
    found = find_field_of_view(photo)
    assert (lit & ~found.mask(400, 300)).sum() < 0.01 * lit.sum()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 2), (40, 40), (2000, 7)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_odd_sizes_and_blank_photos_have_a_field_of_view(shape: tuple[int, int], value: int) -> None:
    found = find_field_of_view(np.full((*shape, 3), value, np.uint8))
    assert found.radius > 0
    assert found.mask(*shape).all()


@given(
    x=st.floats(-50, 250),
    y=st.floats(-50, 250),
    radius=st.floats(20, 200),
    right=st.floats(50, 200),
    bottom=st.floats(50, 200),
)
def test_completeness_is_the_visible_share_of_the_disc(
    x: float, y: float, radius: float, right: float, bottom: float
) -> None:
    field = FieldOfView(x, y, radius, 0, 0, right, bottom)
    visible = field.moved(0, 0, 2).mask(400, 400).sum() / 4
    assert field.completeness == pytest.approx(visible / (np.pi * radius**2), abs=0.02)


def test_light_beside_the_disc_is_told_from_a_border() -> None:
    one = draw_fundus(400, 400, (200, 200), 190)
    assert find_field_of_view(one).elsewhere < 0.01
    sheet = np.concatenate([np.concatenate([one, one[:, ::-1]], axis=1)] * 2)
    assert find_field_of_view(sheet).elsewhere == pytest.approx(0.75, abs=0.03)
    bright = np.where(one.max(axis=2, keepdims=True) > 20, one, 250).astype(np.uint8)
    assert find_field_of_view(bright).elsewhere == 0


@pytest.mark.parametrize("page", [255, 235, 128, 60])
@pytest.mark.parametrize("margins", [(3, 3, 3, 3), (40, 90, 60, 20), (0, 40, 30, 60), (200, 300, 250, 200)])
@pytest.mark.parametrize("radius", [120, 190])  # within the frame, and cut by it
def test_a_black_frame_on_a_bright_page_is_looked_within(
    page: int, margins: tuple[int, int, int, int], radius: float
) -> None:
    top, bottom, left, right = margins
    photo = np.pad(
        draw_fundus(300, 400, (200, 150), radius), ((top, bottom), (left, right), (0, 0)), constant_values=page
    )
    found = find_field_of_view(photo)
    assert_near(found, 200 + left, 150 + top, radius)
    assert not (found.mask(*photo.shape[:2]) & (photo == page).all(axis=2)).any()


def test_two_framed_photos_on_a_page_are_several_in_one() -> None:
    page = np.full((400, 1000, 3), 255, np.uint8)
    page[50:350, 50:450] = page[50:350, 550:950] = draw_fundus(300, 400, (200, 150), 140)
    assert find_field_of_view(page).elsewhere == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("depth", [6, 9, 30])  # 6 of 200: im0044 of STARE
def test_a_black_bar_at_the_frame_is_not_visible_field(depth: int) -> None:
    photo = draw_fundus(300, 440, (220, 160), 200)
    photo[:depth] = 3
    found = find_field_of_view(photo)
    assert_near(found, 220, 160, 200)
    assert abs(found.top - depth) < 4 and found.bottom == 300
