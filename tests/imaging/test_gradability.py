import cv2
import numpy as np
import pytest
from photographs import draw_fundus

from eyeground.config.training_recipe import Preprocessing
from eyeground.imaging.gradability import Gradability, assess, standard_and_gradability
from eyeground.imaging.standard import standard_photo

SHARP = draw_fundus(500, 500, (250, 250), 240)


def judge(pixels: np.ndarray, side: int = 224) -> Gradability:
    return assess(standard_photo(pixels, Preprocessing(side=side)))


def test_a_sharp_photo_is_gradable_at_every_side() -> None:
    for side in (224, 320, 512):
        judged = judge(SHARP, side)
        assert judged.gradable and judged.reasons == () and judged.margin > 0
    assert judge(SHARP, 512).focus == pytest.approx(judge(SHARP, 224).focus, rel=0.15)


def test_blur_lowers_focus_and_the_probability_of_being_gradable() -> None:
    blurred = [judge(cv2.GaussianBlur(SHARP, (0, 0), sigma)) for sigma in (0.5, 3, 6, 25)]
    focus = [one.focus for one in blurred]
    assert focus == sorted(focus, reverse=True)
    assert focus[0] > 0.02 and focus[-1] < 0.003
    assert blurred[0].probability > blurred[2].probability + 0.3
    assert blurred[0].gradable and "out of focus" in blurred[-1].reasons


def test_reasons_name_what_is_wrong() -> None:
    lit = draw_fundus(500, 500, (250, 250), 240).max(axis=2, keepdims=True) > 20
    assert "too dark" in judge((SHARP * 0.1).astype(np.uint8)).reasons
    assert "too bright" in judge(np.where(lit, 252, 0).repeat(3, axis=2).astype(np.uint8)).reasons
    assert "low contrast" in judge((lit * np.array([150, 90, 40])).astype(np.uint8)).reasons
    grey = cv2.cvtColor(cv2.cvtColor(SHARP, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert "unusual colours" in judge(grey).reasons
    squares = np.indices((500, 500)).sum(axis=0, keepdims=True).T // 12 % 2
    chequered = lit * (40 + 180 * squares) * np.array([1.0, 0.7, 0.4])
    assert "no vessels stand out" in judge(chequered.astype(np.uint8)).reasons


@pytest.mark.parametrize("tint", [(0.35, 0.8, 1.2), (0.3, 0.7, 1.3), (0.45, 1.0, 1.0), (0.4, 0.9, 0.6)])
def test_a_clear_photo_in_unusual_colours_is_called_just_that(tint: tuple[float, ...]) -> None:
    tinted = np.clip(SHARP * np.array(tint), 0, 255).astype(np.uint8)
    assert judge(tinted).reasons in ((), ("unusual colours",))


def test_a_red_free_photo_is_in_unusual_colours_and_nothing_worse() -> None:
    red_free = SHARP[..., 1:2].repeat(3, axis=2)
    assert judge(np.clip(red_free * 1.6, 0, 255).astype(np.uint8)).reasons == ("unusual colours",)


@pytest.mark.parametrize("side", [32, 96, 128, 200, 223, 224, 384])
def test_the_side_of_the_model_decides_nothing_about_quality(side: int) -> None:
    _, same = standard_and_gradability(SHARP, Preprocessing(side=224))
    standard, judged = standard_and_gradability(SHARP, Preprocessing(side=side))
    assert standard.pixels.shape[0] == side and judged.gradable
    if side < 224:
        assert judged == same


def test_what_is_too_small_to_be_judged_is_not_judged_silently() -> None:
    with pytest.raises(ValueError, match="224"):
        judge(SHARP, side=96)


@pytest.mark.parametrize(
    ("side", "crop"),
    [
        ("left", np.s_[:, 230:]),
        ("right", np.s_[:, :270]),
        ("top", np.s_[230:]),
        ("bottom", np.s_[:270]),
    ],
)
def test_the_side_at_which_the_field_is_cut_is_named(side: str, crop: tuple[slice, ...]) -> None:
    judged = judge(np.ascontiguousarray(SHARP[crop]))
    assert f"field of view cut at the {side}" in judged.reasons
    assert judged.completeness < 0.65


def test_bright_lesions_are_not_taken_for_bad_quality() -> None:
    photo = SHARP.copy()
    for x, y in np.random.default_rng(0).integers(120, 380, (25, 2)):
        cv2.circle(photo, (int(x), int(y)), 4, (215, 170, 90), -1)
    assert judge(photo).gradable


def test_noise_is_not_taken_for_focus() -> None:
    noise = np.random.default_rng(0).normal(0, 20, (500, 500, 1))
    lit = SHARP.max(axis=2, keepdims=True) > 20
    photo = np.clip(np.where(lit, np.array([150, 90, 40]) + noise, 0), 0, 255).astype(np.uint8)
    assert judge(photo).focus < 0.1 * judge(SHARP).focus


@pytest.mark.parametrize("value", [0, 255])
def test_blank_photos_are_ungradable(value: int) -> None:
    judged = judge(np.full((300, 300, 3), value, np.uint8))
    assert not judged.gradable and judged.margin < 0


def test_the_margin_is_negative_exactly_where_there_are_reasons() -> None:
    for factor in (0.05, 0.1, 0.2, 0.4, 0.8, 1.0):
        judged = judge((SHARP * factor).astype(np.uint8))
        assert (judged.margin < 0) == bool(judged.reasons)


def test_a_sheet_of_several_photos_is_not_judged() -> None:
    sheet = np.concatenate([SHARP, SHARP[:, ::-1]], axis=1)
    assert "several pictures in one" in judge(sheet).reasons
