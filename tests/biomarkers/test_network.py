"""Density and box-counting dimension of shapes whose dimension is known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.biomarkers import fractal_dimension, vessel_density

EVERYWHERE = np.ones((512, 512), dtype=bool)


def koch(points: np.ndarray, depth: int) -> np.ndarray:
    """Replace every side by four of a third of its length, `depth` times; complex numbers."""
    for _ in range(depth):
        start, step = points[:-1], np.diff(points) / 3
        corners = [start, start + step, start + step * (1 + np.exp(1j * np.pi / 3)), start + 2 * step]
        points = np.append(np.stack(corners, axis=1).ravel(), points[-1])
    return points


def test_a_filled_plane_has_dimension_two() -> None:
    assert fractal_dimension(EVERYWHERE, EVERYWHERE) == pytest.approx(2)


@pytest.mark.parametrize("line", [np.eye(512, dtype=bool), np.arange(512)[:, None] == np.full(512, 200)])
def test_a_line_has_dimension_one(line: np.ndarray) -> None:
    assert fractal_dimension(line, EVERYWHERE) == pytest.approx(1)


def test_a_koch_curve_has_its_dimension() -> None:
    points = koch(np.array([0, 1]), 7) * 511
    mask = np.zeros((512, 512), dtype=bool)
    mask[(points.imag + 100).astype(int), points.real.astype(int)] = True
    assert fractal_dimension(mask, EVERYWHERE) == pytest.approx(np.log(4) / np.log(3), abs=0.05)


def test_dimension_does_not_depend_on_resolution() -> None:
    random = np.random.default_rng(0)
    mask = np.kron(random.random((128, 128)) < 0.1, np.ones((2, 2))).astype(bool)
    inside = np.ones_like(mask)
    twice = np.kron(mask, np.ones((2, 2))).astype(bool)
    assert fractal_dimension(twice, np.ones_like(twice)) == pytest.approx(fractal_dimension(mask, inside))


@given(st.integers(0, 3), st.booleans(), st.integers(0, 100))
def test_turning_and_mirroring_change_neither(turns: int, mirrored: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    vessel, inside = random.random((281, 300)) < 0.05, np.ones((281, 300), dtype=bool)
    inside[:, : random.integers(1, 20)] = False

    def moved(mask: np.ndarray) -> np.ndarray:
        return np.rot90(mask[:, ::-1] if mirrored else mask, turns)

    assert fractal_dimension(moved(vessel), moved(inside)) == pytest.approx(fractal_dimension(vessel, inside))
    assert vessel_density(moved(vessel), moved(inside)) == vessel_density(vessel, inside)


def test_density_is_the_share_of_the_field_of_view(ellipse: Callable[..., np.ndarray]) -> None:
    inside = ellipse(150, 150, 140, 140)
    left = np.broadcast_to(np.arange(300) < 150, (300, 300))
    assert vessel_density(left, inside) == pytest.approx(0.5)


def test_no_vessels_or_too_few_pixels_have_no_dimension() -> None:
    assert fractal_dimension(~EVERYWHERE, EVERYWHERE) is None
    small = np.ones((255, 255), dtype=bool)
    assert fractal_dimension(small, small) is None
    assert vessel_density(~small, small) == 0
