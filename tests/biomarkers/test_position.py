"""Eye, fovea, axis, millimetres, and the ETDRS grid."""

import math

import numpy as np
import pytest

from eyeground.biomarkers import (
    Fovea,
    OpticDisc,
    Orientation,
    find_fovea,
    nearest_to_fovea,
    orientation_of,
    scale_of_camera,
    scale_of_disc,
    sectors,
    shares_by_sector,
    told_scale,
)
from eyeground.biomarkers.etdrs import SECTORS
from eyeground.datasets.synthetic import render
from eyeground.errors import UserError

DISC = OpticDisc(700.0, 480.0, 70.0, 66.0, 1.5)


@pytest.mark.parametrize("eye", ["right", "left"])
def test_disc_and_fovea_tell_the_eye_of_a_photograph(eye: str) -> None:
    fundus = render(seed=2, eye=eye, height=300)
    disc = OpticDisc(fundus.disc_x, fundus.disc_y, fundus.disc_radius, fundus.disc_radius, 0.0)
    fovea = Fovea(fundus.macula_x, fundus.macula_y)
    middle = fundus.field_of_view.shape[1] / 2
    found = orientation_of(disc, fovea, middle, middle)
    assert (found.eye, found.seen_by, found.vertical) == (eye, "disc and fovea", math.pi / 2)
    assert orientation_of(disc, None, middle, middle).eye == eye
    assert orientation_of(None, fovea, middle, middle).eye is None


def test_a_disc_in_the_middle_alone_tells_nothing() -> None:
    assert orientation_of(DISC, None, 690, 500).eye is None


@pytest.mark.parametrize("degrees", [-40, -25, 25, 40])
def test_the_vertical_turns_with_a_photograph_that_was_turned(degrees: float) -> None:
    turn, tilt = math.radians(degrees), math.radians(7)
    # From the disc, the fovea of an upright right eye lies to the left and a little below.
    towards_fovea = math.pi - tilt + turn
    fovea = Fovea(DISC.centre_x + 350 * math.cos(towards_fovea), DISC.centre_y + 350 * math.sin(towards_fovea))
    found = orientation_of(DISC, fovea, 500, 500)
    assert found.eye == "right" and found.vertical == pytest.approx(math.pi / 2 + turn)


def test_a_heat_map_has_its_fovea_at_its_peak_or_nowhere() -> None:
    x, y = np.arange(256) + 0.5, np.arange(256) + 0.5
    heat = 0.8 * np.exp(-((x[None] - 100.2) ** 2 + (y[:, None] - 60.7) ** 2) / (2 * 6.0**2)).astype(np.float32)
    found = find_fovea(heat, least=0.3)
    assert found is not None and (found.x, found.y) == pytest.approx((100.2, 60.7), abs=0.2)
    assert found.confidence == pytest.approx(0.8, abs=0.05)
    assert find_fovea(heat, least=0.9) is None
    assert find_fovea(np.zeros((64, 64), np.float32), least=0.0) is None


def test_millimetres_come_from_what_is_told() -> None:
    assert told_scale(0.006).mm_per_pixel == 0.006
    assert scale_of_disc(180).mm_per_pixel == pytest.approx(0.01)
    # An emmetropic eye of 24 mm: 0.29 mm per degree.
    assert scale_of_camera(45, 24, 4500).mm_per_pixel == pytest.approx(0.0029, rel=0.01)
    for wrong in (lambda: told_scale(6), lambda: scale_of_camera(45, 240, 4500), lambda: scale_of_camera(4, 24, 4500)):
        with pytest.raises(UserError):
            wrong()


def test_the_grid_has_the_areas_of_its_rings_and_mirrors_with_the_eye() -> None:
    fovea = Fovea(500.0, 500.0)
    right = sectors((1000, 1000), fovea, 0.01, Orientation("right"))
    areas = np.bincount(right.ravel())[1:] * 0.01**2
    ring = math.pi * (1.5**2 - 0.5**2) / 4
    assert areas == pytest.approx([math.pi / 4, *[ring] * 4, *[math.pi * (3**2 - 1.5**2) / 4] * 4], rel=0.01)
    assert SECTORS[right[500, 600] - 1] == "inner_nasal" and SECTORS[right[280, 500] - 1] == "outer_superior"
    left = sectors((1000, 1000), fovea, 0.01, Orientation("left"))
    assert SECTORS[left[500, 600] - 1] == "inner_temporal"


def test_sectors_mostly_outside_the_field_have_no_density() -> None:
    numbered = sectors((1000, 1000), Fovea(500.0, 500.0), 0.01, Orientation("right"))
    inside = np.broadcast_to(np.arange(1000) < 560, (1000, 1000))
    shares = shares_by_sector(np.ones((1000, 1000), dtype=bool), inside, numbered)
    assert shares["centre"] == 1 and shares["outer_temporal"] == 1 and shares["outer_nasal"] is None


def test_distance_of_a_lesion_from_the_fovea_is_in_disc_diameters() -> None:
    lesion = np.zeros((1000, 1000), dtype=bool)
    assert nearest_to_fovea(lesion, Fovea(300.0, 500.0), DISC) is None
    lesion[500:503, 300 + 136 :] = True
    assert nearest_to_fovea(lesion, Fovea(300.0, 500.5), DISC) == pytest.approx(136.5 / DISC.diameter)
