"""Keys by which a report and its tables name photographs and patients without identifying them, such as `K7-QF`.

A key is derived from the bytes of photographs, never from a name or record number, which could be guessed; see docs/screening.md.
"""

import hashlib
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Protocol

# Without characters that are confused in print or handwriting (0 O, 1 I L, 2 Z, 5 S, 8 B, U V), and without vowels: no words.
LETTERS, DIGITS = "CDFGHJKMNPQRTWXY", "34679"
FEWEST_FREE = 64  # possible keys for each one that is needed
SHORTEST_SHARED = 3  # characters of an identifier that must not be found in a key
_PIECES, _PIECE = 16, 2**14


def content_of(path: Path) -> str:
    """A hash of a file's size and of 16 pieces of its content, 256 kB in all; empty if it cannot be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            return ""
        read = hashlib.blake2b(str(status.st_size).encode(), digest_size=16)
        step = max(_PIECE, status.st_size // _PIECES)
        with path.open("rb") as stream:
            for start in range(0, min(status.st_size, step * _PIECES), step):
                stream.seek(start)
                read.update(stream.read(_PIECE))
    except (OSError, ValueError):
        return ""
    return read.hexdigest()


class Named(Protocol):
    """What a key depends on beside a photograph's content."""

    @property
    def name(self) -> str:
        """Its name in the results."""

    @property
    def patient(self) -> str | None:
        """Its patient's identifier."""


def keys_of(photos: Iterable[Named], contents: Iterable[str]) -> list[str]:
    """The key of every photograph: its patient's key and a number, such as `K7-QF.2`, or one of its own without a patient.

    A patient keeps the key when others are added to the screening, and mostly when further photographs of the same patient
    are. The key of a missing file is derived from its place.

    Args:
        photos: In the order of the results; iterated more than once.
        contents: `content_of` each.
    """
    owners: dict[str | int, int] = {}  # patient, or the place of a photograph without one, to its own place
    seeds: list[str] = []
    for place, (photo, content) in enumerate(zip(photos, contents, strict=True)):
        owner = owners.setdefault(place if photo.patient is None else photo.patient, len(seeds))
        if owner == len(seeds):
            seeds.append(content)
        elif content:
            seeds[owner] = min(seeds[owner] or content, content)
    found = _unique_keys(seeds, _identifiers(photos))
    numbers = dict.fromkeys(owners.values(), 0)
    keys = []
    for place, photo in enumerate(photos):
        owner = owners[place if photo.patient is None else photo.patient]
        numbers[owner] += 1
        keys.append(found[owner] if photo.patient is None else f"{found[owner]}.{numbers[owner]}")
    return keys


def patient_key(photo_key: str) -> str:
    """The key of a photograph's patient.

    >>> patient_key("K7-QF.2")
    'K7-QF'
    """
    return photo_key.partition(".")[0]


def _unique_keys(seeds: Sequence[str], identifiers: frozenset[str]) -> list[str]:
    """A unique key for each seed, none of which contains an identifier."""
    length = 4
    while len(LETTERS) * len(DIGITS) * len(LETTERS + DIGITS) ** (length - 2) < FEWEST_FREE * len(seeds):
        length += 2
    keys: dict[str, None] = {}
    tried: dict[
        str, int
    ] = {}  # how many candidates of a seed are taken: copies of a photograph would try them all again
    for place, seed in enumerate(seeds):
        known = seed or f"place {place}"
        candidates = _candidates(known, length, tried.get(known, 0))
        attempt, key = next(one for one in candidates if one[1] not in keys and not _resembles(one[1], identifiers))
        keys[key] = None
        if attempt:
            tried[known] = attempt + 1
    return [f"{key[:2]}-{key[2:]}" for key in keys]


def _candidates(seed: str, length: int, first: int) -> Iterator[tuple[int, str]]:
    for attempt in count(first):
        numbers = hashlib.blake2b(f"{seed}/{attempt}".encode(), digest_size=length).digest()
        alphabets = (LETTERS, DIGITS, *[LETTERS + DIGITS] * (length - 2))
        yield (
            attempt,
            "".join(letters[number % len(letters)] for letters, number in zip(alphabets, numbers, strict=True)),
        )


def _identifiers(photos: Iterable[Named]) -> frozenset[str]:
    """Names of patients and files that are short enough to be found in a key."""
    names = (name for photo in photos for name in (photo.patient or "", Path(photo.name).stem))
    plain = (re.sub(r"[\W_]", "", name).upper() for name in names if len(name) <= 16)
    return frozenset(name for name in plain if len(name) >= SHORTEST_SHARED)


def _resembles(key: str, identifiers: frozenset[str]) -> bool:
    """Whether a key contains an identifier."""
    ends = range(SHORTEST_SHARED, len(key) + 1)
    return any(key[start:end] in identifiers for end in ends for start in range(end - SHORTEST_SHARED + 1))
