"""Seeded ways to damage a file, for `fuzz_screening.py`: bits, runs, cuts, splices, and extreme values in headers."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from fuzz_originals import Original

ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "DICOM": ".dcm", "pydicom": ".dcm"}
LARGE = 0.03  # share of files made from a large original
UNTOUCHED = 0.02  # share of files that are not damaged, as a control
EXTREMES = (
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    24,
    32,
    64,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
)

Random = np.random.Generator


@dataclass(frozen=True)
class Hostile:
    """A damaged file: its name, its content, its original, and how it was damaged."""

    name: str
    content: bytes
    original: Original
    damage: str


def hostile_files(originals: Sequence[Original], large: Sequence[Original], count: int, seed: int) -> Iterator[Hostile]:
    """Damage originals, all kinds equally often; the same arguments give the same files."""
    for number in range(count):
        random = np.random.default_rng([seed, number])
        pool = large if large and random.random() < LARGE else originals
        kinds = sorted({original.kind for original in pool})
        kind = kinds[random.integers(len(kinds))]
        alike = [original for original in pool if original.kind == kind]
        original = alike[random.integers(len(alike))]
        content, damage = bytearray(original.content), []
        if random.random() >= UNTOUCHED:
            for _ in range(random.choice([1, 1, 1, 2, 3])):
                name, damaged_by = _DAMAGES[random.integers(len(_DAMAGES))]
                content = damaged_by(content, random, originals)
                damage.append(name)
            if content.startswith(b"\x89PNG") and random.random() < 0.5:
                _repair_checksums(content)
        endings = list(ENDINGS.values())
        ending = endings[random.integers(len(endings))] if random.random() < 0.1 else ENDINGS[kind]
        how = "+".join(damage) or "untouched"
        yield Hostile(f"{number:05d}-{kind}-{how}{ending}", bytes(content), original, how)


def _place(content: bytearray, random: Random) -> int:
    """A position, more often than not near the start, where headers are."""
    reach = [64, 600, len(content)][random.integers(3)]
    return int(random.integers(0, max(1, min(reach, len(content)))))


def _span(content: bytearray, random: Random) -> slice:
    start = _place(content, random)
    return slice(start, start + int(2 ** random.uniform(0, 12)))


def _flip_bits(content: bytearray, random: Random, _: Sequence[Original]) -> bytearray:
    for _bit in range(random.integers(1, 20)):
        if content:
            content[_place(content, random)] ^= 1 << random.integers(8)
    return content


def _overwrite(content: bytearray, random: Random, _: Sequence[Original]) -> bytearray:
    span = _span(content, random)
    content[span] = random.bytes(len(content[span]))
    return content


def _zero(content: bytearray, random: Random, _: Sequence[Original]) -> bytearray:
    span = _span(content, random)
    content[span] = bytes(len(content[span]))
    return content


def _cut(content: bytearray, random: Random, _: Sequence[Original]) -> bytearray:
    return content[: _place(content, random)]


def _remove(content: bytearray, random: Random, _: Sequence[Original]) -> bytearray:
    del content[_span(content, random)]
    return content


def _repeat(content: bytearray, random: Random, _: Sequence[Original]) -> bytearray:
    span = _span(content, random)
    content[span.start : span.start] = content[span] * int(random.choice([1, 1, 2, 50]))
    return content


def _splice(content: bytearray, random: Random, originals: Sequence[Original]) -> bytearray:
    other = originals[random.integers(len(originals))].content
    return content[: int(random.random() * len(content))] + other[int(random.random() * len(other)) :]


def _append(content: bytearray, random: Random, originals: Sequence[Original]) -> bytearray:
    other = originals[random.integers(len(originals))].content
    return content + (other if random.random() < 0.3 else random.bytes(int(2 ** random.uniform(0, 16))))


def _falsify(content: bytearray, random: Random, _: Sequence[Original]) -> bytearray:
    """Set up to three header fields to extreme or neighbouring values."""
    try:
        fields = _fields(content)
    except (struct.error, IndexError):  # damaged before
        fields = []
    for _field in range(random.integers(1, 4)):
        place, size = fields[random.integers(len(fields))] if fields else (_place(content, random), 2)
        value = EXTREMES[random.integers(len(EXTREMES))] if random.random() < 0.8 else random.integers(2**32)
        order = "little" if random.random() < 0.5 else "big"
        written = (int(value) % 2 ** (8 * size)).to_bytes(size, order)
        content[place : place + size] = written[: len(content[place : place + size])]
    return content


Damage = Callable[[bytearray, Random, Sequence[Original]], bytearray]
_DAMAGES: tuple[tuple[str, Damage], ...] = (
    ("falsified", _falsify),
    ("falsified", _falsify),
    ("falsified", _falsify),
    ("bits", _flip_bits),
    ("overwritten", _overwrite),
    ("zeroed", _zero),
    ("cut", _cut),
    ("removed", _remove),
    ("repeated", _repeat),
    ("spliced", _splice),
    ("appended", _append),
)


def _fields(content: bytearray) -> list[tuple[int, int]]:
    """Places and sizes in bytes of the numbers in a file's headers."""
    if content.startswith(b"\xff\xd8"):
        return _jpeg_fields(content)
    if content.startswith(b"\x89PNG"):
        return _png_fields(content)
    if content[:2] in (b"II", b"MM"):
        return _tiff_fields(content)
    return _dicom_fields(content)


def _jpeg_fields(content: bytearray) -> list[tuple[int, int]]:
    fields, place = [], 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != 0xD9:
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        fields += [(place + 1, 1), (place + 2, 2)]
        if content[place + 1] in (0xC0, 0xC2):  # bits, height, width, components with sampling and tables
            fields += [(place + 4, 1), (place + 5, 2), (place + 7, 2)] * 4
        fields += [(place + 4 + offset, 1) for offset in range(min(24, length - 2))]
        place += 2 + length
        if content[place - length - 1] == 0xDA:  # a scan begins: no more headers to walk through
            break
    return fields


def _png_chunks(content: bytearray) -> Iterator[tuple[int, bytes, int]]:
    place = 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        yield place, bytes(content[place + 4 : place + 8]), length
        place += 12 + length


def _png_fields(content: bytearray) -> list[tuple[int, int]]:
    fields = []
    for place, kind, length in _png_chunks(content):
        fields.append((place, 4))
        if kind == b"IHDR":
            fields += [(place + 8, 4), (place + 12, 4), *((place + offset, 1) for offset in range(16, 21))] * 3
        else:
            fields += [(place + 8 + offset, 1) for offset in range(min(length, 8))]
    return fields


def _repair_checksums(content: bytearray) -> None:
    for place, _, length in _png_chunks(content):
        end = place + 8 + length
        if end + 4 <= len(content):
            content[end : end + 4] = zlib.crc32(content[place + 4 : end]).to_bytes(4, "big")


def _tiff_fields(content: bytearray) -> list[tuple[int, int]]:
    """Of every entry of the first directory: tag, type, count, value; and what a count or offset leads to."""
    order = "<" if content.startswith(b"II") else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    pointer, entry, first = ("Q", 20, 8) if big else ("I", 12, 4)
    width = struct.calcsize(pointer)
    (start,) = struct.unpack_from(order + pointer, content, first)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), content, start)
    start_of_entries = start + (8 if big else 2)
    fields = [(first, width), (start, 2)]
    for place in range(start_of_entries, start_of_entries + entry * min(count, 64), entry):
        fields += [(place, 2), (place + 2, 2), (place + 4, width), (place + 4 + width, 2), (place + 4 + width, width)]
        (length,) = struct.unpack_from(order + pointer, content, place + 4)
        (value,) = struct.unpack_from(order + pointer, content, place + 4 + width)
        if length > 1 and value < len(content):
            fields += [(value, 2), (value, 4)]
    return fields


def _dicom_fields(content: bytearray) -> list[tuple[int, int]]:
    """Of the elements that describe pixels, found by their tags: representation, length and value."""
    fields = []
    groups = [(0x28, element) for element in (2, 4, 6, 8, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103, 0x1101, 0x1201)]
    for tag in [*groups, (0x7FE0, 0x10), (2, 0), (2, 0x10)]:
        for order in ("<", ">"):
            place = bytes(content).find(struct.pack(f"{order}HH", *tag), 128)
            if place >= 0:
                fields += [(place + 2, 2), (place + 4, 2), (place + 6, 2), (place + 8, 2), (place + 8, 4)]
    return fields
