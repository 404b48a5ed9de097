"""The cup within the disc: vertical cup-to-disc ratio, and the rim between them by quadrant."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.optic_disc import OpticDisc
from eyeground.biomarkers.outlines import Ellipse, ellipse_of, hull, joined
from eyeground.biomarkers.position import Orientation

Mask = npt.NDArray[np.bool_]

QUADRANTS = ("inferior", "superior", "nasal", "temporal")  # as the ISNT rule orders them
_DIRECTIONS = 90  # rays per quadrant


def fit_optic_cup(cup: Mask, disc: OpticDisc) -> Ellipse | None:
    """The ellipse of a cup mask, as far as it lies in the disc; None where nothing does.

    Args:
        cup: Shape (h, w), bool, in the pixels of the disc.
    """
    piece = joined(cup & disc.pixels(cup.shape))
    return None if piece is None else ellipse_of(hull(piece))


def cup_to_disc_ratio(cup: Ellipse, disc: OpticDisc, direction: float = math.pi / 2) -> float:
    """Extent of the cup over that of the disc in one direction, 0 to 1.

    Args:
        direction: In radians from the direction of x; by default the frame's vertical. `Orientation.vertical` is the eye's.

    >>> disc = OpticDisc(50.0, 50.0, 20.0, 18.0, math.pi / 2)
    >>> round(cup_to_disc_ratio(Ellipse(50.0, 50.0, 10.0, 9.0, math.pi / 2), disc), 3)
    0.5
    """
    return min(1.0, cup.extent(direction) / disc.extent(direction))


@dataclass(frozen=True)
class Rim:
    """Mean width of the neuroretinal rim in each quadrant, in disc diameters; nasal and temporal are None of an unknown eye."""

    inferior: float
    superior: float
    nasal: float | None
    temporal: float | None

    @property
    def follows_isnt(self) -> bool | None:
        """Whether the rim is widest below, then above, then on the nasal side, then on the temporal (Jonas et al., 1988)."""
        if self.nasal is None or self.temporal is None:
            return None
        return self.inferior >= self.superior >= self.nasal >= self.temporal


def rim_widths(cup: Ellipse, disc: OpticDisc, orientation: Orientation) -> Rim:
    """Width of the rim along rays from the disc's centre, averaged over quadrants of 90 degrees.

    References:
        Jonas, Gusek and Naumann, Investigative Ophthalmology and Visual Science 29 (1988) 1151: the ISNT rule.
    """
    offsets = (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS * math.pi / 2 - math.pi / 4
    middles = {"inferior": orientation.vertical, "superior": orientation.vertical + math.pi}
    if orientation.towards_nose is not None:
        middles |= {"nasal": orientation.towards_nose, "temporal": orientation.towards_nose + math.pi}
    widths: dict[str, float | None] = dict.fromkeys(QUADRANTS)
    for quadrant, middle in middles.items():
        rays = middle + offsets
        rim = disc.radius(rays) - _reach(cup, disc.centre_x, disc.centre_y, rays)
        widths[quadrant] = float(np.maximum(rim, 0).mean()) / disc.diameter
    return Rim(widths["inferior"] or 0.0, widths["superior"] or 0.0, widths["nasal"], widths["temporal"])


def _reach(ellipse: Ellipse, x: float, y: float, directions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far from a point the farther edge of an ellipse is along rays; 0 where a ray misses it."""
    cosine, sine = math.cos(ellipse.angle), math.sin(ellipse.angle)
    from_x, from_y = x - ellipse.centre_x, y - ellipse.centre_y
    start = np.array(
        [(cosine * from_x + sine * from_y) / ellipse.major, (cosine * from_y - sine * from_x) / ellipse.minor]
    )
    turned = directions - ellipse.angle
    step = np.stack([np.cos(turned) / ellipse.major, np.sin(turned) / ellipse.minor])
    square, mixed = (step**2).sum(axis=0), (start[:, None] * step).sum(axis=0)
    discriminant = mixed**2 - square * (start @ start - 1)
    far = (-mixed + np.sqrt(np.maximum(discriminant, 0))) / square
    return np.where(discriminant > 0, np.maximum(far, 0), 0)
