"""The square on which all is measured: the field of view at one size, so that a photograph's resolution changes nothing.

Positions go back to the photograph's pixels, which are the only coordinates that leave this room.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.outlines import Ellipse
from eyeground.biomarkers.position import Fovea
from eyeground.errors import UserError

Mask = npt.NDArray[np.bool_]
Coverage = npt.NDArray[np.float32]
SIDE = 1024  # pixels


@dataclass(frozen=True)
class Square:
    """Where the square lies in the photograph.

    Attributes:
        left, top: Its corner in pixels of the photograph.
        step: Pixels of the photograph per pixel of the square.
    """

    left: float
    top: float
    step: float

    def ellipse_in_photo(self, ellipse: Any) -> Any:
        """An `Ellipse`, or a kind of it, in pixels of the photograph."""
        moved: Ellipse = ellipse.moved(-self.left / self.step, -self.top / self.step, self.step)
        return moved

    def fovea_in_photo(self, fovea: Fovea) -> Fovea:
        """A fovea in pixels of the photograph."""
        return replace(fovea, x=self.left + fovea.x * self.step, y=self.top + fovea.y * self.step)

    def fovea_in_square(self, fovea: Fovea) -> Fovea:
        """A fovea of the photograph in pixels of the square."""
        return replace(fovea, x=(fovea.x - self.left) / self.step, y=(fovea.y - self.top) / self.step)

    def points_in_photo(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Points (x, y), shape (n, 2), in pixels of the photograph."""
        return np.asarray(points * self.step + (self.left, self.top))


def square_of(masks: Mapping[str, Mask], inside: Mask) -> tuple[Square, dict[str, Coverage], Mask]:
    """Bring masks of a photograph to the square around its field of view.

    Args:
        masks: Each of shape (h, w), bool.
        inside: Shape (h, w), bool: the field of view.

    Returns:
        Where the square lies, how much of each of its pixels each structure covers, and the field of view in it.

    Raises:
        UserError: If masks differ in shape, are not bool, or the field of view is empty.
    """
    _check({**masks, "field of view": inside})
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
    side = max(height, width)
    square = Square(left - (side - width) / 2, top - (side - height) / 2, side / SIDE)
    # Half a pixel aside would blur: the crop begins at a whole one.
    square = replace(square, left=math.floor(square.left), top=math.floor(square.top))
    cut = {name: _cut(mask, square, side) for name, mask in masks.items()}
    return square, cut, _cut(inside, square, side) >= 0.5


def _cut(mask: Mask, square: Square, side: int) -> Coverage:
    """Share of each pixel of the square that a mask covers; nothing beyond the frame."""
    left, top = int(square.left), int(square.top)
    crop = np.zeros((side, side), np.uint8)
    part = mask[max(0, top) : top + side, max(0, left) : left + side]
    crop[max(0, -top) : max(0, -top) + part.shape[0], max(0, -left) : max(0, -left) + part.shape[1]] = part
    kind = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop.astype(np.float32), (SIDE, SIDE), interpolation=kind))


def _check(masks: Mapping[str, Mask]) -> None:
    for name, mask in masks.items():
        if mask.dtype != np.bool_:
            raise UserError(f"the {name} mask is of type {mask.dtype}; make it bool, for example with `mask > 127`")
    if len({mask.shape for mask in masks.values()}) > 1 or any(mask.ndim != 2 for mask in masks.values()):
        shapes = ", ".join(f"{name} {mask.shape}" for name, mask in masks.items())
        raise UserError(f"masks of one photograph must have one shape (height, width), but these have: {shapes}")
    if not masks["field of view"].any():
        raise UserError("the field-of-view mask is empty, so there is nothing to measure")
