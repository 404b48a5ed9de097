"""Position and size of the optic disc, and the vertical cup-to-disc ratio."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OpticDisc:
    """The disc as a circle.

    Attributes:
        centre_x, centre_y: In pixels from the top left corner of the frame; the pixel in column `j` spans `j` to `j +
            1`.
        diameter: In pixels: the unit of all lengths here, as photographs carry no millimetres.
    """

    centre_x: float
    centre_y: float
    diameter: float


def fit_optic_disc(disc: Mask) -> OpticDisc | None:
    """The circle of the same centroid and area as the largest connected piece of a disc mask.

    Args:
        disc: Shape (h, w), bool; the cup belongs to the disc.

    Returns:
        None where the mask is empty.
    """
    piece = _largest_piece(disc)
    if not piece.any():
        return None
    rows, columns = np.nonzero(piece)
    return OpticDisc(float(columns.mean() + 0.5), float(rows.mean() + 0.5), 2 * math.sqrt(len(rows) / math.pi))


def vertical_cup_to_disc_ratio(cup: Mask, disc: Mask) -> float | None:
    """Height of the cup over height of the disc, 0 to 1, each from its topmost to its lowest row.

    Only the largest connected piece of either mask counts, and of the cup only what lies within the disc. *Vertical* is
    the frame's: turn masks of a tilted photograph first. A larger ratio goes with glaucoma.

    Args:
        cup: Shape (h, w), bool.
        disc: Shape (h, w), bool.

    Returns:
        None where there is no disc or no cup within it; an eye without a cup has no mask of it.

    References:
        Heights of masks, as in the REFUGE challenge: Orlando et al., Medical Image Analysis 59 (2020) 101570.
    """
    outer = _largest_piece(disc)
    inner = _largest_piece(cup & outer)
    return _height(inner) / _height(outer) if inner.any() else None


def _height(piece: Mask) -> int:
    rows = np.flatnonzero(piece.any(axis=1))
    return int(rows[-1] - rows[0] + 1)


def _largest_piece(mask: Mask) -> Mask:
    labels, pieces = ndimage.label(mask)
    if pieces < 2:
        return mask
    return np.asarray(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]))
