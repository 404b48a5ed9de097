"""How much the cache keeps of photographs, and removing what was used longest ago."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from stat import S_ISREG

from eyeground.errors import UserError
from eyeground.imaging.cache import STANDARD

EMBEDDINGS = "embeddings"  # where `probing.embedding` keeps what networks made of standard photos


@dataclass(frozen=True)
class Kept:
    """What one folder of the cache keeps: how many files, of how many bytes together."""

    folder: Path
    files: int
    size: int


def kept(cache_folder: Path) -> list[Kept]:
    """What the cache keeps of photographs, folder by folder. Models that were pulled lie beside that and do not count."""
    return [
        Kept(folder, len(found), sum(status.st_size for _, status in found))
        for folder in _folders(cache_folder)
        if (found := list(_files(folder)))
    ]


def shrink(cache_folder: Path, most: int) -> int:
    """Remove from the cache what was used longest ago, until the rest has `most` bytes or fewer; return how many files.

    A training or an evaluation that is running loses photos that it still needs, and says so.

    Raises:
        UserError: If a file cannot be removed.
    """
    found = [entry for folder in _folders(cache_folder) for entry in _files(folder)]
    found.sort(key=lambda entry: entry[1].st_atime_ns, reverse=True)
    ends = accumulate(status.st_size for _, status in found)
    surplus = [file for end, (file, _) in zip(ends, found, strict=True) if end > most]
    for file in surplus:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"{file}: cannot be removed: {error.strerror or error}") from error
    return len(surplus)


def _folders(cache_folder: Path) -> list[Path]:
    return [*sorted(cache_folder.glob(f"{STANDARD}v*-*/")), *cache_folder.glob(f"{EMBEDDINGS}/")]


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a run beside this one has just moved it into its place
            status = path.stat()
            if S_ISREG(status.st_mode):
                yield path, status
