"""The circle that most points of an outline agree on (RANSAC, then least squares on those that agree)."""

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
EDGE_POINTS = 240


TRIALS = 150


_TOLERANCE = 0.015  # a point agrees with a circle within this share of the radius


_FEWEST_AGREEING = 0.3  # of the edge points


FEWEST_POINTS = 18


_WIDEST_GAP = math.radians(190)


Circle = tuple[float, float, float]  # centre x, centre y, radius


def edge_points(lit: Mask) -> Array:
    """`(n, 2)`: centres of the outermost lit pixels, without those on the frame, at most about `EDGE_POINTS`."""
    height, width = lit.shape
    points = _outline(lit) + 0.5
    margin = 2.0
    within = (points > margin).all(axis=1) & (points < np.array([width, height]) - margin).all(axis=1)
    points = points[within]
    return points[:: max(1, -(-len(points) // EDGE_POINTS))]


def circle_most_agree_on(points: Array, longest: int) -> Circle | None:
    """The circle that most points `(n, 2)` agree on, if enough do and not all on one side of it.

    Points on the frame, on notches and in shadow disagree and have no influence.

    Args:
        longest: The longer side of the frame, in the points' unit.
    """
    x, y, radius = _circles_through(points[_triples(len(points))])
    sane = (radius > 0.12 * longest) & (radius < 0.9 * longest)
    x, y, radius = x[sane], y[sane], radius[sane]
    if len(x) == 0:
        return None
    distance = np.hypot(points[:, 0] - x[:, None], points[:, 1] - y[:, None])
    agree = np.abs(distance - radius[:, None]) < np.maximum(1.0, _TOLERANCE * radius)[:, None]
    best = int(np.argmax(agree.sum(axis=1)))
    agreeing = agree[best]
    if agreeing.sum() < max(FEWEST_POINTS, _FEWEST_AGREEING * len(points)):
        return None
    for _ in range(3):
        centre_x, centre_y, r = _least_squares_circle(points[agreeing])
        distance = np.hypot(points[:, 0] - centre_x, points[:, 1] - centre_y)
        agreeing = np.abs(distance - r) < max(1.0, _TOLERANCE * r)
        if agreeing.sum() < FEWEST_POINTS:
            return None
    if _widest_gap(points[agreeing], centre_x, centre_y) > _WIDEST_GAP:
        return None
    return centre_x, centre_y, r + 0.5  # from the centres of the outermost pixels to their outer edge


def enclosing_circle(lit: Mask) -> Circle:
    """The circle around a lit area whose border is not a circle, as in a squeezed photograph."""
    (x, y), radius = cv2.minEnclosingCircle(_outline(lit).astype(np.float32))
    return x + 0.5, y + 0.5, radius + 0.5


def _outline(lit: Mask) -> Array:
    outlines, _ = cv2.findContours(lit.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(outlines, key=len)[:, 0], dtype=np.float64)


@lru_cache(maxsize=EDGE_POINTS + 1)
def _triples(count: int) -> npt.NDArray[np.int64]:
    """The three points of each trial, the same at every call."""
    return np.random.default_rng(0).integers(0, count, (TRIALS, 3))


def _widest_gap(points: Array, centre_x: float, centre_y: float) -> float:
    """The largest angle, seen from the centre, without a point; above pi all points lie on one side."""
    angles = np.sort(np.arctan2(points[:, 1] - centre_y, points[:, 0] - centre_x))
    return float(np.diff(angles, append=angles[0] + 2 * math.pi).max())


def _circles_through(triples: Array) -> tuple[Array, Array, Array]:
    """Centres and radii of the circles through `(n, 3, 2)` points; three in a line give an infinite radius."""
    a, b, c = triples[:, 0], triples[:, 1], triples[:, 2]
    b, c = b - a, c - a
    twice_area = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    square_b, square_c = (b**2).sum(axis=1), (c**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = (c[:, 1] * square_b - b[:, 1] * square_c) / twice_area
        y = (b[:, 0] * square_c - c[:, 0] * square_b) / twice_area
    return a[:, 0] + x, a[:, 1] + y, np.hypot(x, y)


def _least_squares_circle(points: Array) -> Circle:
    """The algebraic fit of Kåsa (1976), on centred points."""
    middle = points.mean(axis=0)
    x, y = (points - middle).T
    solution = np.linalg.lstsq(np.stack([x, y, np.ones_like(x)], axis=1), x**2 + y**2, rcond=None)[0]
    centre_x, centre_y = solution[:2] / 2
    radius = math.sqrt(max(0.0, solution[2] + centre_x**2 + centre_y**2))
    return float(centre_x + middle[0]), float(centre_y + middle[1]), radius
