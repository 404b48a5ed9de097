"""The list of photographs that a model has seen, as hashes of their files: `training_photos.txt`.

See docs/howto/release-a-model.md.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from eyeground.core.files import sha256_of
from eyeground.errors import UserError

TRAINING_PHOTOS = "training_photos.txt"
DIGITS = 16
_LINE = re.compile(rf"[0-9a-f]{{{DIGITS}}}")


class _Named(Protocol):
    """A standard photo on disk, whose stem is the SHA-256 of the photograph's file."""

    @property
    def stem(self) -> str: ...


def photo_hash(photo: Path) -> str:
    """First sixteen hexadecimal digits of the SHA-256 of a photograph's file: two photographs share them once in 2^64 pairs.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        return sha256_of(photo)[:DIGITS]
    except OSError as error:
        raise UserError(f"{photo}: cannot be read: {error.strerror or error}") from error


def hashes_of_standard(standard: Iterable[_Named]) -> tuple[str, ...]:
    """Sorted hashes of photographs, taken from the names of their standard photos in a cache or shard.

    >>> hashes_of_standard([Path("ff/" + "ff" * 32 + ".png"), Path("00/" + "00" * 32 + ".png")])
    ('0000000000000000', 'ffffffffffffffff')
    """
    return tuple(sorted({photo.stem[:DIGITS] for photo in standard}))


def write_training_photos(hashes: Iterable[str], path: Path) -> None:
    """Write the list, one hash a line."""
    path.write_text("".join(f"{one}\n" for one in hashes), encoding="ascii", newline="\n")


def read_training_photos(path: Path) -> frozenset[str]:
    """Read the list.

    Raises:
        UserError: If it cannot be read, or a line is no hash.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not _LINE.fullmatch(line):
            raise UserError(f"{path}, line {number}: not {DIGITS} hexadecimal digits; the list is damaged")
    return frozenset(lines)
