"""The width of vessels, along all of them and as one number for those around the optic disc; see docs/biomarkers.md.

Width is area over length of centre line, so that the edge's staircase averages out: twice the distance to the edge, the
usual estimate, is off by up to a pixel of 3 to 10. Ends, which run within the vessel that they leave, are left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from eyeground.biomarkers.centrelines import centreline, segments, smooth
from eyeground.biomarkers.optic_disc import OpticDisc
from eyeground.biomarkers.tortuosity import STAIRCASE

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

# How much wider the branches of one vessel are together, by Knudtson et al. (2003).
ARTERIOLES, VENULES = 0.88, 0.95
WIDEST = 6
# Zone B runs from 0.5 to 1 disc diameter from the disc's margin: these are distances from its centre.
ZONE_B = (1.0, 1.5)
CIRCLES = 11
# Share of a circle that the field of view must show; behind its edge vessels would be missed.
LEAST_SEEN = 0.75
# Points of the centre line, on either side, over which a local width is averaged.
_REACH = 5


@dataclass(frozen=True)
class Stretch:
    """The middle of a segment, where its width is known.

    Attributes:
        points: Shape (n, 2): rows and columns of the centre line.
        areas: Shape (n,): pixels of the vessel nearest to each point.
        lengths: Shape (n,): length of centre line that each point stands for.
    """

    points: npt.NDArray[np.int64]
    areas: Floats
    lengths: Floats


def vessel_width(vessel: Mask, disc_diameter: float) -> float | None:
    """Mean width along all vessels, each weighing its length, in disc diameters, above 0.

    Args:
        vessel: Shape (h, w), bool, within the field of view.
        disc_diameter: In pixels.

    Returns:
        None where no vessel is longer than wide.

    Raises:
        UserError: If scikit-image is not installed.
    """
    measured = stretches(vessel)
    if not measured:
        return None
    area = sum(float(stretch.areas.sum()) for stretch in measured)
    return area / sum(float(stretch.lengths.sum()) for stretch in measured) / disc_diameter


def central_retinal_equivalent(vessel: Mask, disc: OpticDisc, inside: Mask, coefficient: float) -> float | None:
    """The width of the one vessel that would branch into the six widest of zone B, in disc diameters.

    With a mask of arterioles and `ARTERIOLES` it is an estimate of the central retinal artery equivalent (CRAE), with
    venules and `VENULES` of the central retinal vein equivalent (CRVE). Instead of one measurement per vessel by hand,
    the vessels that cross each of 11 circles across zone B (0.5 to 1 disc diameter from the disc's margin) are summarised
    circle by circle, and the mean over circles is taken. No vessel is measured twice on a circle, whether it branches or
    crosses another.

    Args:
        vessel: Shape (h, w), bool.
        inside: Shape (h, w), bool: the field of view.
        coefficient: `ARTERIOLES` or `VENULES`.

    Returns:
        Above 0. None where on no circle that is at least three quarters in the field of view six vessels are measured.

    Raises:
        UserError: If scikit-image is not installed.

    References:
        Knudtson et al., Revised formulas for summarizing retinal vessel diameters, Current Eye Research 27 (2003) 143.
    """
    measured = stretches(vessel & inside)
    found = []
    for radius in np.linspace(*ZONE_B, CIRCLES) * disc.diameter:
        widths = _widths_on_circle(measured, disc, radius)
        if len(widths) >= WIDEST and _share_seen(disc, radius, inside) >= LEAST_SEEN:
            found.append(knudtson_equivalent(widths, coefficient))
    return float(np.mean(found)) / disc.diameter if found else None


def knudtson_equivalent(widths: Sequence[float], coefficient: float) -> float:
    """Pair the widest of the six widest vessels with the narrowest, and so on, until one is left.

    A pair becomes `coefficient * sqrt(w1² + w2²)`; the middle one of an odd number goes on to the next round.

    Args:
        widths: At least one, in any unit.
        coefficient: `ARTERIOLES` or `VENULES`.

    Returns:
        In the same unit.

    References:
        Knudtson et al., Current Eye Research 27 (2003) 143.

    >>> round(knudtson_equivalent([3.0, 4.0], 1.0), 6)
    5.0
    """
    left = sorted(widths, reverse=True)[:WIDEST]
    while len(left) > 1:
        pairs = len(left) // 2
        joined = [coefficient * math.hypot(left[place], left[-1 - place]) for place in range(pairs)]
        left = sorted(joined + left[pairs : len(left) - pairs], reverse=True)
    return left[0]


def stretches(vessel: Mask) -> list[Stretch]:
    """Measure the vessels of a mask, shape (h, w), along their segments, ends left out."""
    line = centreline(vessel)
    if not line.any():
        return []
    radius = ndimage.distance_transform_edt(vessel)
    row, column = ndimage.distance_transform_edt(~line, return_distances=False, return_indices=True)
    nearest = np.ravel_multi_index((row[vessel], column[vessel]), vessel.shape)
    areas = np.bincount(nearest, minlength=vessel.size).reshape(vessel.shape).astype(float)
    found = []
    for path in segments(line):
        first, last = (math.ceil(radius[tuple(path[end])]) for end in (0, -1))
        middle = slice(first, len(path) - last)
        if first + last + 2 > len(path):
            continue
        lengths = np.linalg.norm(np.gradient(smooth(path, STAIRCASE), axis=0), axis=1)
        found.append(Stretch(path[middle], areas[tuple(path[middle].T)], lengths[middle]))
    return found


def _widths_on_circle(measured: list[Stretch], disc: OpticDisc, radius: float) -> list[float]:
    """Widths in pixels of the vessels where they cross a circle around the disc's centre."""
    widths = []
    for stretch in measured:
        rows, columns = stretch.points.T + 0.5
        beyond = np.hypot(columns - disc.centre_x, rows - disc.centre_y) >= radius
        for crossing in np.flatnonzero(np.diff(beyond)):
            near = slice(max(0, crossing - _REACH), crossing + 1 + _REACH)
            widths.append(float(stretch.areas[near].sum() / stretch.lengths[near].sum()))
    return widths


def _share_seen(disc: OpticDisc, radius: float, inside: Mask) -> float:
    """Share of a circle that lies in the field of view."""
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    rows = np.floor(disc.centre_y + radius * np.sin(angle)).astype(int)
    columns = np.floor(disc.centre_x + radius * np.cos(angle)).astype(int)
    height, width = inside.shape
    within = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return np.count_nonzero(inside[rows[within], columns[within]]) / len(angle)
