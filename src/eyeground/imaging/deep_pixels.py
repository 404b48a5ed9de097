"""Photographs of more than 8 bits per value: which of their bits are the picture.

Cameras of 8 to 14 bits write 16-bit words, and few files say so. A declared depth is trusted; else a picture with no value above
255 or 4095 has 8 or 12 bits, as with 16 it would be black. If both are possible, it is refused.
"""

from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from eyeground.imaging.limits import RefusedError, check_size

Words = NDArray[np.uint16]
Pixels = NDArray[np.uint8]

DARKEST = 64  # of 255: a photograph whose brightest value lies below may have fewer bits than its words
_WIDTH, _LENGTH, _BITS, _COLOUR, _PLANES, _HIGHEST = 256, 257, 258, 262, 284, 281
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _SEPARATE = 0, 1, 2, 2
_PNG_BITS = 24  # the byte of a PNG file that says how many bits a value has
_BIG_TIFF = (b"II+\0", b"MM\0+")


def depth_of(words: Words, declared: int | None = None) -> int:
    """How many bits of 16-bit words are the picture.

    Args:
        words: uint16, in which the picture has the lowest bits.
        declared: 8 to 16 by the file; 16 tells only the size of a word.

    Raises:
        RefusedError: If nothing is declared, and the photograph is very dark or has fewer bits.
    """
    highest = int(words.max())
    if declared is not None and declared < 16:
        if highest >= 1 << declared:
            raise RefusedError(f"its values reach {highest}, though it is said to have {declared} bits per value")
        return declared
    for bits, dark_above in ((8, 0), (12, 1 << 10), (16, 1 << 14)):
        if dark_above <= highest < 1 << bits:
            return bits
    few = 10 if highest < 1 << 10 else 14
    raise RefusedError(
        f"no value in its 16-bit words is above {highest}: it has {few} bits per value and does not say so, or is very dark; "
        "save it with 8 bits per value"
    )


def upper_8(words: Words, bits: int) -> Pixels:
    """The upper 8 bits of words whose picture has `bits`."""
    return (words >> (bits - 8)).astype(np.uint8)


def is_white_zero(image: Image.Image) -> bool:
    """Whether an opened picture is a TIFF of 16-bit grey in which 0 is white, which Pillow does not invert."""
    return image.mode.startswith("I;16") and _tag(image, _COLOUR) == _WHITE_IS_ZERO


def grey_of(image: Image.Image, opened: Image.Image) -> Pixels:
    """8-bit grey (h, w) of an image of 16-bit grey, by the tags of the one that Pillow opened."""
    words: Words = np.asarray(image).astype(np.uint16)
    return _in_8_bits(words, _declared(_tag(opened, _BITS), _tag(opened, _HIGHEST)), is_white_zero(opened))


def cut_bits(stream: BinaryIO, image: Image.Image, pixels: Pixels) -> bool:
    """Whether 8-bit pixels that Pillow made of a PNG or TIFF lack bits of the picture, or are wrong.

    Of 16-bit words Pillow takes the upper 8, in which a picture of 12 bits is black; of planes of them, the lower 8.
    """
    if image.mode.startswith("I;16"):
        return False
    if image.format == "TIFF":
        is_deep = max(_numbers(_tag(image, _BITS)), default=8) > 8
        return is_deep and (_tag(image, _PLANES) == _SEPARATE or int(pixels.max()) < DARKEST)
    if image.format != "PNG" or int(pixels.max()) >= DARKEST:
        return False
    stream.seek(_PNG_BITS)
    return stream.read(1)[0] > 8


def tiff_tags(stream: BinaryIO) -> dict[int, Any]:
    """The tags of the first page of a TIFF file, whether or not Pillow knows its kind of pixels."""
    stream.seek(0)
    header = stream.read(8)
    header += stream.read(8) if header[:4] in _BIG_TIFF else b""
    directory = ImageFileDirectory_v2(header)
    stream.seek(directory.next)
    directory.load(stream)
    return dict(directory)


def read_deep(stream: BinaryIO, tags: dict[int, Any] | None = None) -> Pixels:
    """Decode a PNG or TIFF of 16-bit grey or RGB in full depth, which Pillow cannot.

    Args:
        stream: Of a size that was checked.
        tags: Those of a TIFF.

    Returns:
        (h, w, 3) uint8 RGB; of a TIFF, upright.

    Raises:
        RefusedError: If the pixels are of another kind.
    """
    tags = tags or {_BITS: 16}
    bits = _numbers(tags.get(_BITS, 1))
    colour = tags.get(_COLOUR, _RGB)
    is_separate = tags.get(_PLANES) == _SEPARATE and len(bits) > 1
    if set(bits) != {16} or colour not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or is_separate:
        raise RefusedError("its pixels are of a kind that is not read; save it with 8 bits per value in grey or RGB")
    for width, length in ((_WIDTH, _LENGTH), (_TILE_WIDTH, _TILE_LENGTH)):
        check_size(int(tags.get(width, 1)), int(tags.get(length, 1)))
    stream.seek(0)
    content = np.frombuffer(stream.read(), np.uint8)
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        words = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if words is None or words.dtype != np.uint16 or words.shape[2:] not in ((), (3,)):
        raise RefusedError("its 16-bit pixels are damaged, or of a kind that is not read")
    read = _in_8_bits(words, _declared(tags.get(_BITS), tags.get(_HIGHEST)), colour == _WHITE_IS_ZERO)
    return cv2.cvtColor(read, cv2.COLOR_GRAY2RGB) if read.ndim == 2 else np.ascontiguousarray(read[..., 2::-1])


def _in_8_bits(words: Words, declared: int | None, white_is_zero: bool) -> Pixels:
    bits = depth_of(words, declared)
    read = upper_8(words, bits)
    return 255 - read if white_is_zero else read


def _declared(bits: object, highest: object) -> int | None:
    """The depth that a TIFF declares: by values packed in fewer than 16 bits, or a highest value with all bits set."""
    packed = max(_numbers(bits), default=16)
    if packed < 16:
        return packed
    full = max(_numbers(highest), default=0)
    return full.bit_length() if full & (full + 1) == 0 and 8 <= full.bit_length() < 16 else None


def _numbers(value: object) -> tuple[int, ...]:
    return () if value is None else tuple(map(int, value)) if isinstance(value, tuple) else (int(str(value)),)


def _tag(image: Image.Image, number: int) -> Any:
    return getattr(image, "tag_v2", {}).get(number)
