"""Vessels traced once, for all that is measured of them: centre lines without spurs, segments, areas.

Width is area over length of centre line, so that the edge's staircase averages out: twice the distance to the edge, the
usual estimate, is off by up to a pixel of 3 to 10. Ends, which run within the vessel that they leave, are left out.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.centrelines import STAIRCASE, Mask, Pixels, centreline, ends, segments, smooth

Coverage = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

_RAGGED = 0.7  # pixels; standard deviation of the Gaussian that smooths outlines before thinning, against spurs
_SPUR = 1.3  # of the vessel's radius: a side line this long lies in the vessel, or hardly leaves it


@dataclass(frozen=True)
class Stretch:
    """The middle of a segment, where its width is known.

    Attributes:
        points: Shape (n, 2): rows and columns of the centre line.
        areas: Shape (n,): pixels of the vessel nearest to each point.
        lengths: Shape (n,): length of centre line that each point stands for.
    """

    points: Pixels
    areas: Floats
    lengths: Floats


@dataclass(frozen=True, eq=False)
class Tracing:
    """Vessels of one kind, traced once for all that is measured of them.

    Attributes:
        coverage: Shape (h, w), float32: how much of each pixel is vessel, 0 to 1.
        line: Shape (h, w), bool: their centre lines.
        paths: The segments of the lines between branches and crossings, each of shape (n, 2): rows and columns.
    """

    coverage: Coverage
    line: Mask
    paths: tuple[Pixels, ...]

    @property
    def mask(self) -> Mask:
        """Shape (h, w), bool: pixels that are vessel by half at least."""
        return np.asarray(self.coverage >= 0.5)

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """The segments as far as their width is known."""
        kept = []
        for path in self.paths:
            first, last = (math.ceil(float(self.radius[tuple(path[end])])) for end in (0, -1))
            if first + last + 2 <= len(path):
                kept.append((path, slice(first, len(path) - last)))
        smoothed = smooth([path for path, _ in kept], STAIRCASE)
        found = []
        for (path, middle), line in zip(kept, smoothed, strict=True):
            steps = np.gradient(line, axis=0)
            lengths = np.hypot(steps[:, 0], steps[:, 1])
            found.append(Stretch(path[middle], self.areas[tuple(path[middle].T)], lengths[middle]))
        return tuple(found)

    @cached_property
    def radius(self) -> npt.NDArray[np.float32]:
        """Shape (h, w): distance of each vessel pixel from the edge of the vessel; 0 outside."""
        return np.asarray(cv2.distanceTransform(self.mask.astype(np.uint8), cv2.DIST_L2, 5))

    @cached_property
    def areas(self) -> Floats:
        """Shape (h, w): on the centre line, the area of vessel that is nearest to each of its pixels; 0 elsewhere."""
        covered = np.zeros(self.line.shape)
        if self.line.any():
            away = (~self.line).astype(np.uint8)
            _, labels = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
            vessel = self.coverage > 0  # a tenth of the pixels
            sums = np.bincount(labels[vessel], weights=self.coverage[vessel], minlength=int(labels.max()) + 1)
            covered[self.line] = sums[labels[self.line]]
        return covered


def trace(coverage: Coverage | Mask) -> Tracing:
    """Find centre lines and segments of vessels.

    Args:
        coverage: Shape (h, w): how much of each pixel is vessel, 0 to 1, or bool.

    Raises:
        UserError: If scikit-image is not installed.
    """
    soft = coverage.astype(np.float32)
    line = centreline(np.asarray(cv2.GaussianBlur(soft, (0, 0), _RAGGED) >= 0.5))
    whole = Tracing(soft, line, tuple(segments(line)))
    pruned = _without_spurs(whole)
    return whole if pruned is None else Tracing(soft, pruned, tuple(segments(pruned)))


def _without_spurs(whole: Tracing) -> Mask | None:
    """The centre line without short side lines that end in or just beside their vessel; None where there are none."""
    free_ends = ends(whole.line.astype(np.uint8))
    spurs = []
    for path in whole.paths:
        free = [bool(free_ends[tuple(path[end])]) for end in (0, -1)]
        if free[0] == free[1]:
            continue
        root = path[-1] if free[0] else path[0]
        if len(path) <= 2 + _SPUR * _nearby_radius(whole.radius, root):
            spurs.append(path)
    if not spurs:
        return None
    line = whole.line.copy()
    line[tuple(np.concatenate(spurs).T)] = False
    return centreline(line)


def _nearby_radius(radius: npt.NDArray[np.float32], place: Pixels) -> float:
    """The radius of the widest vessel within 3 pixels."""
    row, column = place
    return float(radius[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4].max())
