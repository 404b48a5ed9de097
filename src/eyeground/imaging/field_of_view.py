"""The field of view: the lit disc of a fundus photograph, and the part of it that the photograph shows."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.imaging.circle import (
    FEWEST_POINTS,
    Array,
    Circle,
    Mask,
    circle_most_agree_on,
    edge_points,
    enclosing_circle,
)
from eyeground.imaging.page import framed_on_page
from eyeground.imaging.structure import brightest, masked_quantile, reduced

WORKING_SIDE = 256  # the longer side of the copy that is looked at
_LEVELS = (0.12, 0.3)  # of the way from dark to bright; low first, as the rim is often in shadow
_DARKEST_BORDER = 40.0  # of 255: brighter pixels are retina, or a border that its colour shows
_SMALLEST_PIECE = 0.03  # of the frame
# Of the radius, where the disc ends within the frame: a shallower bar may be an error of the circle.
_SHALLOWEST_BAR = 0.04
_SHALLOWEST_AT_FRAME = 0.025  # of the radius, where the frame cuts the disc
_MOST_LIGHT_OUTSIDE = 0.04


@dataclass(frozen=True)
class FieldOfView:
    """A disc, and the rectangle in which the photograph shows it.

    Coordinates are in pixels of the photograph, from the top left corner of its frame; the pixel in column `j`
    spans `j` to `j + 1`.

    Attributes:
        centre_x, centre_y, radius: The disc; it may exceed the frame.
        left, top, right, bottom: What is visible: the frame, or less where a straight bar cuts the disc within it.
        found: False if no edge of a disc was found; the disc is then the circle through the frame's corners.
        elsewhere: Share of the light in the frame outside the disc, 0 to 1: almost 0 in a photograph, large on a sheet of
            several. 0 where the border is not dark.
    """

    centre_x: float
    centre_y: float
    radius: float
    left: float
    top: float
    right: float
    bottom: float
    found: bool = True
    elsewhere: float = 0.0

    @property
    def box(self) -> tuple[float, float, float]:
        """The disc's bounding square: left, top, side. It may exceed the frame."""
        return self.centre_x - self.radius, self.centre_y - self.radius, 2 * self.radius

    @property
    def completeness(self) -> float:
        """The share of the disc's area that is visible, 0 to 1."""
        height = self.centre_y + self.radius * np.linspace(-1, 1, 513)[1::2]
        half_chord = np.sqrt(np.maximum(self.radius**2 - (height - self.centre_y) ** 2, 0))
        start = np.clip(self.centre_x - half_chord, self.left, self.right)
        end = np.clip(self.centre_x + half_chord, self.left, self.right)
        seen = np.where((height >= self.top) & (height <= self.bottom), end - start, 0)
        return float(np.clip(seen.sum() / (2 * half_chord).sum(), 0, 1))

    def mask(self, height: int, width: int) -> npt.NDArray[np.bool_]:
        """`(height, width)` bool: the pixels whose centres are in the disc and visible."""
        x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
        disc = (x[None] - self.centre_x) ** 2 + (y[:, None] - self.centre_y) ** 2 <= self.radius**2
        seen_x, seen_y = (x >= self.left) & (x <= self.right), (y >= self.top) & (y <= self.bottom)
        return disc & seen_x[None] & seen_y[:, None]

    def moved(self, left: float, top: float, scale: float) -> "FieldOfView":
        """The same in a frame whose origin is at (`left`, `top`), with `scale` pixels per pixel of this one."""
        return FieldOfView(
            (self.centre_x - left) * scale,
            (self.centre_y - top) * scale,
            self.radius * scale,
            (self.left - left) * scale,
            (self.top - top) * scale,
            (self.right - left) * scale,
            (self.bottom - top) * scale,
            self.found,
            self.elsewhere,
        )


def find_field_of_view(pixels: npt.NDArray[np.uint8]) -> FieldOfView:
    """Find the field of view of a photograph.

    A fundus camera shows a disc, often cut by the frame or by straight bars, with a notch or text beside it. The lit area of
    a small copy is outlined, and the disc is the circle that most points of the outline agree on. Without one, as in a
    photograph squeezed to a square, it is the circle around the light; without a border, as in a crop from within the
    disc, the circle through the corners. In a photograph on a bright page only its own frame counts.

    Args:
        pixels: `(height, width, 3)` uint8.

    Returns:
        In pixels of the photograph.
    """
    frame = framed_on_page(pixels)
    if frame is None:
        return _find(pixels)
    left, top, right, bottom = frame.box
    found = _find(pixels[top:bottom, left:right]).moved(-left, -top, 1.0)
    return replace(found, elsewhere=max(found.elsewhere, frame.elsewhere))


def _find(pixels: npt.NDArray[np.uint8]) -> FieldOfView:
    height, width = pixels.shape[:2]
    small = reduced(pixels, WORKING_SIDE)
    for area, edge in _bordered(chain(_areas_by_light(small), _areas_by_colour(small))):
        circle = circle_most_agree_on(edge, max(area.shape))
        if circle is not None and _share_outside(area, circle) <= _MOST_LIGHT_OUTSIDE:
            return replace(_in_original(circle, area, width, height), elsewhere=_light_elsewhere(small, circle))
    lit, _ = next(_bordered(_areas_by_light(small)), (None, None))
    if lit is not None:
        return _in_original(enclosing_circle(lit), lit, width, height)
    return FieldOfView(width / 2, height / 2, math.hypot(width, height) / 2, 0, 0, width, height, found=False)


def _in_original(circle: Circle, lit: Mask, width: int, height: int) -> FieldOfView:
    """The disc in pixels of the photograph; as the copy's sides are rounded, the radius is scaled by the mean factor."""
    factor_x, factor_y = width / lit.shape[1], height / lit.shape[0]
    left, top, right, bottom = _seen_between_bars(circle, lit)
    x, y, radius = circle
    return FieldOfView(
        x * factor_x,
        y * factor_y,
        radius * (factor_x + factor_y) / 2,
        left * factor_x,
        top * factor_y,
        right * factor_x,
        bottom * factor_y,
    )


def _areas_by_light(small: npt.NDArray[np.uint8]) -> Iterator[Mask]:
    """Candidates on a dark border: the largest piece above a low level, and above a higher one."""
    light = cv2.GaussianBlur(brightest(small), (3, 3), 0)
    for level in _LEVELS:
        yield from _largest_piece(light, level)


def _areas_by_colour(small: npt.NDArray[np.uint8]) -> Iterator[Mask]:
    """Candidates on a border of any even colour: the largest piece of other colours."""
    border = _border_colour(small)
    if border is not None and border.max() > 12:
        unlike = np.abs(small.astype(np.int16) - border).max(axis=2).astype(np.uint8)
        yield from _largest_piece(cv2.GaussianBlur(unlike, (3, 3), 0), _LEVELS[0])


def _bordered(areas: Iterable[Mask]) -> Iterator[tuple[Mask, Array]]:
    """The areas with enough of an edge within the frame, and the points of the edge."""
    for area in areas:
        edge = edge_points(area)
        if len(edge) >= FEWEST_POINTS:
            yield area, edge


def _border_colour(small: npt.NDArray[np.uint8]) -> Array | None:
    """The colour that at least three corners share and hold evenly, if any."""
    side = max(2, min(small.shape[:2]) // 32)
    corners = [
        small[y, x].reshape(-1, 3) for y in (slice(side), slice(-side, None)) for x in (slice(side), slice(-side, None))
    ]
    even = [np.median(corner, axis=0) for corner in corners if corner.std(axis=0).max() < 6]
    for colour in even:
        alike = [other for other in even if np.abs(other - colour).max() < 10]
        if len(alike) >= 3:
            return np.asarray(np.median(alike, axis=0), dtype=np.float64)
    return None


def _share_outside(lit: Mask, circle: Circle) -> float:
    """The share of the lit area outside the circle; a notch or tab is far below a hundredth."""
    height, width = lit.shape
    inside = FieldOfView(*circle, 0, 0, width, height).mask(height, width)
    return float(1 - np.count_nonzero(lit & inside) / np.count_nonzero(lit))


def _light_elsewhere(small: npt.NDArray[np.uint8], circle: Circle) -> float:
    """The share of all light that lies outside a circle, unless the border is bright itself."""
    light = brightest(small[::2, ::2])  # coarse enough for a share
    corners = light[[0, 0, -1, -1], [0, -1, 0, -1]]
    if np.median(corners) > _DARKEST_BORDER:
        return 0.0
    lit = light > 2 * _DARKEST_BORDER
    height, width = light.shape
    # A margin, since the rim of the disc is soft.
    x, y, radius = (value / 2 for value in circle)
    inside = FieldOfView(x, y, 1.05 * radius, 0, 0, width, height).mask(height, width)
    return float((lit & ~inside).sum()) / max(1.0, float(lit.sum()))


def _largest_piece(light: npt.NDArray[np.uint8], level: float) -> Iterator[Mask]:
    """The largest connected area above `level` of the way from darkest to brightest, unless it is too small."""
    darkest, bright = (masked_quantile(light, None, share) for share in (0.01, 0.9))
    dark = min(darkest, _DARKEST_BORDER)
    lit = light > dark + max(4.0, level * (bright - dark))
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(lit.astype(np.uint8), connectivity=4)
    if count > 1:
        largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
        if statistics[largest, cv2.CC_STAT_AREA] > _SMALLEST_PIECE * lit.size:
            yield labels == largest


def _seen_between_bars(circle: Circle, lit: Mask) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the visible part: the frame, or where a straight bar within it cuts the disc."""
    height, width = lit.shape
    disc = FieldOfView(*circle, 0, 0, width, height).mask(height, width)
    radius = circle[2]
    left, right = _span(disc.sum(axis=0), (lit & disc).sum(axis=0), radius)
    top, bottom = _span(disc.sum(axis=1), (lit & disc).sum(axis=1), radius)
    return left, top, right, bottom


def _span(chords: npt.NDArray[np.int_], lit: npt.NDArray[np.int_], radius: float) -> tuple[float, float]:
    """First and last visible line; a bar is deep, and the light begins abruptly behind it, unlike in shadow."""
    known = np.nonzero(chords)[0]
    shares = lit / np.maximum(chords, 1)
    seen = np.nonzero(shares > 0.85)[0]
    start, end = 0, len(chords)
    if len(seen):
        before, after = max(0, seen[0] - 3), min(len(shares) - 1, seen[-1] + 3)
        at_start, at_end = (
            radius * (_SHALLOWEST_AT_FRAME if chords[line] > radius / 2 else _SHALLOWEST_BAR) for line in (0, -1)
        )
        if seen[0] - known[0] > at_start and shares[before] < 0.1:
            start = int(seen[0])
        if known[-1] - seen[-1] > at_end and shares[after] < 0.1:
            end = int(seen[-1]) + 1
    return start, end
