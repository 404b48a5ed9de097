"""The optic disc as an ellipse, fitted to a mask that may have holes, lie in pieces, or be cut by the edge of the field.

A fit that is no disc is told, with the reason: every biomarker that is measured in disc diameters would inherit its error.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.outlines import Ellipse, circle_through, ellipse_of, hull, joined

Mask = npt.NDArray[np.bool_]

# Diameter of the disc over that of the field of view: 0.2 to 0.3 in photographs of 30 degrees, 0.13 to 0.19 of 45, 0.1 of 60.
SMALLEST, LARGEST = 0.05, 0.36
LEAST_ROUND = 0.62  # shorter over longer axis; tilted discs reach 0.7
LEAST_FILLED = 0.6  # share of the ellipse, as far as it lies in the field of view, that the mask covers
LEAST_SEEN = 0.35  # share of the ellipse that lies in the field of view
_CUT = 0.03  # share of the outline that must run along the edge of the field for the disc to count as cut
_AT_EDGE = 2.0  # pixels


@dataclass(frozen=True)
class OpticDisc(Ellipse):
    """The disc as an ellipse.

    Attributes:
        seen: Share of the ellipse that lies in the field of view, 0 to 1.
        filled: Share of that part that the mask covers, its pieces joined and holes filled, 0 to 1.
    """

    seen: float = 1.0
    filled: float = 1.0


def fit_optic_disc(disc: Mask, inside: Mask | None = None) -> OpticDisc | None:
    """The ellipse of a disc mask.

    The largest piece and those nearby are joined, holes filled, thin protrusions removed. A whole disc is the ellipse with
    the second moments of its convex hull. Of a disc that the edge of the field cuts, the circle through the rest of its
    outline is taken, so that half a disc keeps its diameter.

    Args:
        disc: Shape (h, w), bool; the cup belongs to the disc.
        inside: Shape (h, w), bool: the field of view; by default the entire frame.

    Returns:
        In pixels of the mask, not judged yet: see `why_implausible`. None where the mask is empty.
    """
    inside = np.ones_like(disc) if inside is None else inside
    piece = joined(disc & inside)
    if piece is None:
        return None
    outline = hull(piece)
    found = ellipse_of(outline)
    kept = outline[~_at_edge(outline, inside)]
    if found is None:
        return None
    if len(kept) < (1 - _CUT) * len(outline):
        found = circle_through(kept) or found
    area = found.pixels(disc.shape)
    visible = area & inside
    shown = float(np.count_nonzero(visible))
    seen = min(1.0, shown / max(1.0, math.pi * found.major * found.minor))
    filled = float(np.count_nonzero(visible & piece)) / max(1.0, shown)
    return OpticDisc(found.centre_x, found.centre_y, found.major, found.minor, found.angle, seen, filled)


def why_implausible(disc: OpticDisc, field_diameter: float) -> str | None:
    """Why a fitted disc cannot be one, in a few words, or None.

    Args:
        field_diameter: Of the field of view, in the disc's pixels.
    """
    share = disc.diameter / field_diameter
    if share < SMALLEST:
        return f"too small: {share:.0%} of the field of view's diameter"
    if share > LARGEST:
        return f"too large: {share:.0%} of the field of view's diameter"
    if disc.minor / disc.major < LEAST_ROUND:
        return f"too long: {disc.major / disc.minor:.1f} times as long as wide"
    if disc.seen < LEAST_SEEN:
        return f"mostly outside the field of view: {disc.seen:.0%} of it is seen"
    if disc.filled < LEAST_FILLED:
        return f"in scraps: they cover {disc.filled:.0%} of the ellipse around them"
    return None


def _at_edge(points: npt.NDArray[np.float64], inside: Mask) -> Mask:
    """Which points, shape (n, 2) of x and y, lie at the edge of the field of view or frame."""
    rows = np.clip(np.floor(points[:, 1]).astype(int), 0, inside.shape[0] - 1)
    columns = np.clip(np.floor(points[:, 0]).astype(int), 0, inside.shape[1] - 1)
    reach = math.ceil(_AT_EDGE) + 1  # no farther is the edge looked for
    top, left = int(rows.min()), int(columns.min())
    bottom, right = int(rows.max()) + 1 + 2 * reach, int(columns.max()) + 1 + 2 * reach
    padded = np.pad(inside, reach)[top:bottom, left:right].astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    return np.asarray(distance[rows - top + reach, columns - left + reach] <= _AT_EDGE)
