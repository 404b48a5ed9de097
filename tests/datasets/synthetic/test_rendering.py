"""Invariants of one rendered photograph."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.datasets.synthetic import (
    DEVICES,
    DISEASES,
    CameraFaults,
    Device,
    FundusSpec,
    render,
    render_spec,
)
from eyeground.datasets.synthetic.anatomy import Anatomy
from eyeground.datasets.synthetic.lesions import Lesions
from eyeground.errors import UserError

SIDE = 256
SOFTNESS = 0.5  # degrees by which the softest lesion's edge reaches beyond its mask
ONE_LESION = {
    "microaneurysm": Lesions(microaneurysms=25),
    "haemorrhage": Lesions(haemorrhages=12),
    "hard_exudate": Lesions(hard_exudates=4, circinate=True),
    "soft_exudate": Lesions(soft_exudates=5),
    "drusen": Lesions(drusen=60),
    "macular_atrophy": Lesions(macular_atrophy=2.0),
    "peripapillary_atrophy": Lesions(peripapillary_atrophy=0.8),
    "chorioretinal_atrophy": Lesions(chorioretinal_atrophy=4),
    "epiretinal_membrane": Lesions(epiretinal_membrane=0.8),
}
LESION_OF = {
    "diabetic_retinopathy": "haemorrhage",
    "amd": "drusen",
    "pathologic_myopia": "peripapillary_atrophy",
    "epiretinal_membrane": "epiretinal_membrane",
    "retinal_vein_occlusion": "haemorrhage",
}


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)) > 0


def test_the_same_arguments_give_the_same_pixels_and_another_seed_does_not() -> None:
    first, again, other = (render("amd", height=96, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first.pixels, again.pixels)
    assert all(np.array_equal(first.masks[term], again.masks[term]) for term in first.masks)
    assert not np.array_equal(first.pixels, other.pixels)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(32, 320),
    width=st.integers(32, 320),
    eye=st.sampled_from(["left", "right"]),
    device=st.sampled_from(sorted(DEVICES)),
    disease=st.sampled_from(["normal", *DISEASES]),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_size_gives_masks_of_that_size_within_the_field_of_view(
    height: int, width: int, eye: str, device: str, disease: str, seed: int
) -> None:
    fundus = render(disease, height=height, width=width, eye=eye, device=device, seed=seed)
    assert fundus.pixels.shape == (height, width, 3)
    assert fundus.pixels.dtype == np.uint8
    assert fundus.field_of_view.any()
    for mask in fundus.masks.values():
        assert mask.shape == (height, width)
        assert mask.dtype == bool
        assert not (mask & ~fundus.field_of_view).any()
    assert not (fundus.masks["optic_cup"] & ~fundus.masks["optic_disc"]).any()
    assert np.array_equal(fundus.masks["vessel"], fundus.masks["artery"] | fundus.masks["vein"])


@pytest.mark.parametrize("device", sorted(DEVICES))
def test_the_disc_is_on_the_nasal_side_and_in_view_in_either_eye(device: str) -> None:
    for seed in range(3):
        right = render(height=96, eye="right", device=device, seed=seed)
        left = render(height=96, eye="left", device=device, seed=seed)
        assert right.disc_x > right.macula_x
        assert left.disc_x < left.macula_x
        for fundus in (left, right):
            rows, columns = np.nonzero(fundus.masks["optic_disc"])
            assert abs(columns.mean() - fundus.disc_x) < 0.3 * fundus.disc_radius
            assert abs(rows.mean() - fundus.disc_y) < 0.3 * fundus.disc_radius
            assert fundus.masks["macula"][round(fundus.macula_y), round(fundus.macula_x)]


def test_a_left_eye_is_the_mirror_image_of_the_right_one() -> None:
    spec = FundusSpec(anatomy=Anatomy(seed=4), lesions=ONE_LESION["hard_exudate"], device=Device(noise=0.0))
    right, left = render_spec(spec, SIDE), render_spec(replace(spec, eye="left"), SIDE)
    for term, mask in right.masks.items():
        assert np.array_equal(mask, left.masks[term][:, ::-1]), term
    assert left.disc_x == pytest.approx(SIDE - 1 - right.disc_x, abs=1e-3)
    assert left.disc_y == right.disc_y


def test_an_eye_is_the_same_at_any_size() -> None:
    spec = FundusSpec(anatomy=Anatomy(seed=2), lesions=Lesions(hard_exudates=5, haemorrhages=20))
    small, large = render_spec(spec, SIDE), render_spec(spec, 3 * SIDE)
    for term in ("vessel", "optic_disc", "optic_cup", "macula", "haemorrhage"):
        share = cv2.resize(large.masks[term].astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        assert overlap(share >= 0.5, small.masks[term]) > (0.6 if term in ("vessel", "haemorrhage") else 0.95), term


@pytest.mark.parametrize("term", sorted(ONE_LESION))
def test_a_lesion_changes_the_photograph_where_its_mask_says_and_nowhere_else(term: str) -> None:
    healthy = FundusSpec(anatomy=Anatomy(seed=11))
    without = render_spec(healthy, SIDE)
    with_lesion = render_spec(replace(healthy, lesions=ONE_LESION[term]), SIDE)
    mask = with_lesion.masks[term]
    assert term not in without.masks
    assert mask.any()
    change = np.abs(with_lesion.pixels.astype(int) - without.pixels).sum(axis=2)
    near = grown(mask, round(SOFTNESS * SIDE / 45) + 1)
    assert change[mask].mean() > 6
    assert change[near].sum() > 0.97 * change.sum()
    assert change[mask].mean() > 8 * change[~near].mean()


def test_blood_darkens_and_exudate_brightens() -> None:
    healthy = FundusSpec(anatomy=Anatomy(seed=3))
    before = render_spec(healthy, SIDE).pixels.astype(int)
    for term, sign in (("haemorrhage", -1), ("microaneurysm", -1), ("hard_exudate", 1), ("soft_exudate", 1)):
        fundus = render_spec(replace(healthy, lesions=ONE_LESION[term]), SIDE)
        assert sign * (fundus.pixels - before)[fundus.masks[term]][:, 1].mean() > 3, term


@pytest.mark.parametrize("disease", sorted(LESION_OF))
def test_every_disease_shows_its_lesion_and_is_labelled(disease: str) -> None:
    for seed in range(4):
        fundus = render(disease, height=SIDE, seed=seed)
        assert fundus.masks[LESION_OF[disease]].any()
        assert fundus.labels["abnormal"] == fundus.labels[disease] == 1
        assert sum(fundus.labels[name] for name in DISEASES) == 1


def test_more_retinopathy_means_more_red_lesions() -> None:
    def red(grade: int) -> int:
        eyes = [render("diabetic_retinopathy", grade=grade, height=160, seed=seed).masks for seed in range(4)]
        return sum(
            int(masks[term].sum()) for masks in eyes for term in ("microaneurysm", "haemorrhage") if term in masks
        )

    amounts = [red(grade) for grade in range(5)]
    assert amounts[0] == 0
    assert amounts == sorted(amounts)
    assert render("diabetic_retinopathy", grade=0, height=64).labels["abnormal"] == 0


def test_cups_grow_from_normal_over_suspect_to_glaucoma() -> None:
    def ratio(disease: str) -> float:
        eyes = [render(disease, height=96, seed=seed).masks for seed in range(8)]
        return float(np.mean([np.sqrt(masks["optic_cup"].sum() / masks["optic_disc"].sum()) for masks in eyes]))

    assert ratio("normal") + 0.1 < ratio("glaucoma_suspect") < ratio("glaucoma") - 0.1


def test_an_occlusion_widens_the_veins_of_its_sector_and_bleeds_there() -> None:
    healthy = FundusSpec(anatomy=Anatomy(seed=6))
    blocked = render_spec(replace(healthy, lesions=Lesions(occlusion="lower")), SIDE)
    row = round(blocked.macula_y)
    assert blocked.masks["haemorrhage"][row:].sum() > 4 * blocked.masks["haemorrhage"][:row].sum()
    assert blocked.masks["vein"][row:].sum() > 1.15 * render_spec(healthy, SIDE).masks["vein"][row:].sum()


def test_vessels_are_darker_in_green_and_the_disc_brighter_than_what_surrounds_them() -> None:
    for seed in range(4):
        fundus = render(height=SIDE, seed=seed)
        green = fundus.pixels[..., 1].astype(float)
        surroundings = cv2.medianBlur(fundus.pixels[..., 1], 31).astype(float)
        vessel = fundus.masks["vessel"] & ~grown(fundus.masks["optic_disc"], 4)
        assert (green - surroundings)[vessel].mean() < -4
        disc, free = fundus.masks["optic_disc"], ~grown(fundus.masks["vessel"], 1)
        ring = grown(disc, 12) & ~grown(disc, 3)
        assert green[disc & free].mean() > 1.1 * green[ring & free].mean()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"disease": "glaucom"}, "did you mean 'glaucoma'"),
        ({"device": "clinc"}, "did you mean 'clinic'"),
        ({"eye": "OD"}, "expected 'right' or 'left'"),
        ({"height": 8}, "too small"),
        ({"disease": "diabetic_retinopathy", "grade": 5}, "expected 1 to 4"),
    ],
)
def test_a_wrong_argument_is_an_error_with_its_fix(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        render(**arguments)


def test_a_gaze_far_from_the_macula_still_renders() -> None:
    spec = FundusSpec(lesions=Lesions(haemorrhages=5), gaze=(70.0, 0.0))
    fundus = render_spec(spec, 64)
    assert fundus.masks["haemorrhage"].any()
    assert not fundus.masks["optic_disc"].any()


def test_faults_are_visible() -> None:
    def sharpness(faults: CameraFaults) -> float:
        return float(
            cv2.Laplacian(render(height=SIDE, device="clinic", faults=faults).pixels[..., 1], cv2.CV_64F).var()
        )

    assert sharpness(CameraFaults(blur=1.0)) < 0.8 * sharpness(CameraFaults())
    bright = render(height=SIDE).pixels.mean()
    assert render(height=SIDE, faults=CameraFaults(darkness=1.0)).pixels.mean() < 0.4 * bright
    assert render(height=SIDE, faults=CameraFaults(glare=1.0)).pixels.mean() > bright
