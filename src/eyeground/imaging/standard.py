"""The standard photo: RGB, cropped square to the field of view, black outside it, resized once by area averaging.

The place of the crop is kept, so that maps and masks go both ways between standard photo and original.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.errors import UserError
from eyeground.imaging.decode import Photo, Pixels, UnreadablePhotoError, read_photo
from eyeground.imaging.field_of_view import FieldOfView, find_field_of_view
from eyeground.imaging.limits import MOST_PIXELS

if TYPE_CHECKING:  # a reader process starts in half the time without pydantic
    from eyeground.config.training_recipe import Preprocessing

# Decoded pixels per standard pixel at least, so that the one resize averages rather than copies.
OVERSAMPLING = 1.5
# The square around a long, narrow frame without a disc is many times as large as the frame.
MOST_CROPPED = 2 * MOST_PIXELS


@dataclass(frozen=True)
class Geometry:
    """Where a standard photo lies in its photograph.

    Attributes:
        original_width, original_height: Size of the photograph, upright, in pixels.
        left, top, side: The cropped square in original pixels; it may exceed the frame.
        standard_side: Side of the standard photo in pixels.
    """

    original_width: int
    original_height: int
    left: int
    top: int
    side: int
    standard_side: int

    def to_original(self, standard: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Bring a map or mask of the standard photo to the photograph.

        Args:
            standard: `(n, n)` or `(n, n, channels)` over the entire standard photo; `n` may differ from its side, as it
                does for evidence maps. Floats are interpolated linearly, bool and integers take the nearest value.

        Returns:
            `(original_height, original_width[, channels])` of the same type, zero outside the crop.
        """
        shape = (self.original_height, self.original_width, *standard.shape[2:])
        original = np.zeros(shape, dtype=standard.dtype)
        inner, outer = self._overlap()
        original[inner] = _resized_map(standard, self.side)[outer]
        return original

    def mask_to_original(self, standard: npt.NDArray[np.float32], threshold: float) -> npt.NDArray[np.bool_]:
        """Where a map of the standard photo, brought to the photograph, reaches a threshold.

        The same as `to_original(standard) >= threshold`, but in 16 bits: a third of the time, and half of the memory.

        Args:
            standard: `(n, n)` over the entire standard photo, 0 to 1.
            threshold: Above 0, which is what the map has outside the crop, to 1.

        Returns:
            `(original_height, original_width)` bool.
        """
        original = np.zeros((self.original_height, self.original_width), dtype=bool)
        if standard.max() >= threshold:
            inner, outer = self._overlap()
            whole = np.iinfo(np.uint16).max
            levels = np.rint(standard * whole).astype(np.uint16)
            kind = cv2.INTER_AREA if len(standard) > self.side else cv2.INTER_LINEAR
            resized = cv2.resize(levels, (self.side, self.side), interpolation=kind)
            np.greater_equal(resized[outer], math.ceil(threshold * whole), out=original[inner])
        return original

    def to_standard(self, original: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Bring a map or mask of the photograph to the standard photo; the inverse of `to_original`.

        Args:
            original: `(original_height, original_width[, channels])`. Floats are averaged over area, bool and integers
                take the nearest value.

        Raises:
            UserError: If the map's size is not the photograph's.
        """
        if original.shape[:2] != (self.original_height, self.original_width):
            raise UserError(
                f"a map of {original.shape[1]} x {original.shape[0]} pixels does not fit a photograph of "
                f"{self.original_width} x {self.original_height}"
            )
        crop = np.zeros((self.side, self.side, *original.shape[2:]), dtype=original.dtype)
        inner, outer = self._overlap()
        crop[outer] = original[inner]
        return _resized_map(crop, self.standard_side)

    def _overlap(self) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The part of the crop that lies in the frame, as slices of the photograph and of the crop."""
        inner, outer = [], []
        for start, length in ((self.top, self.original_height), (self.left, self.original_width)):
            low, high = max(0, start), max(0, start, min(length, start + self.side))
            inner.append(slice(low, high))
            outer.append(slice(low - start, high - start))
        return (inner[0], inner[1]), (outer[0], outer[1])


@dataclass(frozen=True)
class StandardPhoto:
    """A photograph as models take it.

    Attributes:
        pixels: `(side, side, 3)` uint8, RGB, black outside the field of view.
        disc: The field of view in pixels of the standard photo.
        geometry: Where the standard photo lies in the photograph.
    """

    pixels: Pixels
    disc: FieldOfView
    geometry: Geometry

    @property
    def field_of_view(self) -> npt.NDArray[np.bool_]:
        """`(side, side)` bool: which pixels show the eye."""
        side = len(self.pixels)
        return self.disc.mask(side, side)


def standard_photo(photo: Path | str | npt.NDArray[np.uint8], preprocessing: "Preprocessing") -> StandardPhoto:
    """Make the standard photo of a photograph.

    Args:
        photo: A file, or `(height, width, 3)` uint8 RGB pixels.
        preprocessing: Its `side` is the standard photo's.

    Raises:
        UnreadablePhotoError: If the file cannot be read as a photograph.
        UserError: If an array is not that of a photograph, or far too large.
    """
    return standard_at(photo, preprocessing.side)


def standard_at(photo: Path | str | npt.NDArray[np.uint8], side: int) -> StandardPhoto:
    """As `standard_photo`, for a side in pixels."""
    if not isinstance(photo, np.ndarray):
        return read_standard(Path(photo), side)[0]
    _check_pixels(photo)
    found = find_field_of_view(photo)
    if (refusal := _too_large(found)) is not None:
        raise UserError(f"pixels of shape {photo.shape}: {refusal}")
    entire = Photo(photo, photo.shape[1], photo.shape[0])
    return _standard(entire, found, side, _cropped(entire, *_box(found)))


def read_standard(path: Path, side: int) -> tuple[StandardPhoto, Pixels]:
    """Make the standard photo of a file, and return also the larger square that it was made from.

    Args:
        path: A photograph.
        side: Of the standard photo, in pixels.

    Returns:
        As `standard_photo` makes it.
        `(n, n, 3)` uint8 RGB: the square around the field of view as it was decoded, neither resized nor black outside
        the disc. `n` is at least `OVERSAMPLING` times `side` unless the photograph has fewer pixels.

    Raises:
        UnreadablePhotoError: If the file cannot be read as a photograph.
    """
    decoded, found, square = _read_square(path, side)
    return _standard(decoded, found, side, square), square


def read_standards(path: Path, sides: Collection[int]) -> dict[int, StandardPhoto]:
    """Standard photos of several sides of one file, which is decoded once, for the largest.

    Raises:
        UnreadablePhotoError: If the file cannot be read as a photograph.
    """
    decoded, found, square = _read_square(path, max(sides))
    return {side: _standard(decoded, found, side, square) for side in sides}


def _read_square(path: Path, side: int) -> tuple[Photo, FieldOfView, Pixels]:
    decoded = read_photo(path, math.ceil(OVERSAMPLING * side))
    found = find_field_of_view(decoded.pixels)
    missing = OVERSAMPLING * side / max(2 * found.radius, 1.0)
    if decoded.reduction > 1 and missing > 1:
        # The disc is small in its frame: the frame has enough pixels, the disc does not.
        decoded = read_photo(path, math.ceil(min(decoded.pixels.shape[:2]) * missing))
        found = find_field_of_view(decoded.pixels)
    if (refusal := _too_large(found)) is not None:
        raise UnreadablePhotoError(path, refusal)
    return decoded, found, _cropped(decoded, *_box(found))


def _too_large(found: FieldOfView) -> str | None:
    side = round(found.box[2])
    if side * side <= MOST_CROPPED:
        return None
    return (
        f"the square around its field of view has {side} pixels a side; the most accepted is {math.isqrt(MOST_CROPPED)}"
    )


def _check_pixels(pixels: npt.NDArray[np.uint8]) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise UserError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype}; expected (height, width, 3) uint8 in RGB order"
        )


def read_square(path: Path, geometry: Geometry, sufficient_side: int) -> Pixels:
    """Decode the square of a standard photo again, with enough pixels if the photograph has them.

    Args:
        path: The photograph.
        geometry: Of its standard photo.
        sufficient_side: Side that the square should have at least, in pixels.

    Returns:
        `(n, n, 3)` uint8 RGB, black where the square exceeds the frame.

    Raises:
        UnreadablePhotoError: If the file cannot be read as a photograph, or is another one by now.
    """
    shorter = min(geometry.original_width, geometry.original_height)
    photo = read_photo(path, math.ceil(sufficient_side * shorter / geometry.side))
    if (photo.original_width, photo.original_height) != (geometry.original_width, geometry.original_height):
        raise UnreadablePhotoError(path, "the file changed while it was read")
    scaled = (round(value / photo.reduction) for value in (geometry.left, geometry.top, geometry.side))
    return _cropped(photo, *scaled)


def _box(found: FieldOfView) -> tuple[int, int, int]:
    """Left, top and side of the square around a disc, in whole pixels."""
    left, top, width = found.box
    return math.floor(left + 0.5), math.floor(top + 0.5), max(1, math.floor(width + 0.5))


def _cropped(photo: Photo, left: int, top: int, width: int) -> Pixels:
    """A square of a photograph, black where it exceeds the frame."""
    inner, outer = Geometry(photo.pixels.shape[1], photo.pixels.shape[0], left, top, width, width)._overlap()
    square = np.zeros((width, width, 3), dtype=np.uint8)
    square[outer] = photo.pixels[inner]
    return square


def _standard(photo: Photo, found: FieldOfView, side: int, square: Pixels) -> StandardPhoto:
    left, top, width = _box(found)
    pixels = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if width > side else cv2.INTER_CUBIC)
    disc = found.moved(left, top, side / width)
    pixels = cv2.bitwise_and(pixels, pixels, mask=disc.mask(side, side).view(np.uint8))  # black outside the disc
    step = photo.reduction
    geometry = Geometry(photo.original_width, photo.original_height, left * step, top * step, width * step, side)
    return StandardPhoto(pixels, disc, geometry)


def _resized_map(values: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Resize a square map; floats are averaged or interpolated, other types take the nearest value."""
    if np.issubdtype(values.dtype, np.floating):
        smooth = cv2.INTER_AREA if len(values) > side else cv2.INTER_LINEAR
        resized = cv2.resize(np.ascontiguousarray(values), (side, side), interpolation=smooth)
        return np.asarray(resized).reshape(side, side, *values.shape[2:])
    nearest = ((np.arange(side) + 0.5) * len(values) / side).astype(int)
    return np.asarray(values[nearest[:, None], nearest[None]])
