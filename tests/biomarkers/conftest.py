"""Shapes whose measurements are known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import cKDTree

Mask = np.ndarray


@pytest.fixture(scope="session")
def band() -> Callable[..., Mask]:
    """Draw all pixels within half a width of a curve, given by its points (x, y) in pixels."""

    def draw(points: np.ndarray, width: float, height: int = 300, across: int = 300) -> Mask:
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        along = np.concatenate([[0], np.cumsum(steps)])
        places = np.linspace(0, along[-1], int(4 * along[-1]))
        dense = np.stack([np.interp(places, along, axis) for axis in points.T], axis=1)
        middles = np.stack(np.meshgrid(np.arange(across) + 0.5, np.arange(height) + 0.5), axis=-1)
        distance, _ = cKDTree(dense).query(middles.reshape(-1, 2), distance_upper_bound=width)
        return (distance < width / 2).reshape(height, across)

    return draw


@pytest.fixture(scope="session")
def ellipse() -> Callable[..., Mask]:
    """Fill an ellipse."""

    def draw(x: float, y: float, half_width: float, half_height: float, side: int = 300) -> Mask:
        columns, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
        return ((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 < 1

    return draw
