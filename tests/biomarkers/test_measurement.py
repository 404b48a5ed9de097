"""All biomarkers at once, on drawings and on synthetic photographs whose anatomy is known."""

import sys
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from eyeground.biomarkers import Biomarkers, Ellipse, Fovea, Told, knudtson_equivalent, measure
from eyeground.datasets.synthetic import FundusSpec, SyntheticFundus, render_spec
from eyeground.errors import UserError

KINDS = ("vessel", "artery", "vein", "optic_disc", "optic_cup")


def photographed(seed: int = 3, **anatomy: Any) -> SyntheticFundus:
    spec = FundusSpec(seed=seed, gaze=(10.0, 0.5))
    return render_spec(replace(spec, anatomy=replace(spec.anatomy, **anatomy)), height=480)


def measured(eye: SyntheticFundus, told: Told | None = None, kinds: tuple[str, ...] = KINDS) -> Biomarkers:
    masks = {name: eye.masks[name] for name in kinds}
    return measure(masks, eye.field_of_view, Fovea(eye.macula_x, eye.macula_y), told or Told())


@pytest.fixture(scope="module")
def eye() -> SyntheticFundus:
    return photographed()


def test_a_photograph_is_measured_in_its_own_pixels(eye: SyntheticFundus) -> None:
    found = measured(eye)
    value = {name: quantity.value for name, quantity in found.quantities.items()}
    assert (value["disc_centre_x"], value["disc_centre_y"]) == pytest.approx((eye.disc_x, eye.disc_y), abs=2)
    assert value["disc_height"] == pytest.approx(2 * eye.disc_radius, rel=0.04)
    assert (value["fovea_x"], value["fovea_y"]) == pytest.approx((eye.macula_x, eye.macula_y))
    assert value["vertical_cup_to_disc_ratio"] == pytest.approx(eye.spec.anatomy.cup_to_disc, abs=0.03)
    assert value["disc_height_mm"] == pytest.approx(1.8)
    assert value["vessel_density"] == pytest.approx(eye.masks["vessel"].sum() / eye.field_of_view.sum(), rel=0.02)
    assert found.eye == eye.eye and found.orientation.seen_by == "disc and fovea"
    assert 0.3 < value["avr"] < 1 < value["vessel_box_dimension"] < 2


def test_more_tortuous_wider_vessels_and_a_larger_cup_measure_so(eye: SyntheticFundus) -> None:
    found, more = measured(eye), measured(photographed(tortuosity=3.0, calibre=1.3, cup_to_disc=0.8))
    for name in (
        "artery_arc_over_chord",
        "artery_squared_curvature",
        "vessel_width",
        "vertical_cup_to_disc_ratio",
        "crae",
    ):
        assert more.quantities[name].value > found.quantities[name].value, name


def test_what_is_told_comes_before_what_is_seen(eye: SyntheticFundus) -> None:
    told = Told(eye="left", mm_per_pixel=0.02, cup_to_disc_error=0.05)
    found = measured(eye, told, KINDS[3:])
    assert (found.eye, found.orientation.eye) == ("left", "right")
    assert found.scale is not None and found.scale.mm_per_pixel == 0.02
    ratio = found.quantities["vertical_cup_to_disc_ratio"]
    assert ratio.low is not None and ratio.high is not None
    assert (ratio.low, ratio.high) == pytest.approx((ratio.value - 0.098, ratio.value + 0.098))
    camera = measured(eye, Told(camera_angle=45, axial_length=24), KINDS[3:])
    assert camera.scale is not None and "45 degrees" in camera.scale.source


def test_an_implausible_disc_gives_no_figures_but_a_reason(eye: SyntheticFundus) -> None:
    scrap = np.zeros_like(eye.field_of_view)
    scrap[int(eye.disc_y) : int(eye.disc_y) + 8, int(eye.disc_x) : int(eye.disc_x) + 30] = True
    masks = {name: eye.masks[name] for name in ("artery", "vein")} | {"optic_disc": scrap}
    found = measure(masks, eye.field_of_view, Fovea(eye.macula_x, eye.macula_y))
    assert found.disc is None and "vessel_density" in found.quantities
    assert not {"disc_diameter", "crae", "mm_per_pixel", "disc_fovea_distance"} & set(found.quantities)
    assert any("implausible" in reason for reason in found.reasons)


def test_a_point_that_cannot_be_the_fovea_is_left_out(eye: SyntheticFundus) -> None:
    found = measure({"optic_disc": eye.masks["optic_disc"]}, eye.field_of_view, Fovea(eye.disc_x + 5, eye.disc_y))
    assert found.fovea is None and "fovea_x" not in found.quantities and found.reasons


def test_without_a_disc_the_rest_is_measured(eye: SyntheticFundus) -> None:
    found = measure({"vessel": eye.masks["vessel"]}, eye.field_of_view)
    assert {"vessel_density", "vessel_box_dimension", "vessel_arc_over_chord", "vessel_width"} <= set(found.quantities)
    assert "vessel_width_mm" not in found.quantities and found.eye is None


def test_an_eye_without_vessels_has_no_values_of_them(eye: SyntheticFundus) -> None:
    nothing = np.zeros_like(eye.field_of_view)
    masks = {"artery": nothing, "vein": nothing, "optic_disc": eye.masks["optic_disc"]}
    found = measure(masks, eye.field_of_view)
    assert found.quantities["vessel_density"].value == 0
    assert not {"vessel_width", "crae", "avr", "artery_arc_over_chord"} & set(found.quantities)
    assert any("0 arterioles" in reason for reason in found.reasons)


# Angle in degrees and width in disc diameters of vessels that leave the disc.
TREE = tuple((20 + 55 * place, width) for place, width in enumerate((0.09, 0.12, 0.075, 0.1, 0.11, 0.08)))


def drawing(degrees: float, scale: float) -> tuple[dict[str, np.ndarray], np.ndarray, Fovea]:
    """A disc, a cup, a fovea and six curved vessels, drawn anew at every angle and scale."""
    side = round(700 * scale)
    middle, radius, turn = side / 2, 0.48 * side, np.radians(degrees)
    x, y = (np.arange(side) + 0.5 - middle) / (0.19 * side), (np.arange(side) + 0.5 - middle) / (0.19 * side)
    # Coordinates in disc diameters of the eye before it was turned.
    across = np.cos(turn) * x[None] + np.sin(turn) * y[:, None]
    down = np.cos(turn) * y[:, None] - np.sin(turn) * x[None]
    vessel = np.zeros((side, side), dtype=bool)
    for angle, width in TREE:
        bend = np.radians(angle) + 0.3 * np.hypot(across, down)
        along = np.cos(bend) * across + np.sin(bend) * down
        # The distance from a spiral, to first order: its pitch is 0.3 radians per disc diameter.
        slant = np.hypot(1, 0.3 * np.hypot(across, down))
        vessel |= (abs(np.cos(bend) * down - np.sin(bend) * across) / slant < width / 2) & (along > 0.2)
    inside = np.hypot(x[None], y[:, None]) < radius / (0.19 * side)
    shape = (side, side)
    disc = Ellipse(middle, middle, 0.5 * 0.19 * side, 0.46 * 0.19 * side, np.pi / 2 + turn)
    cup = Ellipse(middle, middle, 0.25 * 0.19 * side, 0.2 * 0.19 * side, np.pi / 2 + turn)
    towards = np.pi - np.radians(7) + turn
    fovea = Fovea(middle + 2.3 * 0.19 * side * np.cos(towards), middle + 2.3 * 0.19 * side * np.sin(towards))
    masks = {
        "artery": vessel & inside,
        "vein": vessel & inside,
        "optic_disc": disc.pixels(shape),
        "optic_cup": cup.pixels(shape),
    }
    return masks, inside, fovea


@cache
def upright() -> dict[str, float]:
    found = measure(*drawing(0, 1.0), Told(eye="right")).quantities
    return {name: quantity.value for name, quantity in found.items()}


@pytest.mark.parametrize(("degrees", "scale", "tolerance"), [(30, 1.0, 0.01), (90, 1.4, 0.02)])
def test_turning_and_magnifying_a_drawing_hardly_changes_any_biomarker(
    degrees: float, scale: float, tolerance: float
) -> None:
    told = Told(eye="right")
    first = upright()
    found = measure(*drawing(degrees, scale), told).quantities
    # A sector of which half is seen may be told at one angle and not at another.
    assert {name for name in found.keys() ^ first.keys() if "etdrs" not in name} == set() and "crae" in first
    changed = {}
    for name, quantity in found.items():
        # Curvature is a second derivative of lines on a grid.
        if name.endswith("squared_curvature"):
            assert quantity.value == pytest.approx(first[name], abs=0.1)
            continue
        if name in ("disc_fovea_angle", "disc_centre_x", "disc_centre_y", "fovea_x", "fovea_y") or "etdrs" in name:
            continue
        factor = 1 / scale if quantity.unit == "px" else scale if name == "mm_per_pixel" else 1
        if abs(quantity.value * factor / first[name] - 1) > tolerance:
            changed[name] = (quantity.value * factor, first[name])
    assert not changed


def test_crae_of_a_drawing_is_the_formulas() -> None:
    found = upright()["crae_disc_diameters"]
    # The disc diameter is that of the circle of the ellipse's area.
    expected = knudtson_equivalent([width for _, width in TREE], 0.88) / (2 * np.sqrt(0.5 * 0.46))
    assert found == pytest.approx(expected, rel=0.02)


def test_masks_that_do_not_fit_are_told() -> None:
    mask = np.ones((64, 64), dtype=bool)
    with pytest.raises(UserError, match="optic_cup mask is of type uint8"):
        measure({"optic_cup": mask.astype(np.uint8)}, mask)
    with pytest.raises(UserError, match=r"optic_disc \(63, 64\)"):
        measure({"vessel": mask, "optic_disc": mask[1:]}, mask)
    with pytest.raises(UserError, match="field-of-view mask is empty"):
        measure({"vessel": mask}, ~mask)


def test_without_scikit_image_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.morphology", None)
    mask = np.ones((64, 64), dtype=bool)
    with pytest.raises(UserError, match=r'pip install ".*\[structure\]"'):
        measure({"vessel": mask}, mask)
