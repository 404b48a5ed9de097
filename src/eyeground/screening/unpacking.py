"""Photographs inside archives: which they are, and each as a file while it is read; see docs/howto/screen-what-you-have.md.

An archive is read once to name its photographs, by the same rule as in a folder, and again to copy those that are not finished to
private files with names of ours. So a compressed tar is decompressed twice, but nothing is decoded twice.
"""

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from eyeground.core.files import is_hidden
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.imaging.dicom_objects import FIRST_BYTES
from eyeground.imaging.limits import MOST_BYTES
from eyeground.screening.archives import (
    DamagedArchiveError,
    Entry,
    Kind,
    archive_kind,
    entries,
    looks_like_an_archive,
)
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings, ReadPhoto, Refused
from eyeground.screening.file_kinds import FileKind, as_text, kind_of_beginning, stamp_of
from eyeground.screening.inputs import BATCH_SIZE
from eyeground.screening.photos import Gathering, PhotoFile

MOST_EXPANSION = 100  # times the archive's size; photographs hardly shrink, empty TIFFs shrink twentyfold
FREE_EXPANSION = 2**30  # bytes that any archive may unpack to
LONGEST_NAME = 1024
PIECE = 2**20


def gather_archive(gathering: Gathering, path: Path, kind: Kind, label: str) -> None:
    """Add the photographs of an archive, named `label/inner/path.jpg`, to those found, and note what is left out."""
    location, stamp = str(path.absolute()), stamp_of(path)
    if not gathering.claim(location):
        return
    budget = _Budget(max(FREE_EXPANSION, MOST_EXPANSION * path.stat().st_size), in_order=kind != "zip")
    names = _Names()
    nested: list[str] = []
    last = 0
    try:
        for entry in track(entries(path, kind), f"listing {as_text(path.name)}", unit="files"):
            last = entry.position + 1
            name = _tidy(f"{label}/{entry.name.removeprefix('./')}")
            found = _kind_of(entry)
            refusal = budget.refusal(entry, opened=found == "photo")
            if found == "photo":
                unique = names.unique(name)
                photo_stamp = f"{stamp}/{entry.stamp}"
                gathering.add(PhotoFile(unique, location, photo_stamp, None, None, entry.position, refusal))
            elif found == "archive":
                nested.append(name)
            else:
                gathering.leave_out(name, found)
            budget.check()
    except DamagedArchiveError as error:
        rest = f"what follows its file {last:,} is not screened" if last else "nothing in it is screened"
        gathering.note(f"The archive {_tidy(label)} {error}; {rest}.", f"An archive {error}; {rest}.")
    if nested:
        archives = "1 archive inside it was" if len(nested) == 1 else f"{len(nested):,} archives inside it were"
        gathering.note(
            f"{_tidy(label)}: {archives} left out (such as {min(nested)}); unpack it and name them.",
            f"In an archive, {archives} left out; unpack it and name them.",
        )


class _Budget:
    """How much an archive may unpack to.

    Entries that are skipped count in a stream, where they must be decompressed, but not in a zip.
    """

    def __init__(self, allowed: int, in_order: bool) -> None:
        self._allowed = allowed
        self._in_order = in_order
        self._unpacked = 0

    def refusal(self, entry: Entry, opened: bool) -> str | None:
        """Why an entry is not to be opened; else its size is counted."""
        after = entry.begins + entry.size if self._in_order else self._unpacked + entry.size
        refusal = entry.refusal
        if refusal is None and entry.size > MOST_BYTES:
            limit = MOST_BYTES // 2**20
            refusal = f"unpacked it would have {entry.size // 2**20:,} MB; the most accepted is {limit} MB"
        elif refusal is None and after > self._allowed:
            refusal = f"with it, the archive would unpack to more than {MOST_EXPANSION} times its size"
        if self._in_order or (opened and refusal is None):
            self._unpacked = after
        return refusal

    def check(self) -> None:
        """Stop where even skipping an entry unpacks too much."""
        if self._unpacked > self._allowed:
            raise DamagedArchiveError(f"unpacks to more than {MOST_EXPANSION} times its size")


class _Names:
    """Unique names for files of one name in an archive, the same in every run."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def unique(self, name: str) -> str:
        while name in self._given:
            self._given[name] += 1
            name = f"{name} ({self._given[name]})"
        self._given[name] = 1
        return name


def _tidy(name: str) -> str:
    """A name from an archive as printable text of limited length."""
    text = "".join(mark if mark.isprintable() else f"\\x{ord(mark):02x}" for mark in as_text(name))
    if len(text) <= LONGEST_NAME:
        return text
    return text[: LONGEST_NAME - 16] + hashlib.sha256(text.encode()).hexdigest()[:16]


def _kind_of(entry: Entry) -> FileKind | Literal["archive", "hidden"]:
    path = PurePosixPath(entry.name)
    if any(is_hidden(part) for part in path.parts if part not in (".", "..")):
        return "hidden"
    first = cache(lambda: b"" if entry.refusal else _first_bytes(entry))
    kind = kind_of_beginning(path.suffix, first)
    return "archive" if kind == "other" and looks_like_an_archive(entry.name, first()) else kind


def _first_bytes(entry: Entry) -> bytes:
    try:
        with entry.open() as stream:
            return stream.read(FIRST_BYTES)
    except Exception:  # hostile bytes; in a stream, reading the next entry fails
        return b""


class Unpacking:
    """Photographs as files, members of archives as copies; use it in a `with` statement.

    Args:
        folder: Private folder for the copies, made when needed and removed in the end, with what a killed run left in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies: deque[Path | None] = deque()
        self._count = 0

    def __enter__(self) -> "Unpacking":
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def files(self, photos: Iterable[PhotoFile]) -> Iterator[Path | Refused]:
        """Yield a file for each photograph, or why there is none; `done` is to be called for each, in order.

        Args:
            photos: In reading order, see `in_reading_order`.

        Raises:
            UserError: If a copy cannot be written.
        """
        for archive, group in groupby(photos, lambda photo: None if photo.member is None else photo.path):
            for file in (photo.path for photo in group) if archive is None else self._members(archive, deque(group)):
                self._copies.append(file if archive is not None and isinstance(file, Path) else None)
                yield file

    def done(self) -> None:
        """Remove the copy, if there is one, of the photograph yielded longest ago."""
        copy = self._copies.popleft()
        if copy is not None:
            copy.unlink(missing_ok=True)

    def _members(self, path: Path, photos: deque[PhotoFile]) -> Iterator[Path | Refused]:
        reason = "changed while it was screened"
        kind = archive_kind(path)
        try:
            if kind is not None and photos[0].stamp.startswith(f"{stamp_of(path)}/"):
                with closing(entries(path, kind)) as found:
                    for entry in found:
                        if entry.position == photos[0].member:
                            yield self._copied(photos.popleft(), entry)
                            if not photos:
                                return
        except DamagedArchiveError as error:
            reason = str(error)
        for photo in photos:
            yield Refused(photo.refusal or f"the archive {reason}")

    def _copied(self, photo: PhotoFile, entry: Entry) -> Path | Refused:
        if photo.refusal is not None:
            return Refused(photo.refusal)
        self._count += 1
        copy = self._folder / str(self._count)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(copy, "xb", opener=_open_private) as target:
                refused = _copy(entry, target)
            if refused is not None:
                copy.unlink()
            return refused or copy
        except OSError as error:
            raise UserError(f"{self._folder}: a photograph cannot be unpacked: {error.strerror or error}") from error


def _copy(entry: Entry, target: IO[bytes]) -> Refused | None:
    """Copy an entry's content, or say why that failed; only writing raises."""
    pieces = _pieces(entry)
    while True:
        try:
            piece = next(pieces, b"")
        except NotImplementedError:  # zipfile does not know the compression
            return Refused("is compressed in a way that is not read here; unpack the archive and screen the folder")
        except Exception as error:  # hostile bytes; the text is left out, as it may quote the file
            return Refused(f"the archive is damaged here ({type(error).__name__} while unpacking)")
        if not piece:
            return None
        target.write(piece)
        if target.tell() > entry.size:
            return Refused("the archive is damaged here (there is more of it than announced)")


def _pieces(entry: Entry) -> Iterator[bytes]:
    with entry.open() as stream:
        while piece := stream.read(PIECE):
            yield piece


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_photos(
    photos: Sequence[PhotoFile], settings: DecoderSettings, jobs: int, folder: Path
) -> Generator[tuple[PhotoFile, ReadPhoto | Refused], None, None]:
    """Read photographs, also members of archives, in decoder processes, about a batch ahead.

    Args:
        photos: In reading order, see `in_reading_order`.
        jobs: Decoder processes.
        folder: Private folder for copies of members; removed in the end.
    """
    with Unpacking(folder) as unpacking, DecoderPool(settings, jobs) as pool:
        outcomes = pool.read(unpacking.files(photos), ahead=BATCH_SIZE + jobs)
        for photo, outcome in zip(photos, outcomes, strict=True):
            unpacking.done()
            yield photo, outcome


def in_reading_order(photos: Iterable[PhotoFile]) -> list[PhotoFile]:
    """Files first, as they come, then archive by archive in the order of its members."""
    return sorted(photos, key=lambda photo: ("", 0) if photo.member is None else (photo.location, photo.member))
