"""Degrees on the retina, pixels in the frame, and antialiased drawing between the two.

Anatomy is placed in degrees with the fovea as origin, x towards the nose and y upwards, alike for both eyes; a left eye is
the mirror image of the finished right one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

COARSE_DIAMETER = 448
DRAWN_DIAMETER = 1024
_FRACTION_BITS = 4


@dataclass(frozen=True)
class Frame:
    """A camera frame looking at a retina.

    Attributes:
        height, width: Size in pixels.
        radius: Radius of the circular field of view in pixels; its centre is the middle of the frame.
        pixels_per_degree: Magnification.
        gaze_x, gaze_y: The point of the retina, in degrees from the fovea, that lies in the middle of the frame.
    """

    height: int
    width: int
    radius: float
    pixels_per_degree: float
    gaze_x: float
    gaze_y: float

    @property
    def oversampling(self) -> int:
        """How many times larger than the frame shapes are drawn before they are averaged down (1 to 4).

        So a vessel a third of a pixel wide darkens its pixel by a third; a large frame needs none of it.
        """
        return int(np.clip(np.ceil(DRAWN_DIAMETER / (2 * self.radius)), 1, 4))

    def to_pixels(self, points: NDArray[np.floating]) -> Floats:
        """Map points (..., 2) in degrees to (column, row) in pixels, pixel centres being whole numbers."""
        centre = np.array([(self.width - 1) / 2, (self.height - 1) / 2])
        offset = (np.asarray(points) - (self.gaze_x, self.gaze_y)) * (self.pixels_per_degree, -self.pixels_per_degree)
        return (centre + offset).astype(np.float32)

    def degrees(self, rows: slice = slice(None), columns: slice = slice(None)) -> tuple[Floats, Floats]:
        """Return x (1, w) and y (h, 1) in degrees of the chosen rows and columns, ready to broadcast."""
        column = np.arange(self.width, dtype=np.float32)[columns]
        row = np.arange(self.height, dtype=np.float32)[rows]
        x = (column - (self.width - 1) / 2) / self.pixels_per_degree + self.gaze_x
        y = ((self.height - 1) / 2 - row) / self.pixels_per_degree + self.gaze_y
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32)

    def coarse(self) -> "Frame":
        """The same view in few enough pixels for slowly varying fields (the frame itself if it is small)."""
        shrink = COARSE_DIAMETER / (2 * self.radius)
        if shrink >= 1:
            return self
        return replace(
            self,
            height=max(1, round(self.height * shrink)),
            width=max(1, round(self.width * shrink)),
            radius=self.radius * shrink,
            pixels_per_degree=self.pixels_per_degree * shrink,
        )

    def enlarged(self, field: Floats) -> Floats:
        """Enlarge a field made on `coarse()` to this frame."""
        if field.shape[:2] == (self.height, self.width):
            return field
        return np.asarray(cv2.resize(field, (self.width, self.height), interpolation=cv2.INTER_LINEAR), np.float32)

    def around(self, points: NDArray[np.floating], margin: float) -> tuple[slice, slice]:
        """Rows and columns of the smallest box that holds `points` (degrees) with a margin (degrees)."""
        pixels = self.to_pixels(points).reshape(-1, 2)
        beyond = margin * self.pixels_per_degree + 2
        left, top = np.floor(pixels.min(axis=0) - beyond).astype(int)
        right, bottom = np.ceil(pixels.max(axis=0) + beyond).astype(int) + 1
        return (
            slice(int(np.clip(top, 0, self.height)), int(np.clip(bottom, 0, self.height))),
            slice(int(np.clip(left, 0, self.width)), int(np.clip(right, 0, self.width))),
        )


@dataclass(frozen=True)
class Patch:
    """Coverage (0-1) of a part of the frame: `coverage[i, j]` belongs to pixel (`rows.start + i`, `columns.start + j`)."""

    rows: slice
    columns: slice
    coverage: Floats

    def mask(self, frame: Frame, least: float) -> Mask:
        """Boolean mask of the entire frame where coverage reaches `least`."""
        mask = np.zeros((frame.height, frame.width), bool)
        mask[self.rows, self.columns] = self.coverage >= least
        return mask


def polygons(
    frame: Frame,
    outlines: NDArray[np.floating],
    strengths: NDArray[np.floating] | None = None,
    softness: float = 0.0,
) -> Patch:
    """Fill polygons with antialiasing.

    Args:
        outlines: `(n, k, 2)`. Corners in degrees.
        strengths: `(n,)`. Coverage each polygon is filled with, 0-1; a later polygon replaces an earlier one where they
            overlap.
        softness: Standard deviation in degrees of the blur of the edges.
    """
    rows, columns = frame.around(outlines, 3 * softness)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if height == 0 or width == 0:
        return Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32))
    times = frame.oversampling
    canvas = np.zeros((height * times, width * times), np.uint8)
    corners = on_canvas(frame, outlines, rows, columns)
    levels = np.full(len(outlines), 255) if strengths is None else np.rint(np.asarray(strengths) * 255).astype(int)
    for corner, level in zip(corners, levels, strict=True):
        cv2.fillPoly(canvas, [corner], int(level), cv2.LINE_AA, _FRACTION_BITS)
    return Patch(rows, columns, averaged(frame, canvas, softness))


def on_canvas(
    frame: Frame, points: NDArray[np.floating], rows: slice = slice(0), columns: slice = slice(0)
) -> NDArray[np.int32]:
    """Points in degrees as fixed-point coordinates (cv2's `shift` of 4 bits) of an oversampled canvas."""
    pixels = frame.to_pixels(points) - (columns.start or 0, rows.start or 0)
    times = frame.oversampling
    limit = 2**30 / 2**_FRACTION_BITS
    clipped = np.clip((pixels + 0.5) * times - 0.5, -limit, limit)
    return np.asarray(np.rint(clipped * 2**_FRACTION_BITS), np.int32)


def polyline(canvas: NDArray[np.uint8], points: NDArray[np.int32], level: int, thickness: int) -> None:
    """Draw one antialiased line through fixed-point `points` (k, 2)."""
    cv2.polylines(canvas, [points], False, level, thickness, cv2.LINE_AA, _FRACTION_BITS)


def averaged(frame: Frame, canvas: NDArray[np.uint8], softness: float) -> Floats:
    """Average an oversampled canvas down to frame pixels, soften it, and scale 0-255 to 0-1."""
    times = frame.oversampling
    if times > 1:
        size = (canvas.shape[1] // times, canvas.shape[0] // times)
        canvas = np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8)
    blur = softness * frame.pixels_per_degree
    coverage = canvas.astype(np.float32)
    coverage *= 1 / 255
    return blurred(coverage, blur)


def coloured(field: Floats, colour: Sequence[float], offset: float = 0.0) -> Floats:
    """Return `field[..., None] * colour + offset` (h, w, 3), several times faster than numpy's broadcasting."""
    matrix = np.array([[channel, offset] for channel in colour], np.float32)
    return np.asarray(cv2.transform(np.asarray(field, np.float32)[..., None], matrix), np.float32)


def blurred(field: Floats, sigma: float) -> Floats:
    """Gaussian blur; a wide one is computed on a smaller copy, at little cost and without a visible difference."""
    if sigma < 0.3:
        return field
    shrink = int(sigma // 3)
    height, width = field.shape[:2]
    if shrink < 2 or min(height, width) < 8 * shrink:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)
    small = cv2.resize(field, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
