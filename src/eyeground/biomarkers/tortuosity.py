"""Tortuosity of vessels: by the length of their path, and by curvature.

Segments run from branch to branch, so the turn at a branch counts in neither, and more twigs mean shorter segments.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.centrelines import STAIRCASE, Path, Pixels, chain_length, even, smooth

SHORTEST_PIXELS = 20
# In disc diameters. Curvature is a second derivative and needs far wider smoothing than length.
SMOOTHING = 0.1
SHORTEST = 0.5


def arc_over_chord(paths: Sequence[Pixels]) -> float | None:
    """Length of the vessels over the sum of the straight distances between their segments' ends, at least 1.

    It is the mean of the segments' ratios of arc to chord, each weighing its chord. Segments shorter than 20 pixels are
    left out; paths are smoothed by a Gaussian of 2 pixels. A closed loop adds length and no chord.

    Args:
        paths: From `centrelines.segments`.

    Returns:
        1 for straight vessels. None where no segment is long enough.

    References:
        The ratio less 1 is the first measure of Hart, Goldbaum, Cote, Kube and Nelson, International Journal of Medical
        Informatics 53 (1999) 239.
    """
    smoothed = smooth([even(path) for path in paths if chain_length(path) >= SHORTEST_PIXELS], STAIRCASE)
    chord = sum(float(np.linalg.norm(path[-1] - path[0])) for path in smoothed)
    return max(1.0, sum(chain_length(path) for path in smoothed) / chord) if chord > 0 else None


def squared_curvature(paths: Sequence[Pixels], disc_diameter: float) -> float | None:
    """Squared curvature of the vessels, in 1 / (disc diameter) squared, at least 0.

    A circle whose radius is r disc diameters has 1 / r². Of each segment the mean is taken, of all segments the median
    weighted by length: squares of a few sharp bends, where masks merge what runs close, would decide a mean. Paths are
    smoothed by a Gaussian of 0.1 disc diameters, which hides bends of less than some 0.4, and the ends of a segment are left
    out to that length; segments shorter than 0.5 disc diameters are left out.

    Args:
        paths: From `centrelines.segments`.
        disc_diameter: In pixels.

    Returns:
        About 0 for straight vessels: the pixel grid leaves up to 0.1, a radius of 3 disc diameters, where the disc is
        80 pixels wide, and more in smaller photographs. None where no segment is long enough.

    References:
        Total squared curvature over arc length of a segment in Hart et al. (see `arc_over_chord`).
    """
    long_enough = [path for path in paths if chain_length(path) >= SHORTEST * disc_diameter]
    if not long_enough:
        return None
    smoothed = smooth([even(path) for path in long_enough], SMOOTHING * disc_diameter)
    # Where a segment leaves a junction, its centre line bends into the other vessel.
    end = round(SMOOTHING * disc_diameter)
    parts = [_curvature_and_steps(path[end : len(path) - end]) for path in smoothed]
    means = np.array([(curvature**2 * steps).sum() / steps.sum() for curvature, steps in parts])
    lengths = np.array([steps.sum() for _, steps in parts])
    order = np.argsort(means)
    upto = np.cumsum(lengths[order])
    return float(np.interp(upto[-1] / 2, upto - lengths[order] / 2, means[order])) * disc_diameter**2


def _curvature_and_steps(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Curvature at every point of a path, and the length that the point stands for."""
    first = np.gradient(path, axis=0)
    second = np.gradient(first, axis=0)
    steps = np.linalg.norm(first, axis=1)
    turning = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return turning / np.maximum(steps, np.finfo(float).eps) ** 3, steps
