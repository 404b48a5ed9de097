"""How intricately vessels fill the field of view: box-counting, information and correlation dimension."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.float64]

# Boxes along the side of the square around the field of view: the range of box sizes is the same at any resolution.
BOXES = (8, 16, 32, 64, 128)
FEWEST_PIXELS_PER_BOX = 2
_SAMPLES = 2  # points along the side of the smallest box, by which the share of it that is in the field is told
# Grids are turned and shifted, and averaged, so that turning the photograph changes next to nothing.
_TURNS = 24


@dataclass(frozen=True)
class FractalDimensions:
    """Generalised dimensions of order 0, 1 and 2, each about 1 for a line and 2 for a filled plane.

    Attributes:
        box: Of the number of boxes that hold vessel, each counted by the share of it that is in the field of view.
        information: Of the entropy of vessel area over boxes.
        correlation: Of the probability that two places in vessels share a box.
    """

    box: float
    information: float
    correlation: float


def fractal_dimensions(vessel: Mask, inside: Mask, field: Counts | None = None) -> FractalDimensions | None:
    """Generalised fractal dimensions of vessels.

    The square around the field of view is cut into n x n boxes for n = 8, 16, 32, 64 and 128; each dimension is a
    least-squares slope over the logarithm of n: of the logarithm of the count of boxes that hold vessel, of the entropy of the
    shares of vessel area in them, and of minus the logarithm of the sum of the squared shares. A box at the edge of the field
    counts by its share inside: counted as one, it would raise the count of large boxes and lower the dimension. Each slope is
    of means over 24 grids, turned by parts of a quarter turn around the field's centre and shifted. Vessels are taken as wide as they are: those
    wider than the smallest box raise the dimension, so masks of different annotators or resolutions differ.

    Args:
        vessel: Shape (h, w), bool.
        inside: Shape (h, w), bool: the field of view, at least one pixel.
        field: From `field_in_boxes`, where it is at hand.

    Returns:
        None without any vessel, or where the field of view is narrower than 256 pixels, so that the smallest box would
        have a side below 2 pixels.

    References:
        Liebovitch and Toth, Physics Letters A 141 (1989) 386, for counting boxes; Mainster, Eye 4 (1990) 235, for vessels;
        Hentschel and Procaccia, Physica D 8 (1983) 435, for the generalised dimensions.
    """
    middle, side = _middle_and_side(inside)
    points = np.argwhere(vessel & inside)
    if not len(points) or side < FEWEST_PIXELS_PER_BOX * max(BOXES):
        return None
    centred = ((points - middle) / side * max(BOXES)).astype(np.float32)
    field = field_in_boxes(inside) if field is None else field
    sums = np.mean([_sums(_counts(centred, turn), field[turn]) for turn in range(_TURNS)], axis=0)
    slopes = np.polyfit(np.log(BOXES), sums, 1)[0]
    return FractalDimensions(*(float(slope) for slope in slopes))


def field_in_boxes(inside: Mask) -> Counts:
    """Share of each of the smallest boxes of every grid that is in the field of view, shape (grids, n, n).

    The same for all vessels of a photograph.
    """
    middle, side = _middle_and_side(inside)
    sparse = int(max(1, side // (_SAMPLES * max(BOXES))))
    places = np.argwhere(inside[::sparse, ::sparse]) * sparse
    centred = ((places - middle) / side * max(BOXES)).astype(np.float32)
    per_box = (side / max(BOXES) / sparse) ** 2
    return np.stack([_counts(centred, turn) / per_box for turn in range(_TURNS)])


def _middle_and_side(inside: Mask) -> tuple[npt.NDArray[np.float64], int]:
    """Centre, in rows and columns, and side of the square around the field of view."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    side = int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    return np.array([rows[0] + rows[-1], columns[0] + columns[-1]]) / 2, side


def _counts(centred: npt.NDArray[np.float32], turn: int) -> npt.NDArray[np.float64]:
    """Vessel pixels in each of the smallest boxes of one grid, shape (n, n), n a multiple of the coarsest box."""
    angle = np.pi / 2 * turn / _TURNS
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    # Shifts by parts of the coarsest box, spread evenly over it (golden ratio).
    coarsest = max(BOXES) // min(BOXES)
    shift_x, shift_y = coarsest * ((turn * 0.618034) % 1), coarsest * ((turn + 0.5) / _TURNS)
    boxes = 2 * max(BOXES)  # a turned square, and the shift, fit
    origin_x, origin_y = np.float32(boxes / 2 + shift_x - coarsest / 2), np.float32(boxes / 2 + shift_y - coarsest / 2)
    row = (cosine * centred[:, 0] - sine * centred[:, 1] + origin_y).astype(np.int32)
    column = (sine * centred[:, 0] + cosine * centred[:, 1] + origin_x).astype(np.int32)
    return np.bincount(row * boxes + column, minlength=boxes * boxes).reshape(boxes, boxes).astype(float)


def _sums(counts: Counts, filled: Counts) -> Counts:
    """For every size of boxes, shape (sizes, 3): log count, entropy, minus log of the sum of squared shares.

    Args:
        counts: Shape (n, n): vessel pixels in each of the smallest boxes.
        filled: Shape (n, n): share of each that is in the field of view.
    """
    found = []
    merged, inside, total = counts, filled, counts.sum()
    for boxes in sorted(BOXES, reverse=True):
        if boxes < max(BOXES):
            merged, inside = _halved(merged), _halved(inside)
        occupied = merged > 0
        shares = merged[occupied] / total
        count = inside[occupied].sum() / (max(BOXES) // boxes) ** 2
        found.append((np.log(max(count, 1e-9)), -(shares * np.log(shares)).sum(), -np.log((shares**2).sum())))
    return np.array(found[::-1])


def _halved(boxes: Counts) -> Counts:
    """Sums over boxes of twice the side."""
    rows = boxes[::2] + boxes[1::2]
    return np.asarray(rows[:, ::2] + rows[:, 1::2])
