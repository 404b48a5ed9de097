"""What a file is to a screening: a photograph by its name's ending or its first bytes, an archive, or something else."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from eyeground.core.console import visible
from eyeground.imaging.dicom_objects import FIRST_BYTES, is_no_picture
from eyeground.imaging.limits import kind_of

PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".ppm", ".dcm")
DICOM_ENDING = ".dcm"
ARCHIVE_ENDINGS = (".zip", ".tar", ".tgz", ".gz", ".tbz2", ".bz2", ".txz", ".xz", ".zst", ".7z", ".rar")
UNREACHABLE = "unreachable"  # the stamp of a file that is not there

FileKind = Literal["photo", "no picture", "other"]


def file_kind(path: Path) -> FileKind:
    """Whether a file is a photograph by its name's ending or its first bytes."""
    return kind_of_beginning(path.suffix, lambda: first_bytes(path, FIRST_BYTES))


def kind_of_beginning(ending: str, first: Callable[[], bytes]) -> FileKind:
    """Whether a file is a photograph by its name's ending or, where that leaves it open, its first `FIRST_BYTES` bytes."""
    ending = ending.lower()
    if ending in PHOTO_ENDINGS and ending != DICOM_ENDING:
        return "photo"
    start = first()
    kind = kind_of(start)
    if kind == "DICOM" and is_no_picture(start):
        return "no picture"
    return "photo" if kind is not None or ending == DICOM_ENDING else "other"


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a regular file; none of anything else, or if it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with path.open("rb") as stream:
            return stream.read(count)
    except (OSError, ValueError):
        return b""


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; what cannot be reached is none."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def as_text(name: str) -> str:
    """A file name as valid Unicode: bytes that are no UTF-8, and control characters, are shown as escapes."""
    return visible(os.fsencode(name).decode("utf-8", "backslashreplace"))


def stamp_of(path: Path) -> str:
    """What changes with a file's content: its size, times of last change, and its number in the file system.

    A program that replaces a file can set its size and mtime to what they were, but not its ctime, and a file that is
    moved to this name keeps its own number. No file is read for this. A copy counts as another photograph.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return UNREACHABLE
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
