import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photographs import draw_fundus
from PIL import Image

from eyeground.config.training_recipe import Preprocessing
from eyeground.errors import UserError
from eyeground.imaging.decode import UnreadablePhotoError
from eyeground.imaging.standard import Geometry, standard_photo

SETTINGS = Preprocessing(side=96)


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second).mean())


def test_a_standard_photo_is_square_rgb_and_black_outside_the_field_of_view() -> None:
    standard = standard_photo(draw_fundus(border=20), SETTINGS)
    assert standard.pixels.shape == (96, 96, 3) and standard.pixels.dtype == np.uint8
    assert standard.field_of_view.shape == (96, 96)
    assert (standard.pixels[~standard.field_of_view] == 0).all()
    assert standard.field_of_view.mean() == pytest.approx(np.pi / 4, abs=0.02)


@given(quarter_turns=st.integers(1, 3), mirrored=st.booleans())
def test_turning_the_photo_turns_the_standard_photo(quarter_turns: int, mirrored: bool) -> None:
    def turn(pixels: np.ndarray) -> np.ndarray:
        turned = np.rot90(pixels, quarter_turns)
        return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)

    photo = draw_fundus(320, 320, (160, 160), 140)
    expected = turn(standard_photo(photo, SETTINGS).pixels)
    assert difference(standard_photo(turn(photo), SETTINGS).pixels, expected) < 3


@given(top=st.integers(0, 120), left=st.integers(0, 120), bottom=st.integers(0, 120), right=st.integers(0, 120))
def test_padding_hardly_changes_the_standard_photo(top: int, left: int, bottom: int, right: int) -> None:
    photo = draw_fundus(300, 300, (150, 150), 140)
    padded = np.pad(photo, ((top, bottom), (left, right), (0, 0)), constant_values=4)
    assert difference(standard_photo(padded, SETTINGS).pixels, standard_photo(photo, SETTINGS).pixels) < 4


@settings(max_examples=12)
@given(side=st.sampled_from([32, 64]), radius=st.integers(160, 280), quality=st.integers(85, 98))
def test_decoding_at_a_reduced_scale_hardly_changes_the_standard_photo(
    tmp_path: Path, side: int, radius: int, quality: int
) -> None:
    preprocessing = Preprocessing(side=side)
    path = tmp_path / "a.jpg"
    Image.fromarray(draw_fundus(600, 800, (400, 300), radius)).save(path, quality=quality)
    reduced = standard_photo(path, preprocessing)
    full = standard_photo(np.array(Image.open(path)), preprocessing)
    assert difference(reduced.pixels, full.pixels) < 4
    assert abs(reduced.geometry.side - full.geometry.side) < 0.04 * full.geometry.side
    assert reduced.geometry.original_width == 800 and reduced.geometry.original_height == 600


def test_a_small_disc_in_a_large_frame_is_decoded_finely_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(draw_fundus(1000, 1000, (500, 500), 130)).save(path, quality=95)
    reduced = standard_photo(path, Preprocessing(side=112))
    full = standard_photo(np.array(Image.open(path)), Preprocessing(side=112))
    assert difference(reduced.pixels, full.pixels) < 3


def test_a_photo_smaller_than_the_side_is_enlarged_smoothly() -> None:
    standard = standard_photo(draw_fundus(40, 40, (20, 20), 18), Preprocessing(side=224))
    steps = np.abs(np.diff(standard.pixels[100:124, 60:164, 0].astype(int), axis=1))
    assert standard.pixels.shape == (224, 224, 3)
    assert (steps > 0).mean() > 0.4  # repeated pixels would leave most neighbours equal


geometries = st.builds(
    Geometry,
    original_width=st.integers(20, 200),
    original_height=st.integers(20, 200),
    left=st.integers(-60, 80),
    top=st.integers(-60, 80),
    side=st.integers(20, 200),
    standard_side=st.integers(16, 64),
)


@given(geometry=geometries, seed=st.integers(0, 999))
def test_masks_come_back_from_the_standard_photo_to_where_they_were(geometry: Geometry, seed: int) -> None:
    y, x = np.mgrid[: geometry.original_height, : geometry.original_width] + 0.5
    centre_x, centre_y = geometry.left + geometry.side / 2, geometry.top + geometry.side / 2
    radius = np.random.default_rng(seed).uniform(0.2, 0.45) * geometry.side
    mask = (x - centre_x) ** 2 + (y - centre_y) ** 2 < radius**2
    back = geometry.to_original(geometry.to_standard(mask))
    assert back.shape == mask.shape and back.dtype == mask.dtype
    step = geometry.side / geometry.standard_side
    distance = np.abs(np.hypot(x - centre_x, y - centre_y) - radius)
    to_frame = np.minimum.reduce([x, y, geometry.original_width - x, geometry.original_height - y])
    sure = (distance > 1.5 * step + 1.5) & (to_frame > step + 1)
    assert not (back != mask)[sure].any()


@given(geometry=geometries)
def test_a_constant_map_fills_the_crop_and_nothing_else(geometry: Geometry) -> None:
    original = geometry.to_original(np.full((7, 7), 0.5, np.float32))
    assert original.shape == (geometry.original_height, geometry.original_width)
    inside = np.zeros_like(original, dtype=bool)
    inside[
        max(0, geometry.top) : max(0, geometry.top + geometry.side),
        max(0, geometry.left) : max(0, geometry.left + geometry.side),
    ] = True
    np.testing.assert_allclose(original, np.where(inside, 0.5, 0), atol=1e-6)


def test_a_landmark_keeps_its_place_through_the_standard_photo() -> None:
    photo = draw_fundus(600, 800, (380, 310), 240)
    standard = standard_photo(photo, Preprocessing(side=128))
    bright = standard.pixels[..., 0].astype(np.float32)
    back = standard.geometry.to_original(bright)
    found = np.unravel_index(np.argmax(back), back.shape)
    assert np.hypot(found[1] - (380 + 0.4 * 240), found[0] - 310) < 25


def test_a_map_of_another_size_is_an_error_that_names_both() -> None:
    with pytest.raises(UserError, match="30 x 20 pixels does not fit"):
        Geometry(200, 100, 0, 0, 100, 64).to_standard(np.zeros((20, 30)))


@pytest.mark.parametrize("pixels", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)])
def test_pixels_of_another_kind_are_an_error(pixels: np.ndarray) -> None:
    with pytest.raises(UserError, match="expected"):
        standard_photo(pixels, SETTINGS)


@pytest.mark.parametrize("size", [(32_000, 1), (2, 31_000), (16_000, 200)])
def test_a_long_narrow_frame_is_refused_before_the_square_around_it_takes_gigabytes(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", size, (120, 60, 30)).save(path)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadablePhotoError, match="the square around its field of view"):
            standard_photo(path, SETTINGS)
        with pytest.raises(UserError, match="the square around its field of view"):
            standard_photo(np.asarray(Image.open(path)), SETTINGS)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_a_mask_is_where_the_map_reaches_the_threshold() -> None:
    geometry = Geometry(original_width=90, original_height=70, left=-5, top=12, side=80, standard_side=32)
    values = np.random.default_rng(0).random((32, 32), dtype=np.float32)
    expected = geometry.to_original(values) >= 0.6
    found = geometry.mask_to_original(values, 0.6)
    # In 16 bits: a pixel within a 65,535th of the threshold may fall on either side.
    assert (found != expected).mean() < 1e-3
