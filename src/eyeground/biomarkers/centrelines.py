"""Centre lines of vessels, and their segments between branches and crossings as paths of points.

A path of pixels is up to 8 % longer than its line and has curvature everywhere, so paths are smoothed before measuring.
"""

import itertools
import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from eyeground.bundle.installed import how_to_install
from eyeground.errors import UserError

Mask = npt.NDArray[np.bool_]
Path = npt.NDArray[np.float64]

_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
# Neighbours by side first: where a path turns a corner, the shortcut over it would leave the corner out.
_NEXT = (*_AROUND[::2], *_AROUND[1::2])


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


def segments(line: Mask) -> list[npt.NDArray[np.int64]]:
    """Cut a centre line at its branches and crossings.

    Args:
        line: Shape (h, w), bool, from `centreline`.

    Returns:
        Each of shape (n, 2): rows and columns of the pixels of one segment, from end to end. Pixels next to a branch or
        crossing belong to none.
    """
    branches = ndimage.binary_dilation(_branches(line), np.ones((3, 3)))
    labels, _ = ndimage.label(line & ~branches, np.ones((3, 3)))
    points = np.argwhere(labels)
    by_label = np.argsort(labels[tuple(points.T)], kind="stable")
    starts = np.flatnonzero(np.diff(labels[tuple(points[by_label].T)], prepend=0))
    return [_ordered(piece) for piece in np.split(points[by_label], starts[1:]) if len(piece)]


def chain_length(path: npt.NDArray[np.int64] | Path) -> float:
    """Length of a path, shape (n, 2), from point to point."""
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def even(path: npt.NDArray[np.int64]) -> Path:
    """The same path with points one pixel apart along it, so that a filter reaches equally far in any direction."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    places = np.linspace(0, along[-1], max(2, round(along[-1]) + 1))
    return np.stack([np.interp(places, along, axis) for axis in path.T.astype(float)], axis=1)


def smooth(path: npt.NDArray[np.int64] | Path, sigma: float) -> Path:
    """Smooth a path by a Gaussian of `sigma` points; its ends stay in place.

    The path goes on beyond its ends as its reflection through them, so that a straight line stays as it is.
    """
    beyond = min(len(path) - 1, math.ceil(4 * sigma))
    padded = np.pad(path.astype(float), ((beyond, beyond), (0, 0)), mode="reflect", reflect_type="odd")
    smoothed = ndimage.gaussian_filter1d(padded, sigma, axis=0, mode="nearest")
    return np.asarray(smoothed[beyond : len(smoothed) - beyond])


def _branches(line: Mask) -> Mask:
    """Pixels around which the line leaves in three directions or more; steps of a staircase do not count as one."""
    padded = np.pad(line, 1)
    around = np.stack([np.roll(padded, (-row, -column), (0, 1))[1:-1, 1:-1] for row, column in _AROUND])
    leaving = (around & ~np.roll(around, 1, axis=0)).sum(axis=0)
    return np.asarray(line & (leaving > 2))


def _ordered(points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Order the pixels of a path: a walk from anywhere ends at an end, and a walk from there is the path."""
    pixels = set(map(tuple, points.tolist()))
    end = _walk(pixels, next(iter(pixels)))[-1]
    return np.array(_walk(pixels, end), dtype=np.int64)


def _walk(pixels: set[tuple[int, ...]], start: tuple[int, ...]) -> list[tuple[int, ...]]:
    left, walked = pixels - {start}, [start]
    for _ in itertools.repeat(None, len(left)):
        row, column = walked[-1]
        step = next(
            ((row + down, column + right) for down, right in _NEXT if (row + down, column + right) in left), None
        )
        if step is None:
            break
        left.remove(step)
        walked.append(step)
    return walked
