"""Centre lines of vessels, and their segments between branches and crossings as paths of points.

A path of pixels is up to 8 % longer than its line and has curvature everywhere, so paths are smoothed before measuring.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.bundle.installed import how_to_install
from eyeground.errors import UserError

Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.int64]
Path = npt.NDArray[np.float64]

_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
# Points; removes the staircase of pixels and little else.
STAIRCASE = 2.0


def centreline(mask: Mask) -> Mask:
    """Thin a mask to lines one pixel wide that keep its connections.

    Args:
        mask: Shape (h, w), bool.

    Raises:
        UserError: If scikit-image is not installed.

    References:
        Zhang and Suen, Communications of the ACM 27 (1984) 236, as implemented by scikit-image.
    """
    try:
        from skimage.morphology import skeletonize
    except ImportError as error:
        raise UserError(f"centre lines need scikit-image; {how_to_install('structure')}") from error
    return np.asarray(skeletonize(mask), dtype=np.bool_)


def segments(line: Mask) -> list[Pixels]:
    """Cut a centre line at its branches and crossings.

    Args:
        line: Shape (h, w), bool, from `centreline`.

    Returns:
        Each of shape (n, 2): rows and columns of the pixels of one segment, from end to end. Pixels next to a branch or
        crossing belong to none.
    """
    cut = (line & ~junctions(line)).astype(np.uint8)
    free = ends(cut)
    # A line one pixel wide is its own outline, there and back; outlines of holes repeat those of loops.
    outlines, levels = cv2.findContours(cut, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if levels is None:
        return []
    outer = np.flatnonzero(np.asarray(levels)[0, :, 3] < 0)
    return [_there(np.asarray(outlines[int(place)])[:, 0, ::-1].astype(np.int64), free) for place in outer]


def junctions(line: Mask) -> Mask:
    """Pixels of a centre line's branches and crossings, and those next to them."""
    return np.asarray(cv2.dilate(_branches(line).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def chain_length(path: Pixels | Path) -> float:
    """Length of a path, shape (n, 2), from point to point."""
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def even(path: Pixels) -> Path:
    """The same path with points one pixel apart along it, so that a filter reaches equally far in any direction."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    places = np.linspace(0, along[-1], max(2, round(along[-1]) + 1))
    return np.stack([np.interp(places, along, axis) for axis in path.T.astype(float)], axis=1)


def smooth(paths: Sequence[Pixels | Path], sigma: float) -> list[Path]:
    """Smooth paths by a Gaussian of `sigma` points; their ends stay in place.

    A path goes on beyond its ends as its reflection through them, so that a straight line stays as it is.
    """
    if not paths:
        return []
    beyond = math.ceil(4 * sigma)
    padded = [_reflected(path.astype(float), beyond) for path in paths]
    # All in one call: most paths are short, and there are hundreds.
    weights = cv2.getGaussianKernel(2 * beyond + 1, sigma)
    smoothed = cv2.sepFilter2D(np.concatenate(padded), cv2.CV_64F, np.ones(1), weights, borderType=cv2.BORDER_REPLICATE)
    starts = np.cumsum([0, *(len(path) for path in padded)])
    return [smoothed[start + beyond : start + beyond + len(path)] for start, path in zip(starts, paths, strict=False)]


def _reflected(path: Path, beyond: int) -> Path:
    """A path continued by `beyond` points on either side; one shorter than that stands still where its reflection ends."""
    reach = min(len(path) - 1, beyond)
    before = 2 * path[:1] - path[reach:0:-1]
    after = 2 * path[-1:] - path[-2 : -2 - reach : -1] if reach else path[:0]
    continued = np.concatenate([before, path, after])
    lacking = beyond - reach
    if not lacking:
        return continued
    return np.concatenate(
        [np.repeat(continued[:1], lacking, axis=0), continued, np.repeat(continued[-1:], lacking, axis=0)]
    )


def _branches(line: Mask) -> Mask:
    """Pixels around which the line leaves in three directions or more; steps of a staircase do not count as one."""
    padded = np.pad(line, 1)
    rows, columns = np.nonzero(line)
    around = np.stack([padded[rows + 1 + row, columns + 1 + column] for row, column in _AROUND])
    leaving = (around & ~np.roll(around, 1, axis=0)).sum(axis=0)
    branches = np.zeros_like(line)
    branches[rows[leaving > 2], columns[leaving > 2]] = True
    return branches


def ends(line: npt.NDArray[np.uint8]) -> Mask:
    """Pixels of a centre line with at most one neighbour."""
    around = cv2.filter2D(line, cv2.CV_8U, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT)
    return np.asarray((line > 0) & (around <= 2))


def _there(outline: Pixels, free: Mask) -> Pixels:
    """The way from one end of a line to the other, in the outline that goes there and back; all of a loop."""
    places = np.flatnonzero(free[tuple(outline.T)])
    if len(places) >= 2:
        return outline[places[0] : places[1] + 1]
    half = len(outline) // 2
    if half < 2 or len(np.unique(outline, axis=0)) > 1.5 * half:
        return outline
    # An end of a few pixels in a clump: the ends lie half of the outline apart, and as far as possible.
    start = int(np.argmax(np.linalg.norm(outline[:half] - outline[half : 2 * half], axis=1)))
    return outline[start : start + half + 1]
