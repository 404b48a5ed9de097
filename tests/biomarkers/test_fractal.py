"""Dimensions of shapes whose dimension is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.biomarkers import fractal_dimensions

EVERYWHERE = np.ones((512, 512), dtype=bool)


def koch(points: np.ndarray, depth: int) -> np.ndarray:
    """Replace every side by four of a third of its length, `depth` times; complex numbers."""
    for _ in range(depth):
        start, step = points[:-1], np.diff(points) / 3
        corners = [start, start + step, start + step * (1 + np.exp(1j * np.pi / 3)), start + 2 * step]
        points = np.append(np.stack(corners, axis=1).ravel(), points[-1])
    return points


def test_a_filled_plane_has_dimension_two() -> None:
    found = fractal_dimensions(EVERYWHERE, EVERYWHERE)
    assert found is not None
    assert (found.box, found.information, found.correlation) == pytest.approx((2, 2, 2), abs=0.06)


def test_a_filled_field_of_view_has_dimension_two() -> None:
    x = np.arange(600) - 299.5
    disc = x[None] ** 2 + x[:, None] ** 2 < 290**2
    found = fractal_dimensions(disc, disc)
    assert found is not None and found.box == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("line", [np.eye(512, dtype=bool), np.arange(512)[:, None] == np.full(512, 200)])
def test_a_line_has_dimension_one(line: np.ndarray) -> None:
    found = fractal_dimensions(line, EVERYWHERE)
    assert found is not None
    assert (found.box, found.information, found.correlation) == pytest.approx((1, 1, 1), abs=0.07)


def test_a_koch_curve_has_its_dimension() -> None:
    points = koch(np.array([0, 1]), 7) * 511
    mask = np.zeros((512, 512), dtype=bool)
    mask[(points.imag + 100).astype(int), points.real.astype(int)] = True
    found = fractal_dimensions(mask, EVERYWHERE)
    assert found is not None and found.box == pytest.approx(np.log(4) / np.log(3), abs=0.05)


@settings(max_examples=10)
@given(st.integers(0, 3), st.booleans(), st.integers(0, 100))
def test_turning_and_mirroring_hardly_change_it(turns: int, mirrored: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    vessel, inside = random.random((281, 300)) < 0.05, np.ones((281, 300), dtype=bool)
    inside[:, : random.integers(1, 20)] = False

    def moved(mask: np.ndarray) -> np.ndarray:
        return np.rot90(mask[:, ::-1] if mirrored else mask, turns)

    upright, turned = fractal_dimensions(vessel, inside), fractal_dimensions(moved(vessel), moved(inside))
    assert upright is not None and turned is not None
    assert turned.box == pytest.approx(upright.box, rel=0.005)


def test_no_vessels_or_too_few_pixels_have_no_dimension() -> None:
    assert fractal_dimensions(~EVERYWHERE, EVERYWHERE) is None
    small = np.ones((255, 255), dtype=bool)
    assert fractal_dimensions(small, small) is None
