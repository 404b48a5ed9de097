"""Size of the cached photographs on disk, and removal of those used longest ago."""

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
    """Number and total bytes of the files in one folder of the cache."""

    folder: Path
    files: int
    size: int


def kept(cache_folder: Path) -> list[Kept]:
    """What the cache keeps of photographs, folder by folder, without pulled models."""
    return [
        Kept(folder, len(found), sum(status.st_size for _, status in found))
        for folder in _folders(cache_folder)
        if (found := list(_files(folder)))
    ]


def shrink(cache_folder: Path, most: int) -> int:
    """Remove files used longest ago until the rest has at most `most` bytes; return how many were removed.

    A running training or evaluation may lose photos that it needs, and then fails with an error.

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
        with suppress(FileNotFoundError):  # a parallel run has just moved it into place
            status = path.stat()
            if S_ISREG(status.st_mode):
                yield path, status
