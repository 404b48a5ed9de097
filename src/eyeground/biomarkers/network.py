"""How densely, and how intricately, vessels fill the field of view."""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

# Boxes along the side of the field of view. As shares of the field the range of box sizes is the same in photographs of
# any resolution.
BOXES = (8, 16, 32, 64, 128)
FEWEST_PIXELS_PER_BOX = 2


def vessel_density(vessel: Mask, inside: Mask) -> float:
    """Share of the field of view that vessels cover, 0 to 1.

    Args:
        vessel: Shape (h, w), bool.
        inside: Shape (h, w), bool: the field of view, at least one pixel.
    """
    return np.count_nonzero(vessel & inside) / np.count_nonzero(inside)


def fractal_dimension(vessel: Mask, inside: Mask) -> float | None:
    """Box-counting dimension of the vessels: 1 for a line, 2 for a filled plane.

    The square around the field of view is cut into n x n boxes for n = 8, 16, 32, 64 and 128, and those that hold vessel
    are counted; the dimension is the least-squares slope of the logarithm of the count over that of n. The count is the
    mean over the grids laid from the square's four corners, so that mirroring and quarter turns change nothing. Vessels
    are taken as wide as they are: those wider than the smallest box raise the dimension, so masks of different annotators
    or resolutions differ.

    Args:
        vessel: Shape (h, w), bool.
        inside: Shape (h, w), bool: the field of view, at least one pixel.

    Returns:
        None without any vessel, or where the field of view is narrower than 256 pixels, so that the smallest box would
        have a side below 2 pixels.

    References:
        Mainster, The fractal properties of retinal vessels, Eye 4 (1990) 235, for vessels; Liebovitch and Toth, Physics
        Letters A 141 (1989) 386, for counting boxes.
    """
    rows, columns = np.nonzero(inside)
    top, left = rows.min(), columns.min()
    height, width = rows.max() - top + 1, columns.max() - left + 1
    side = max(height, width)
    points = np.argwhere(vessel & inside) - (top, left)
    if not len(points) or side < FEWEST_PIXELS_PER_BOX * max(BOXES):
        return None
    # Seen from each corner of the smallest rectangle around the field.
    mirrored = np.array([height - 1, width - 1]) - points
    corners = [np.stack([first[:, 0], second[:, 1]]) for first in (points, mirrored) for second in (points, mirrored)]
    counts = [np.mean([_occupied(corner, boxes, side) for corner in corners]) for boxes in BOXES]
    return float(np.polyfit(np.log(BOXES), np.log(counts), 1)[0])


def _occupied(points: npt.NDArray[np.int64], boxes: int, side: int) -> int:
    """How many of `boxes` x `boxes` hold a point; points have shape (2, n)."""
    row, column = points * boxes // side
    return len(np.unique(row * boxes + column))
