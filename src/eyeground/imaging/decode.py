"""Opening an untrusted photograph: from a JPEG, PNG, TIFF, BMP, PPM or DICOM file to RGB pixels.

All claims of a header are checked before decoding, and every failure becomes one `UnreadablePhotoError` with one reason.
"""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from eyeground.errors import UserError
from eyeground.imaging.deep_pixels import cut_bits, grey_of, read_deep, tiff_tags
from eyeground.imaging.limits import (
    FIRST_BYTES,
    MOST_BYTES,
    MOST_PIXELS,
    RefusedError,
    check_size,
    kind_of,
)

# Opening a named pipe that nobody writes to would wait for ever.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_ORIENTATION_TAG = 0x0112
_TIFF_TILE_TAGS, _PALETTE_TAG = (322, 323), 320
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")
_MODES = ("RGB", "L", "1", "P", "CMYK", "YCbCr", "RGBX", "I;16", "I;16L", "I;16B", "I;16N", *_TRANSPARENT)
_STRIP = 512  # rows

Pixels = npt.NDArray[np.uint8]


class UnreadablePhotoError(UserError):
    """A file that cannot be read as a photograph.

    Attributes:
        path: The file.
        reason: Why, in a sentence without the path and without anything that the file says of a patient.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Photo:
    """A decoded photograph.

    Attributes:
        pixels: `(height, width, 3)` uint8, RGB, upright (EXIF orientation applied); possibly decoded at a reduced
            scale.
        original_width, original_height: Size of the photograph in full, upright.
        reduction: 1, 2, 4 or 8: how many original pixels one of `pixels` spans in each direction.
    """

    pixels: Pixels
    original_width: int
    original_height: int
    reduction: int = 1


def read_photo(path: Path, sufficient_side: int | None = None) -> Photo:
    """Decode a photograph safely.

    Grey and palette images become RGB, CMYK is converted, transparent pixels become black, and more than 8 bits per
    value are reduced to 8, see `eyeground.imaging.deep_pixels`. Colour profiles are not applied. Of a TIFF, the first page
    is read; a DICOM object must hold one frame.

    Args:
        path: A JPEG, PNG, TIFF, BMP, PPM or DICOM file, told apart by content; the name's ending is ignored.
        sufficient_side: Decode a JPEG at the smallest DCT scale (1/8, 1/4, 1/2, 1) whose shorter side still has this
            many pixels. Without it, and for all other formats, decode in full.

    Raises:
        UnreadablePhotoError: If the file is missing, not a file, not permitted, empty, truncated, damaged, too large, or
            of an unsupported kind.
    """
    path = Path(path)
    try:
        with opened(path) as stream, warnings.catch_warnings():
            # Pillow and pydicom warn of problems that are checked here or harmless.
            warnings.simplefilter("ignore")
            kind = _kind(stream)
            if kind == "DICOM":
                from eyeground.imaging import dicom

                return Photo(*_with_size(dicom.read_pixels(stream)))
            return _read_image(stream, kind, sufficient_side)
    except RefusedError as refusal:
        raise UnreadablePhotoError(path, str(refusal)) from refusal
    except UserError:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except Image.DecompressionBombError as error:
        reason = f"a header in it claims more than the {MOST_PIXELS // 1_000_000} megapixels accepted"
        raise UnreadablePhotoError(path, reason) from error
    except MemoryError as error:
        raise UnreadablePhotoError(path, "decoding it takes more memory than there is") from error
    except BaseException as error:
        # BaseException: decoders in Rust panic with one. Its text is left out, as it may quote the file.
        reason = f"the file is truncated or damaged ({type(error).__name__} while decoding)"
        raise UnreadablePhotoError(path, reason) from error


def pixels_of(image: Image.Image) -> Pixels:
    """Upright RGB pixels `(height, width, 3)` of an image that is open in Pillow, converted as `read_photo` does.

    Raises:
        RefusedError: If it is too large, of an unsupported kind, or its file turns out to be damaged.
    """
    check_size(*image.size)
    try:
        pixels = _rgb(ImageOps.exif_transpose(image), image)
    except (OSError, SyntaxError, ValueError) as error:
        raise RefusedError(f"the image is truncated or damaged ({type(error).__name__} while decoding)") from error
    if image.format == "TIFF" and cut_bits(BytesIO(), image, pixels):
        raise RefusedError("Pillow keeps 8 bits of its 16, and not those that hold the picture; give the file itself")
    return pixels


class _WithinSize(BufferedReader):
    """A file that is never asked for more bytes than it has: a forged length would reserve memory for them."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _STRIP**2:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file for reading.

    Raises:
        RefusedError: If it is anything else, without waiting for it, or empty or too large.
    """
    try:
        stream = _WithinSize(
            FileIO(str(path), opener=lambda name, flags: os.open(name, flags | _NO_WAIT))
        )  # as text, which pydicom expects a file's name to be
    except FileNotFoundError as error:
        reason = "is a link to a file that does not exist" if path.is_symlink() else "there is no such file"
        raise RefusedError(reason) from error
    except IsADirectoryError as error:
        raise RefusedError("is a folder, not a photograph") from error
    except PermissionError as error:
        raise RefusedError("is a folder" if path.is_dir() else "no permission to read it") from error
    except (OSError, ValueError) as error:
        raise RefusedError(f"cannot be opened ({getattr(error, 'strerror', None) or error})") from error
    with stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError("is not a regular file (a pipe, socket or device)")
        if status.st_size == 0:
            raise RefusedError("the file is empty")
        if status.st_size > MOST_BYTES:
            size = status.st_size // 2**20
            raise RefusedError(f"the file has {size} MB; the most accepted is {MOST_BYTES // 2**20} MB")
        yield stream


def _kind(stream: BufferedReader) -> str:
    kind = kind_of(stream.read(FIRST_BYTES))
    stream.seek(0)
    if kind is None:
        raise RefusedError("is not a JPEG, PNG, TIFF, BMP, PPM or DICOM file")
    return kind


def _with_size(pixels: Pixels) -> tuple[Pixels, int, int]:
    return pixels, pixels.shape[1], pixels.shape[0]


def _read_image(stream: BufferedReader, kind: str, sufficient_side: int | None) -> Photo:
    try:
        image = Image.open(stream, formats=(kind,))
    except UnidentifiedImageError:
        if kind != "TIFF":
            raise
        # A kind that Pillow does not know, such as big-endian grey in which 0 is white.
        return Photo(*_with_size(read_deep(stream, tiff_tags(stream))))
    with image:
        width, height = image.size
        check_size(width, height)
        if kind == "TIFF":
            _check_tiles(image)
            _mend_palette(image)
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        upright = orientation == 1
        reduced = None
        if kind == "JPEG" and sufficient_side is not None and upright:
            reduced = image.draft(None, (sufficient_side, sufficient_side))
        # Pillow gives the exact width, before it is rounded up to whole pixels: of 33 pixels, a seventh is no eighth.
        reduction = round(width / reduced[1][2]) if reduced else 1
        if not upright:
            ImageOps.exif_transpose(image, in_place=True)  # in place, or both images would be in memory
        pixels = _rgb(image)
        if cut_bits(stream, image, pixels):
            pixels = (
                read_deep(stream, tiff_tags(stream)) if kind == "TIFF" else _upright(read_deep(stream), orientation)
            )
    if not upright and pixels.shape[1] != width:
        width, height = height, width
    return Photo(pixels, width, height, reduction)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    image = Image.fromarray(pixels)
    image.getexif()[_ORIENTATION_TAG] = orientation
    ImageOps.exif_transpose(image, in_place=True)
    return np.asarray(image)


def _mend_palette(image: Image.Image) -> None:
    """A TIFF's palette has 16 bits per value, of which Pillow takes the upper 8; some programs fill only the lower 8."""
    palette = getattr(image, "tag_v2", {}).get(_PALETTE_TAG)
    if image.mode == "P" and palette and max(palette) < 256:
        image.putpalette(np.reshape(palette, (3, -1)).T.astype(np.uint8).tobytes())


def _check_tiles(image: Image.Image) -> None:
    """A TIFF of a few pixels may claim tiles of gigabytes."""
    tags = getattr(image, "tag_v2", {})
    width, height = (tags.get(tag, 1) for tag in _TIFF_TILE_TAGS)
    check_size(int(width), int(height))


def _rgb(image: Image.Image, opened_as: Image.Image | None = None) -> Pixels:
    """All pixels as RGB, converted strip by strip, so that a large photo is in memory twice at most.

    `opened_as` is the image with the tags of its file, if this one was made from it.
    """
    if image.mode not in _MODES:
        raise RefusedError(
            f"its pixels are of kind '{image.mode}'; only 8 or 16 bits per channel in grey, RGB, palette or CMYK are read"
        )
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode.startswith("I;16"):
        return np.asarray(cv2.cvtColor(grey_of(image, opened_as or image), cv2.COLOR_GRAY2RGB))
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP):
        bottom = min(height, top + _STRIP)
        pixels[top:bottom] = _strip_as_rgb(image.crop((0, top, width, bottom)))
    return pixels


def _strip_as_rgb(strip: Image.Image) -> Pixels:
    if strip.mode not in _TRANSPARENT and "transparency" not in strip.info:
        return np.asarray(strip.convert("RGB"))
    with_alpha = np.asarray(strip.convert("RGBA"))
    opacity = with_alpha[..., 3:] / np.float32(255)
    return np.asarray(with_alpha[..., :3] * opacity + 0.5, dtype=np.uint8)
