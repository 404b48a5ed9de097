"""Augmentation changes a photo in ways a camera could, reproducibly, and leaves the dark outside dark."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.config.training_recipe import Augmentation
from eyeground.datasets.synthetic import render
from eyeground.training.augmentation import augment, augment_with_masks, recoloured

SIDE = 96
NOTHING = Augmentation(
    flip=False, rotation=0, zoom=0, shift=0, brightness=0, contrast=0, colour=0, gamma=0, blur=0, jpeg=0, warp=1
)


def photo() -> np.ndarray:
    return render(seed=3, height=SIDE, width=SIDE).pixels


def test_nothing_asked_for_changes_nothing() -> None:
    original = photo()
    assert np.array_equal(augment(original, NOTHING, np.random.default_rng(0)), original)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_same_generator_state_gives_the_same_photo(seed: int) -> None:
    first, second = (augment(photo(), Augmentation(), np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (SIDE, SIDE, 3)
    assert first.dtype == np.uint8


def test_the_original_is_left_as_it_is() -> None:
    original = photo()
    before = original.copy()
    augment(original, Augmentation(), np.random.default_rng(1))
    assert np.array_equal(original, before)


@pytest.mark.parametrize(
    "name",
    [
        "flip",
        "rotation",
        "zoom",
        "shift",
        "brightness",
        "contrast",
        "colour",
        "gamma",
        "illumination",
        "blur",
        "sharpen",
        "jpeg",
    ],
)
def test_each_setting_changes_photos_by_itself(name: str) -> None:
    full = {"flip": True, "rotation": 90.0, "blur": 1.0, "sharpen": 1.0, "jpeg": 1.0}.get(name, 0.3)
    only = NOTHING.model_copy(update={name: full})
    changed = [not np.array_equal(augment(photo(), only, np.random.default_rng(seed)), photo()) for seed in range(24)]
    assert sum(changed) >= 8


def test_without_a_warp_every_pixel_keeps_its_value() -> None:
    only = NOTHING.model_copy(update={"flip": True, "rotation": 180.0, "zoom": 0.3, "shift": 0.3, "warp": 0.0})
    turned = [augment(photo(), only, np.random.default_rng(seed)) for seed in range(64)]
    assert len({one.tobytes() for one in turned}) == 8
    assert all(np.array_equal(np.sort(one, axis=None), np.sort(photo(), axis=None)) for one in turned)


def test_photometric_changes_keep_the_outside_black() -> None:
    original = photo()
    outside = original.max(axis=2) == 0
    assert outside.any()
    only = NOTHING.model_copy(
        update={
            "brightness": 0.3,
            "contrast": 0.3,
            "colour": 0.2,
            "gamma": 0.3,
            "illumination": 0.5,
            "sharpen": 1.0,
        }
    )
    for seed in range(5):
        assert not augment(original, only, np.random.default_rng(seed))[outside].any()


def test_uneven_light_keeps_the_middle_as_bright_as_it_was() -> None:
    only = NOTHING.model_copy(update={"illumination": 0.4})
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    lit = np.stack([augment(grey, only, np.random.default_rng(seed)) for seed in range(16)])
    assert np.abs(lit[:, SIDE // 2, SIDE // 2].astype(int) - 100).max() <= 2
    spread = np.ptp(lit.reshape(16, -1).astype(int), axis=1)
    assert spread.min() > 2
    assert spread.max() > 40


def test_sharpening_steepens_an_edge() -> None:
    edge = np.full((SIDE, SIDE, 3), 80, np.uint8)
    edge[:, SIDE // 2 :] = 160
    sharpened = augment(edge, NOTHING.model_copy(update={"sharpen": 1.0}), np.random.default_rng(0))
    assert sharpened.min() < 80
    assert sharpened.max() > 160


def test_a_black_photo_stays_black() -> None:
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    assert not augment(black, Augmentation(blur=0, jpeg=0), np.random.default_rng(0)).any()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_masks_are_turned_and_warped_as_the_photo_is(seed: int) -> None:
    """A photo that is its own mask: where the one goes, the other goes."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[30:50, 20:70] = 255
    geometry = NOTHING.model_copy(update={"flip": True, "rotation": 180.0, "zoom": 0.3, "shift": 0.05, "warp": 0.5})
    changed, (moved,) = augment_with_masks(
        np.repeat(mask[..., None], 3, axis=2), [mask], geometry, np.random.default_rng(seed)
    )
    assert np.abs(changed[..., 0].astype(int) - moved.astype(int)).max() <= 1


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_masks_change_nothing_about_the_photo(seed: int) -> None:
    alone = augment(photo(), Augmentation(), np.random.default_rng(seed))
    together, _ = augment_with_masks(
        photo(), [np.zeros((SIDE, SIDE), np.uint8)], Augmentation(), np.random.default_rng(seed)
    )
    assert np.array_equal(alone, together)


def test_a_photo_takes_the_colours_of_another_camera_and_keeps_its_shapes() -> None:
    photo, other = render(seed=1, height=96, width=96).pixels, render(seed=2, height=64, width=64).pixels // 2
    inside, theirs = photo.any(axis=2), other.any(axis=2)
    entire, half = recoloured(photo, other, 1.0), recoloured(photo, other, 0.5)
    assert entire[inside].mean(axis=0) == pytest.approx(other[theirs].mean(axis=0), abs=1.5)
    assert half[inside].mean(axis=0) == pytest.approx(
        (photo[inside].mean(axis=0) + entire[inside].mean(axis=0)) / 2, abs=1
    )
    assert not entire[~inside].any() and np.array_equal(recoloured(photo, other, 0.0), photo)
    order = np.argsort(photo[..., 1].ravel(), kind="stable")
    assert (np.diff(entire[..., 1].ravel()[order].astype(int)) >= 0).all()
