"""Corruptions of photographs: graded, reproducible, of the same meaning at every side, and never outside the eye."""

from functools import lru_cache

import cv2
import numpy as np
import pytest

from eyeground.config.training_recipe import Preprocessing
from eyeground.datasets.synthetic import render
from eyeground.errors import UserError
from eyeground.imaging.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.gradability import assess
from eyeground.imaging.standard import Geometry, StandardPhoto, standard_photo

KEEP_THEIR_PLACE = [name for name in CORRUPTIONS if name not in ("crop", "rotation")]


@lru_cache
def photo(side: int = 224, seed: int = 4, device: str = "clinic") -> StandardPhoto:
    pixels = render("diabetic_retinopathy", height=900, seed=seed, device=device).pixels
    return standard_photo(pixels, Preprocessing(side=side))


@pytest.fixture(scope="module")
def standard() -> StandardPhoto:
    return photo()


def flat(level: int, side: int = 224, column: int | None = None) -> StandardPhoto:
    """A disc of one grey, with a brighter column if asked for."""
    disc = FieldOfView(side / 2, side / 2, side / 2, 0, 0, side, side)
    pixels = np.full((side, side, 3), level, np.uint8)
    if column is not None:
        pixels[:, column] = 255
    pixels[~disc.mask(side, side)] = 0
    return StandardPhoto(pixels, disc, Geometry(side, side, 0, 0, side, side))


def mean_change(standard: StandardPhoto, name: str, severity: int) -> float:
    difference = corrupt(standard, name, severity).astype(float) - standard.pixels
    return float(np.abs(difference[standard.field_of_view]).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_severity_changes_the_photo_more_than_the_one_before(standard: StandardPhoto, name: str) -> None:
    changes = [0.0, *(mean_change(standard, name, severity) for severity in SEVERITIES)]
    assert np.all(np.diff(changes) > 0.2), changes


@pytest.mark.parametrize("device", ["clinic", "hospital"])  # the entire disc; a disc cut above and below
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_lies_outside_the_field_of_view_stays_black(name: str, device: str) -> None:
    standard = photo(device=device)
    for severity in (1, 5):
        assert not corrupt(standard, name, severity, seed=1)[~standard.field_of_view].any()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_and_photo_give_the_same_pixels(standard: StandardPhoto, name: str) -> None:
    before = standard.pixels.copy()
    np.testing.assert_array_equal(corrupt(standard, name, 3, seed=7), corrupt(standard, name, 3, seed=7))
    np.testing.assert_array_equal(standard.pixels, before)


@pytest.mark.parametrize("name", ["motion_blur", "uneven_illumination", "colour_cast", "sensor_noise", "haze", "crop"])
def test_chance_differs_between_seeds_and_between_photos(standard: StandardPhoto, name: str) -> None:
    by_seed = {corrupt(standard, name, 3, seed=seed).tobytes() for seed in range(8)}
    assert len(by_seed) > 1
    brighter = flat(100), flat(101), flat(102), flat(103), flat(104), flat(105)
    losses = {(corrupt(grey, name, 5).astype(int) - grey.pixels).tobytes() for grey in brighter}
    assert len(losses) > 1 or name == "motion_blur"  # which leaves a flat photo as it is


@pytest.mark.parametrize("name", KEEP_THEIR_PLACE)
def test_a_severity_means_the_same_at_both_usual_sides(name: str) -> None:
    """The same photo at 512, corrupted and then reduced, is as far from the clean one as the corrupted photo at 224."""
    small, large = photo(224), photo(512)
    inner = cv2.erode(small.field_of_view.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0) > 0
    reduced = [
        cv2.resize(pixels, (224, 224), interpolation=cv2.INTER_AREA).astype(float)
        for pixels in (large.pixels, corrupt(large, name, 4))
    ]
    at_512 = np.abs(reduced[1] - reduced[0])[inner].mean()
    at_224 = np.abs(corrupt(small, name, 4).astype(float) - small.pixels)[inner].mean()
    if name == "colour_cast":  # warm in one and cold in the other, as chance has it
        assert 0.5 < at_512 / at_224 < 2
    else:
        assert at_512 / at_224 == pytest.approx(1, abs=0.3)


def test_a_point_out_of_focus_has_the_diameter_that_is_promised() -> None:
    line = flat(0, 512, column=256)
    for severity, radius in zip(SEVERITIES, CORRUPTIONS["defocus"].parameters, strict=True):
        across = (corrupt(line, "defocus", severity)[256, :, 0] > 0).sum()
        assert across == pytest.approx(2 * radius * 512 + 1, abs=2)


@pytest.mark.parametrize("name", ["defocus", "motion_blur", "low_resolution"])
def test_blur_takes_no_black_from_outside(name: str) -> None:
    grey = flat(120)
    np.testing.assert_allclose(corrupt(grey, name, 5)[grey.field_of_view], 120, atol=1)


def test_a_stop_halves_the_light() -> None:
    for name, sign in (("too_dark", -1), ("too_bright", 1)):
        for severity, stops in zip(SEVERITIES, CORRUPTIONS[name].parameters, strict=True):
            light = (corrupt(flat(90), name, severity)[112, 112, 0] / 90) ** 2.2
            assert light == pytest.approx(2 ** (sign * stops), rel=0.03)


def test_noise_has_the_deviation_that_is_promised() -> None:
    for severity, deviation in zip(SEVERITIES, CORRUPTIONS["sensor_noise"].parameters, strict=True):
        grey = flat(128)
        noise = corrupt(grey, "sensor_noise", severity)[grey.field_of_view].astype(float) - 128
        assert noise.std() == pytest.approx(deviation, rel=0.03)


def test_the_cut_is_as_deep_as_is_promised() -> None:
    for severity, depth in zip(SEVERITIES, CORRUPTIONS["crop"].parameters, strict=True):
        for seed in range(6):
            seen = corrupt(flat(100, 400), "crop", severity, seed)[..., 0] > 0
            extents = sorted((int(seen.any(axis=0).sum()), int(seen.any(axis=1).sum())))
            assert extents[0] == pytest.approx(400 * (1 - depth), abs=1.5)


def test_the_cut_comes_from_every_side() -> None:
    missing = set()
    for seed in range(40):
        seen = corrupt(flat(100), "crop", 5, seed)[..., 0] > 0
        missing.add(tuple(bool(seen[edge].any()) for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])))
    assert len(missing) == 4


def test_rotation_turns_the_eye_by_the_angle_and_either_way() -> None:
    spot = flat(50)
    cv2.circle(spot.pixels, (180, 112), 6, (255, 255, 255), -1)
    signs = set()
    for seed in range(12):
        turned = corrupt(spot, "rotation", 5, seed)[..., 0].astype(float) - 50
        y, x = np.nonzero(turned > 100)
        angle = np.degrees(np.arctan2(y.mean() - 111.5, x.mean() - 111.5))
        assert abs(angle) == pytest.approx(45, abs=1)
        signs.add(angle > 0)
    assert signs == {True, False}


def test_a_cast_keeps_the_brightness_and_moves_red_against_blue() -> None:
    directions = set()
    for seed in range(12):
        grey = flat(90)
        red, green, blue = corrupt(grey, "colour_cast", 5, seed)[112, 112].astype(float)
        assert 0.299 * red + 0.587 * green + 0.114 * blue == pytest.approx(90, abs=1)
        ratio = red / blue
        assert max(ratio, 1 / ratio) == pytest.approx(CORRUPTIONS["colour_cast"].parameters[-1], rel=0.02)
        directions.add(ratio > 1)
    assert directions == {True, False}


@pytest.mark.parametrize("name", ["defocus", "motion_blur", "too_dark", "haze"])
def test_the_worst_severity_is_much_harder_to_grade(standard: StandardPhoto, name: str) -> None:
    def margin(pixels: np.ndarray) -> float:
        return assess(StandardPhoto(pixels, standard.disc, standard.geometry)).margin

    clean, mild, worst = margin(standard.pixels), margin(corrupt(standard, name, 1)), margin(corrupt(standard, name, 5))
    assert worst < 0.5 * clean and mild > worst


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("side", [32, 225])
def test_black_and_small_photos_are_borne(name: str, side: int) -> None:
    black = flat(0, side)
    for severity in SEVERITIES:
        assert corrupt(black, name, severity).shape == (side, side, 3)


def test_an_unknown_fault_and_severity_are_named(standard: StandardPhoto) -> None:
    with pytest.raises(
        UserError, match=r"no corruption 'motion-blur' \(did you mean 'motion_blur'\?\); known: defocus"
    ):
        corrupt(standard, "motion-blur", 1)
    with pytest.raises(UserError, match="severity 6 of 'jpeg'; severities are 1 to 5"):
        corrupt(standard, "jpeg", 6)
