"""The retinal vessel tree: arteries and veins that leave the disc in pairs, arch around the macula and branch.

Trunks are Bezier curves along the arcades of an average eye; a branch starts at an acute angle, bends back along its parent
and is thinner by the cube law of Murray (1926). No flow is simulated.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from eyeground.datasets.synthetic.frame import Floats, Frame, averaged, on_canvas, polyline

Points = NDArray[np.floating]

STEPS = 32
TRUNK_STEPS = 128
WIDEST = 0.42
_MURRAY = 3.0

# Control points in degrees relative to the disc centre of an eye whose fovea is 15.5 degrees temporal to it:
# temporal arcades first (they arch around the macula), then nasal ones, then the small ones on the disc's rim.
_TEMPORAL = ((0, 0), (1.4, 5.2), (-1.5, 10.6), (-11, 12.8), (-24, 11.2), (-38, 8.0))
_NASAL = ((0, 0), (1.2, 3.2), (3.6, 7.5), (8.0, 11), (13, 14.5), (19, 18))
_TOWARDS_MACULA = ((0, 0), (-1.0, 0.6), (-3.5, 2.2), (-7.0, 3.6), (-10.5, 3.4), (-13.5, 2.2))
_TOWARDS_NOSE = ((0, 0), (1.5, 0.6), (4.5, 1.4), (8.0, 2.4), (12.0, 2.8), (17.0, 3.6))
_COURSES = (
    (_TEMPORAL, 1.0),
    (_NASAL, 0.72),
    (_TOWARDS_MACULA, 0.33),
    (_TOWARDS_NOSE, 0.42),
)


@dataclass(frozen=True)
class Branches:
    """Vessels of one generation.

    Attributes:
        points: `(n, k, 2)`. Centre lines in degrees from the fovea.
        widths: `(n, k)`. Diameters in degrees.
        artery: `(n,)` bool. Arteries; the others are veins.
        upper: `(n,)` bool. Whether the vessel belongs to the superior half of the tree.
        temporal: `(n,)` bool. Whether it belongs to a temporal arcade.
    """

    points: Floats
    widths: Floats
    artery: NDArray[np.bool_]
    upper: NDArray[np.bool_]
    temporal: NDArray[np.bool_]


@dataclass(frozen=True)
class VesselMaps:
    """How strongly each pixel is covered (0-1, thin vessels count less) by arteries, veins and the arterial reflex."""

    artery: Floats
    vein: Floats
    reflex: Floats


def grow(
    rng: np.random.Generator, disc: tuple[float, float], calibre: float, tortuosity: float, dilated: str | None = None
) -> list[Branches]:
    """Grow a tree of four generations.

    Args:
        disc: Where the vessels leave the disc, in degrees from the fovea.
        calibre: Factor on all diameters, about 1.
        tortuosity: 0 for straight vessels, 1 for an average eye, 3 for a conspicuously tortuous one.
        dilated: `{'upper', 'lower', 'all'}`. The veins that are wider and more tortuous, as behind an occlusion.
    """
    generations = [_trunks(rng, np.asarray(disc, np.float32), calibre, tortuosity, dilated)]
    for spacing, share in ((2.9, 0.60), (2.5, 0.62), (2.0, 0.62)):
        generations.append(_offspring(rng, generations[-1], spacing, share, tortuosity))
    return generations


def draw(frame: Frame, tree: list[Branches]) -> VesselMaps:
    """Draw a tree, thinnest generation first so that a wide vessel is never lightened by a thin one."""
    times = frame.oversampling
    shape = (frame.height * times, frame.width * times)
    artery, vein, reflex = (np.zeros(shape, np.uint8) for _ in range(3))
    scale = frame.pixels_per_degree * times
    for branches in reversed(tree):
        points = on_canvas(frame, branches.points)
        thickness = branches.widths * scale
        contrast = np.clip(0.22 + 0.78 * (branches.widths / (0.75 * WIDEST)), 0, 1) * np.minimum(thickness, 1)
        levels = (255 * contrast).astype(int)
        rounded = np.maximum(1, np.rint(thickness)).astype(int)
        visible = (thickness.max(axis=1) > 0.35 * times) & _inside(points, shape)
        for index in np.flatnonzero(visible):
            canvas = artery if branches.artery[index] else vein
            _draw_one(canvas, points[index], rounded[index], levels[index])
            if branches.artery[index] and thickness[index, 0] > 4 * times:
                _draw_one(reflex, points[index], np.maximum(1, rounded[index] // 3), levels[index])
    soft = 0.028
    return VesselMaps(averaged(frame, artery, soft), averaged(frame, vein, soft), averaged(frame, reflex, soft))


def _inside(points: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    limit = np.array([shape[1], shape[0]]) * 16
    return np.asarray((points.max(axis=1) > 0).all(axis=1) & (points.min(axis=1) < limit).all(axis=1))


def _draw_one(
    canvas: NDArray[np.uint8], points: NDArray[np.int32], thickness: NDArray[np.int_], levels: NDArray[np.int_]
) -> None:
    """Draw one vessel as runs of equal whole thickness, each run sharing its end with the next one's start."""
    last = len(thickness) - 1
    starts = [0, *(np.flatnonzero(thickness[1:] != thickness[:-1]) + 1).tolist(), last]
    for start, end in pairwise(starts):
        polyline(canvas, points[start : end + 1], int(levels[(start + end) // 2]), int(thickness[start]))


def _trunks(rng: np.random.Generator, disc: Floats, calibre: float, tortuosity: float, dilated: str | None) -> Branches:
    controls, widths, artery, upper, temporal = [], [], [], [], []
    stretch = (disc[0]) / 15.5
    for course, (shape, share) in enumerate(_COURSES):
        for half in (1, -1):
            for is_artery in (True, False):
                control = np.array(shape, np.float32) * (stretch, half)
                # Artery and vein run side by side and cross: the vein is a little further out.
                control[1:] *= 0.94 if is_artery else 1.04
                control[1:] += rng.normal(0, (0.25, 0.55, 0.9, 1.2, 1.6), (2, 5)).T * (0.6 if course == 2 else 1)
                control[0] += rng.normal(0, 0.25, 2)
                controls.append(control + disc)
                widths.append(WIDEST * share * calibre * (0.78 if is_artery else 1.0) * rng.uniform(0.88, 1.12))
                artery.append(is_artery)
                upper.append(half == 1)
                temporal.append(course in (0, 2))
    trunks = Branches(
        _bezier(_TRUNK_BASIS, np.array(controls, np.float32)),
        _taper(np.array(widths, np.float32), 0.45, TRUNK_STEPS),
        np.array(artery),
        np.array(upper),
        np.array(temporal),
    )
    swollen = _swollen(trunks, dilated)
    waviness = tortuosity * np.where(swollen, 2.6, 1.0)
    return replace(
        trunks,
        points=_wavy(rng, trunks.points, waviness),
        widths=trunks.widths * np.where(swollen, 1.4, 1.0)[:, None].astype(np.float32),
    )


def _swollen(branches: Branches, dilated: str | None) -> NDArray[np.bool_]:
    veins = ~branches.artery
    if dilated == "upper":
        return veins & branches.upper & branches.temporal
    if dilated == "lower":
        return veins & ~branches.upper & branches.temporal
    return veins if dilated == "all" else np.zeros_like(veins)


def _offspring(
    rng: np.random.Generator, parents: Branches, spacing: float, share: float, tortuosity: float
) -> Branches:
    """Let every parent branch about once in `spacing` degrees, alternately to either side."""
    length = np.linalg.norm(np.diff(parents.points, axis=1), axis=2).sum(axis=1)
    counts = np.clip(np.rint(length / spacing * rng.uniform(0.7, 1.2, len(length))), 1, 13).astype(int)
    parent = np.repeat(np.arange(len(counts)), counts)
    order = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    along = np.clip((order + rng.uniform(0.45, 1.2, len(parent))) / (counts[parent] + 0.3), 0.1, 0.97)
    steps = parents.points.shape[1]
    step = np.clip((along * (steps - 1)).astype(int), 1, steps - 2)
    start = parents.points[parent, step]
    tangent = parents.points[parent, step + 1] - parents.points[parent, step - 1]
    side = np.where((order + rng.integers(0, 2, len(counts))[parent]) % 2 == 0, 1.0, -1.0)
    # Inward branches end around the fovea; outward ones supply the periphery.
    inward = side * (tangent[:, 1] * start[:, 0] - tangent[:, 0] * start[:, 1]) > 0
    width = parents.widths[parent, step] * share * rng.uniform(0.6, 1.2, len(parent))
    reach = rng.uniform(4.5, 13.0, len(parent)) * (width / 0.2) ** 0.6 * np.where(inward, 0.7, 1.3)
    opening = side * rng.uniform(0.5, 1.0, len(parent))
    controls = _bending(rng, start, np.arctan2(tangent[:, 1], tangent[:, 0]), opening, reach)
    alive = (width > 0.03) & (np.hypot(*start.T) > 1.6)
    return Branches(
        _wavy(rng, _bezier(_BASIS, controls), np.full(len(parent), tortuosity))[alive],
        _taper(width.astype(np.float32), 0.4, STEPS)[alive],
        parents.artery[parent][alive],
        parents.upper[parent][alive],
        parents.temporal[parent][alive],
    )


def _bending(rng: np.random.Generator, start: Floats, heading: Points, opening: Points, reach: Points) -> Floats:
    """Control points (n, 6, 2) of branches that open at an angle, bend back, and keep off the fovea's centre."""
    count = len(start)
    bend = np.cumsum(rng.normal(0, 0.22, (count, 5)), axis=1)
    remaining = np.array([1.0, 0.9, 0.6, 0.35, 0.2])
    angle = heading[:, None] + opening[:, None] * remaining + bend
    steps = np.stack([np.cos(angle), np.sin(angle)], axis=2) * (reach / 5)[:, None, None]
    points = np.concatenate([start[:, None], start[:, None] + np.cumsum(steps, axis=1)], axis=1)
    distance = np.linalg.norm(points, axis=2, keepdims=True)
    kept_off = 1.3 + 0.25 * np.arange(6)[::-1][None, :, None]
    pushed = points * np.maximum(distance, kept_off) / np.maximum(distance, 1e-3)
    return np.concatenate([points[:, :1], pushed[:, 1:]], axis=1).astype(np.float32)


def _taper(width: Floats, end: float, steps: int) -> Floats:
    """Diameters (n, steps) from `width` down to `end` of it, as flow lost evenly to branches demands."""
    left = np.linspace(1, end**_MURRAY, steps, dtype=np.float32) ** np.float32(1 / _MURRAY)
    return np.asarray(width[:, None] * left, np.float32)


def _bernstein(degree: int, steps: int) -> Floats:
    t = np.linspace(0, 1, steps)[:, None]
    k = np.arange(degree + 1)
    return np.asarray(np.array([comb(degree, i) for i in k]) * t**k * (1 - t) ** (degree - k), np.float32)


_BASIS = _bernstein(5, STEPS)
_TRUNK_BASIS = _bernstein(5, TRUNK_STEPS)


def _bezier(basis: Floats, controls: Floats) -> Floats:
    return np.asarray(basis @ controls.astype(np.float32), np.float32)


def _wavy(rng: np.random.Generator, points: Floats, waviness: Points) -> Floats:
    """Displace centre lines sideways by three sine waves that vanish at the root."""
    steps = np.diff(points, axis=1, append=points[:, -1:] * 2 - points[:, -2:-1])
    lengths = np.linalg.norm(steps, axis=2)
    arc = np.cumsum(lengths, axis=1) - lengths
    normal = np.stack([-steps[..., 1], steps[..., 0]], axis=2) / np.maximum(lengths, 1e-6)[..., None]
    shift = np.zeros_like(arc)
    for wavelength, height in ((7.0, 0.22), (3.4, 0.10), (1.7, 0.035)):
        own = (wavelength * rng.uniform(0.8, 1.25, (len(points), 1))).astype(np.float32)
        phase = rng.uniform(0, 2 * np.pi, (len(points), 1)).astype(np.float32)
        shift += np.float32(height) * np.sin(np.float32(2 * np.pi) * arc / own + phase)
    shift *= np.asarray(waviness, np.float32)[:, None] * np.minimum(arc / 4.0, 1.0)
    return np.asarray(points + normal * shift[..., None], np.float32)
