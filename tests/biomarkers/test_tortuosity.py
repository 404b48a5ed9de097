"""Segments of centre lines, and how much straight, circular and wavy ones wind."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ellipe

from eyeground.biomarkers import arc_over_chord, centreline, segments, squared_curvature

Draw = Callable[..., np.ndarray]


def circle(radius: float, degrees: float = 300) -> np.ndarray:
    angle = np.radians(np.linspace(0, degrees, 400))
    return 150 + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def wave(amplitude: float, length: float) -> np.ndarray:
    x = np.linspace(30, 270, 800)
    return np.stack([x, 150 + amplitude * np.sin(2 * np.pi * (x - 30) / length)], axis=1)


@given(st.floats(0, 180), st.floats(3, 9))
def test_straight_vessels_do_not_wind(band: Draw, degrees: float, width: float) -> None:
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    paths = segments(centreline(band(150 + np.outer([-110, 110], along), width)))
    ratio, curvature = arc_over_chord(paths), squared_curvature(paths, 80)
    assert ratio is not None and 1 <= ratio < 1.01
    assert curvature is not None and curvature < 0.1


@pytest.mark.parametrize("radius", [60, 80, 110])
def test_curvature_of_a_circle_is_one_over_its_radius(band: Draw, radius: float) -> None:
    paths = segments(centreline(band(circle(radius), 5)))
    assert squared_curvature(paths, 80) == pytest.approx((80 / radius) ** 2, rel=0.1)


def test_arc_over_chord_of_a_half_circle(band: Draw) -> None:
    paths = segments(centreline(band(circle(100, 180), 5)))
    assert arc_over_chord(paths) == pytest.approx(np.pi / 2, rel=0.02)


def test_arc_over_chord_of_a_sine_is_its_elliptic_integral(band: Draw) -> None:
    slope = 2 * np.pi * 12 / 80
    arc = 2 / np.pi * np.sqrt(1 + slope**2) * ellipe(slope**2 / (1 + slope**2))
    paths = segments(centreline(band(wave(12, 80), 4)))
    assert arc_over_chord(paths) == pytest.approx(arc, rel=0.02)


def test_the_more_a_vessel_winds_the_larger_both(band: Draw) -> None:
    paths = [segments(centreline(band(wave(amplitude, 80), 4))) for amplitude in (0, 4, 8, 12)]
    for measured in ([arc_over_chord(one) for one in paths], [squared_curvature(one, 60) for one in paths]):
        assert measured == sorted(measured, key=float) and len(set(measured)) == 4


def test_curvature_is_in_disc_diameters_so_magnifying_keeps_it(band: Draw) -> None:
    small = segments(centreline(band(circle(60, 200), 4)))
    large = segments(centreline(band(2 * circle(60, 200), 8, 600, 600)))
    assert squared_curvature(large, 120) == pytest.approx(squared_curvature(small, 60), rel=0.1)


def test_a_cross_is_four_segments_and_a_fork_three(band: Draw) -> None:
    arms = [band(150 + np.outer([0, 100], [x, y]), 5) for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    assert len(segments(centreline(np.any(arms, axis=0)))) == 4
    assert len(segments(centreline(np.any(arms[:3], axis=0)))) == 3


def test_segments_run_from_end_to_end_without_gaps(band: Draw) -> None:
    line = centreline(band(wave(30, 120), 7))
    (path,) = segments(line)
    assert len(path) == line.sum()
    assert np.abs(np.diff(path, axis=0)).max() == 1
    assert abs(path[0] - path[-1])[1] == pytest.approx(240, abs=8)


def test_vessels_too_short_to_tell_have_no_tortuosity(band: Draw) -> None:
    paths = segments(centreline(band(np.array([[100, 100], [110, 100]]), 3)))
    assert arc_over_chord(paths) is None and squared_curvature(paths, 80) is None
    assert arc_over_chord(segments(np.zeros((50, 50), dtype=bool))) is None
