"""All biomarkers at once, on synthetic photographs whose vessels and disc are known."""

import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from eyeground.biomarkers import (
    ARTERIOLES,
    VENULES,
    Biomarkers,
    central_retinal_equivalent,
    fit_optic_disc,
    measure,
    vessel_width,
)
from eyeground.errors import UserError
from eyeground.synthetic import FundusSpec, SyntheticFundus, render_spec


def photographed(seed: int = 3, **anatomy: float) -> SyntheticFundus:
    spec = FundusSpec(seed=seed, gaze=(12.0, 0.5))
    return render_spec(replace(spec, anatomy=replace(spec.anatomy, **anatomy)), height=560)


def measured(eye: SyntheticFundus, turns: int = 0) -> Biomarkers:
    masks = [eye.masks["vessel"], eye.masks["optic_disc"], eye.masks["optic_cup"], eye.field_of_view]
    return measure(*(np.rot90(mask, turns) for mask in masks))


@pytest.fixture(scope="module")
def eye() -> SyntheticFundus:
    return photographed()


def test_a_photograph_is_measured_in_full_and_plausibly(eye: SyntheticFundus) -> None:
    found = measured(eye)
    assert all(value is not None for value in asdict(found).values())
    assert (found.disc_centre_x, found.disc_centre_y) == pytest.approx((eye.disc_x, eye.disc_y), abs=2)
    assert 0 < (found.vertical_cup_to_disc_ratio or 0) < 1 < (found.fractal_dimension or 0) < 2
    assert 1 < (found.arc_over_chord or 0) < 1.3


def test_a_quarter_turn_changes_only_what_is_vertical(eye: SyntheticFundus) -> None:
    upright, turned = asdict(measured(eye)), asdict(measured(eye, 2))
    for name in ("vertical_cup_to_disc_ratio", "vessel_density", "fractal_dimension", "disc_diameter"):
        assert turned[name] == pytest.approx(upright[name], rel=1e-6)
    # Thinning is not symmetric to the pixel.
    for name in ("arc_over_chord", "vessel_width", "central_retinal_vessel_equivalent"):
        assert turned[name] == pytest.approx(upright[name], rel=0.03)


def test_more_tortuous_wider_vessels_and_a_larger_cup_measure_so(eye: SyntheticFundus) -> None:
    found, more = measured(eye), measured(photographed(tortuosity=3.0, calibre=1.3, cup_to_disc=0.8))
    for name in ("arc_over_chord", "squared_curvature", "vessel_width", "vertical_cup_to_disc_ratio", "vessel_density"):
        assert getattr(more, name) > getattr(found, name), name


def test_arterioles_are_narrower_than_venules(eye: SyntheticFundus) -> None:
    disc = fit_optic_disc(eye.masks["optic_disc"])
    assert disc is not None
    artery = central_retinal_equivalent(eye.masks["artery"], disc, eye.field_of_view, ARTERIOLES)
    vein = central_retinal_equivalent(eye.masks["vein"], disc, eye.field_of_view, VENULES)
    assert artery is not None and vein is not None and 0.3 < artery / vein < 1
    assert vessel_width(eye.masks["artery"], disc.diameter) < vessel_width(eye.masks["vein"], disc.diameter)


def test_without_disc_and_cup_the_rest_is_measured(eye: SyntheticFundus) -> None:
    found = measure(eye.masks["vessel"], None, None, eye.field_of_view)
    missing = {name for name, value in asdict(found).items() if value is None}
    assert missing == {
        "disc_centre_x",
        "disc_centre_y",
        "disc_diameter",
        "vertical_cup_to_disc_ratio",
        "squared_curvature",
        "vessel_width",
        "central_retinal_vessel_equivalent",
    }


def test_an_eye_without_vessels_has_no_values_of_them(eye: SyntheticFundus) -> None:
    found = measure(np.zeros_like(eye.field_of_view), eye.masks["optic_disc"], None, eye.field_of_view)
    assert found.vessel_density == 0 and found.disc_diameter is not None
    assert found.fractal_dimension is found.arc_over_chord is found.squared_curvature is found.vessel_width is None


def test_masks_that_do_not_fit_are_told() -> None:
    mask = np.ones((64, 64), dtype=bool)
    with pytest.raises(UserError, match="cup mask is of type uint8"):
        measure(mask, mask, mask.astype(np.uint8), mask)
    with pytest.raises(UserError, match=r"optic disc \(63, 64\)"):
        measure(mask, mask[1:], None, mask)
    with pytest.raises(UserError, match="field-of-view mask is empty"):
        measure(mask, None, None, ~mask)


def test_without_scikit_image_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.morphology", None)
    mask = np.ones((64, 64), dtype=bool)
    with pytest.raises(UserError, match=r'pip install ".*\[structure\]"'):
        measure(mask, None, None, mask)
