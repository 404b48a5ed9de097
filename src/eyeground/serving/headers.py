"""The size that a photograph's header announces, read from its first bytes alone, so that bombs are refused before they are stored."""

import struct

from eyeground.imaging.limits import FIRST_BYTES, kind_of

_NO_FRAME = {0xC4, 0xC8, 0xCC}  # among JPEG's SOF markers: tables


def announced_size(beginning: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, BMP or JPEG; None of other kinds, and where the header does not say so early.

    >>> announced_size(bytes.fromhex("89504e470d0a1a0a0000000d49484452 0000ffff 0000fffe"))
    (65535, 65534)
    """
    kind = kind_of(beginning[:FIRST_BYTES])
    try:
        if kind == "PNG" and beginning[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", beginning, 16)
            return width, height
        if kind == "BMP" and int.from_bytes(beginning[14:18], "little") >= 40:
            width, height = struct.unpack_from("<ii", beginning, 18)
            return width, abs(height)
        return _of_jpeg(beginning) if kind == "JPEG" else None
    except struct.error:
        return None


def _of_jpeg(beginning: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(beginning) and beginning[place] == 0xFF:
        marker = beginning[place + 1]
        if marker == 0xFF:  # padding
            place += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", beginning, place + 5)
            return (width, height) if height else None  # a height of 0 comes later, in DNL
        elif marker in (0xD8, 0xD9, 0xDA):
            return None
        else:
            place += 2 + int.from_bytes(beginning[place + 2 : place + 4], "big")
    return None
