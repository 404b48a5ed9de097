"""Which photographs a model has seen, as a list that gives nobody's photograph away: `training_photos.txt`.

One line for each photograph of the train and validation splits: the first sixteen hexadecimal digits of the SHA-256 of
its file's content, sorted. Whoever holds a photograph can ask whether the model knows it, without any data changing
hands; two different photographs share a line once in 2^64 pairs. The price is twofold: a copy that was saved again has
another hash and is not found (`eyeground check --against` finds those, but needs both sets of photographs), and who
publishes a model lets everyone who has a photograph learn that it was trained on.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from eyeground.core.files import sha256_of
from eyeground.errors import UserError

TRAINING_PHOTOS = "training_photos.txt"
DIGITS = 16
_LINE = re.compile(rf"[0-9a-f]{{{DIGITS}}}")


def photo_hash(photo: Path) -> str:
    """First sixteen hexadecimal digits of the SHA-256 of a photograph's file.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        return sha256_of(photo)[:DIGITS]
    except OSError as error:
        raise UserError(f"{photo}: cannot be read: {error.strerror or error}") from error


def hashes_of_standard(standard: Iterable[Path]) -> tuple[str, ...]:
    """Sorted hashes of photographs, read off the names of their cached standard photos, which are content hashes.

    >>> hashes_of_standard([Path("ff/" + "ff" * 32 + ".png"), Path("00/" + "00" * 32 + ".png")])
    ('0000000000000000', 'ffffffffffffffff')
    """
    return tuple(sorted({path.stem[:DIGITS] for path in standard}))


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
