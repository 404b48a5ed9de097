"""Masks that a manifest's cell describes in place of a file: `#point x y`, `#ellipse x y width height`, `#boxes`, `#empty`.

All in shares of the photograph's width and height, so that they are right for a reduced copy, too. See docs/segmentation.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeground.errors import UserError

# Standard deviation of a point's blob as a share of the photo's longer side: about a quarter of an optic disc.
POINT_SPREAD = 0.03
EMPTY = "#empty"  # somebody looked, and the structure is not there
_SHAPE = re.compile(r"#(point|ellipse|empty)((?: -?\d+(?:\.\d+)?)*)")
_NUMBERS = {"point": 2, "ellipse": 4, "empty": 0}
BOXES = "#boxes"


@dataclass(frozen=True)
class Shape:
    """A point, an ellipse with upright axes, or nothing.

    Attributes:
        x, y: Centre, as shares of the photograph's width and height; None for nothing.
        width, height: Of an ellipse, likewise; None for a point.
    """

    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None

    def cover(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """How much of each pixel the shape covers, 0 to 1: of a point a Gaussian blob, 1 at its centre.

        Args:
            size: Height and width of the photograph.
        """
        rows, columns = size
        if self.x is None or self.y is None:
            return np.zeros(size, np.float32)
        down = np.arange(rows, dtype=np.float32)[:, None] + 0.5 - self.y * rows
        across = np.arange(columns, dtype=np.float32)[None] + 0.5 - self.x * columns
        if self.width is None or self.height is None:
            spread = POINT_SPREAD * max(size)
            return np.asarray(np.exp(-0.5 * (down / spread) ** 2) * np.exp(-0.5 * (across / spread) ** 2))
        half = self.height * rows / 2, self.width * columns / 2
        radius = np.hypot(down / half[0], across / half[1])
        return np.asarray(np.clip((1 - radius) * min(half) + 0.5, 0, 1))  # soft over one pixel


@dataclass(frozen=True)
class Boxes:
    """Upright boxes, each as centre, width and height in shares of the photograph's; what is in them is not outlined."""

    places: tuple[tuple[float, float, float, float], ...]

    def cover(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """1 where a pixel's centre lies in a box, else 0; see `Shape.cover`."""
        rows, columns = size
        down, across = (np.arange(rows) + 0.5)[:, None] / rows, (np.arange(columns) + 0.5)[None] / columns
        covered = np.zeros(size, bool)
        for x, y, width, height in self.places:
            covered |= (np.abs(down - y) <= height / 2) & (np.abs(across - x) <= width / 2)
        return covered.astype(np.float32)


def shape_of(path: Path) -> Shape | Boxes | None:
    """The shape that a mask's path ends in, or None if it names a file.

    Raises:
        UserError: If it begins like a shape and is none.
    """
    name = Path(path).name
    if name.startswith(BOXES):
        return _boxes(name)
    if not name.startswith(("#point", "#ellipse", EMPTY)):
        return None
    found = _SHAPE.fullmatch(name)
    numbers = [float(number) for number in found[2].split()] if found else []
    if found is None or len(numbers) != _NUMBERS[found[1]] or min(numbers[2:], default=1.0) <= 0:
        raise UserError(
            f"'{name}' is no shape; write '#point x y' or '#ellipse x y width height' in shares of the photo's width and height, "
            "such as '#point 0.51 0.48', or '#empty'"
        )
    return Shape(*numbers)


def _boxes(name: str) -> Boxes:
    try:
        places = [tuple(float(number) for number in box.split()) for box in name.removeprefix(BOXES).split(";")]
    except ValueError:
        places = [()]
    if any(len(place) != 4 or not min(place[2:]) > 0 for place in places):
        raise UserError(
            f"'{name}' is no shape; write '#boxes x y width height; x y width height' in shares of the photo's width and height, x and y "
            "at the centre of a box"
        )
    return Boxes(tuple((x, y, width, height) for x, y, width, height in places))
