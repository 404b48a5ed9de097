"""Which eye a photograph shows, and how it is turned, from where the optic disc and the fovea lie."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.optic_disc import OpticDisc

# The fovea lies below the disc, as seen from it, by this angle on average (5.6 to 7.8 degrees in several studies).
MEAN_TILT = math.radians(7)
# Eyes and cameras differ by less; a photograph that differs by more is taken to be turned.
TURNED = math.radians(17)
LEAST_SURE = math.radians(60)  # an axis steeper than this does not tell sides
# Distance from disc to fovea in disc diameters: 2.6 on average, 2.0 to 3.3 in nearly all eyes.
NEAREST, FARTHEST = 1.6, 4.2
# Share of the field's radius by which a disc must lie off the middle for its side alone to tell the eye.
OFF_MIDDLE = 0.2

RIGHT, LEFT = "right", "left"


@dataclass(frozen=True)
class Fovea:
    """Its centre in pixels, the pixel in column `j` spanning `j` to `j + 1`; `confidence` is 0 to 1."""

    x: float
    y: float
    confidence: float = 1.0


@dataclass(frozen=True)
class Orientation:
    """How an eye lies in its photograph.

    Attributes:
        eye: `right`, `left`, or None where nothing tells.
        seen_by: What tells the eye: `disc and fovea`, `disc`, or empty.
        vertical: Direction from above to below in the eye, in radians from x towards y: the frame's, unless disc and fovea
            say that the photograph was turned.
    """

    eye: str | None = None
    seen_by: str = ""
    vertical: float = math.pi / 2

    @property
    def towards_nose(self) -> float | None:
        """Direction of the nose in radians, or None of an unknown eye."""
        if self.eye is None:
            return None
        return self.vertical - math.pi / 2 if self.eye == RIGHT else self.vertical + math.pi / 2


def why_no_fovea(fovea: Fovea, disc: OpticDisc) -> str | None:
    """Why a point cannot be the fovea of the eye with this disc, in a few words, or None."""
    distance = math.hypot(fovea.x - disc.centre_x, fovea.y - disc.centre_y) / disc.diameter
    if NEAREST <= distance <= FARTHEST:
        return None
    return f"{distance:.1f} disc diameters from the disc"


def orientation_of(disc: OpticDisc | None, fovea: Fovea | None, middle_x: float, radius: float) -> Orientation:
    """Which eye it is: the disc lies towards the nose from the fovea, which is on the right in a right eye's photograph.

    Args:
        middle_x: Of the field of view. Without a fovea, the side of the field on which the disc lies tells the eye, which
            is less sure, as photographs centred between disc and fovea, or on the disc, exist.
        radius: Of the field of view.
    """
    if disc is None:
        return Orientation()
    if fovea is None:
        side = (disc.centre_x - middle_x) / radius
        return Orientation(RIGHT if side > 0 else LEFT, "disc") if abs(side) >= OFF_MIDDLE else Orientation()
    across, down = disc.centre_x - fovea.x, disc.centre_y - fovea.y
    if abs(math.atan2(down, abs(across))) > LEAST_SURE:
        return Orientation()
    eye = RIGHT if across > 0 else LEFT
    return Orientation(eye, "disc and fovea", _vertical(disc, fovea, eye))


def told_orientation(eye: str, seen: Orientation, disc: OpticDisc | None, fovea: Fovea | None) -> Orientation:
    """The orientation of an eye that somebody tells; it decides where disc and fovea do not, as in a photo on its side."""
    if seen.eye is not None or disc is None or fovea is None:
        return Orientation(eye, seen.seen_by if eye == seen.eye else "", seen.vertical)
    return Orientation(eye, "", _vertical(disc, fovea, eye))


def _vertical(disc: OpticDisc, fovea: Fovea, eye: str) -> float:
    """Direction from above to below: the frame's, unless the photograph of this eye was turned."""
    across, down = disc.centre_x - fovea.x, disc.centre_y - fovea.y
    # Where an untilted photograph would have the disc: a little above the fovea's height, on the side of the nose.
    expected = -MEAN_TILT if eye == RIGHT else math.pi + MEAN_TILT
    turn = math.remainder(math.atan2(down, across) - expected, 2 * math.pi)
    return math.pi / 2 + (turn if abs(turn) > TURNED else 0.0)


def axis_angle(disc: OpticDisc, fovea: Fovea) -> float:
    """Angle between the line from disc to fovea and the frame's horizontal, in degrees; above 0 where the fovea is lower."""
    return math.degrees(math.atan2(fovea.y - disc.centre_y, abs(fovea.x - disc.centre_x)))


def find_fovea(heat: npt.NDArray[np.float32], least: float) -> Fovea | None:
    """The fovea in a map of its probability: the centroid of what is above half of the highest peak, around it.

    Args:
        heat: Shape (h, w), 0 to 1.
        least: The peak must reach this; else the fovea is not visible.

    Returns:
        In pixels of the map; the confidence is the height of the peak.
    """
    import cv2

    side = max(heat.shape)
    smooth = cv2.GaussianBlur(heat, (0, 0), max(0.8, side / 256))
    _, peak, _, (column, row) = cv2.minMaxLoc(smooth)
    if peak < least or peak <= 0:
        return None
    labels = cv2.connectedComponents((smooth >= peak / 2).astype(np.uint8), connectivity=8)[1]
    rows, columns = np.nonzero(labels == labels[row, column])
    weights = smooth[rows, columns]
    x, y = (float(np.average(places + 0.5, weights=weights)) for places in (columns, rows))
    return Fovea(x, y, min(1.0, float(peak)))
