"""Untrusted zip and tar archives (plain, gzip, bzip2, xz), recognised by content, as entries in their order.

Nothing is unpacked by its own name, and sizes in headers are limited before they are believed. A compressed tar can only be read from
its start. What follows damage in an archive is given up; see docs/howto/screen-what-you-have.md.
"""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Literal, cast

from eyeground.screening.file_kinds import ARCHIVE_ENDINGS, first_bytes

Kind = Literal["zip", "tar", "gzip", "bzip2", "xz"]

MOST_ENTRIES = 1_000_000
MOST_CONTENTS = 64 * 2**20  # bytes of a zip's table of contents: half a million entries, which take 0.5 GB of memory
LONGEST_HEADER = 128 * 2**10  # bytes of all headers before one tar entry; real ones have a path of 4096 at most
LONGEST_PADDING = 64 * 2**20  # bytes after a tar's end mark
PIECE = 2**20

_SIGNATURES: dict[bytes, Kind] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # without entries
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
_OTHER_SIGNATURES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd")
_ENCRYPTED = 0x1  # in a zip entry's flags

LINK = "is a link inside the archive; links are not followed"
DEVICE = "is no regular file inside the archive (a pipe or device)"
LOCKED = "is encrypted; unpack the archive with its password and screen the folder"


class DamagedArchiveError(Exception):
    """An archive that cannot be read, or not any further; the text is a reason without its path."""


@dataclass(frozen=True)
class Entry:
    """A file in an archive.

    Attributes:
        name: As the archive gives it; never to be used as a path.
        position: Its place among the archive's files, from 0.
        size: Bytes that it claims to have, unpacked.
        begins: Where its content begins in the unpacked stream; 0 in a zip, whose entries are unpacked one by one.
        stamp: Changes with the entry's content.
        refusal: Why it is not to be opened.
        open: Its content as a stream, good until the next entry. Raises whatever the libraries raise of damaged files.
    """

    name: str
    position: int
    size: int
    begins: int
    stamp: str
    refusal: str | None
    open: Callable[[], IO[bytes]]


def archive_kind(path: Path) -> Kind | None:
    """What kind of archive a file is by its content; None if it is none."""
    first = first_bytes(path, tarfile.BLOCKSIZE)
    kind = next((kind for signature, kind in _SIGNATURES.items() if first.startswith(signature)), None)
    if kind == "zip":
        return kind
    with suppress(Exception):  # decompressors raise anything on a hostile stream, which then holds no tar
        if kind is not None:
            with closing(_decompressed(path, kind)) as stream:
                first = stream.read(tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(first, "utf-8", "surrogateescape")
        return kind or "tar"
    return None


def looks_like_an_archive(name: str, first: bytes) -> bool:
    """Whether a file is an archive by its name's ending or its first bytes, ours to read or not."""
    return name.lower().endswith(ARCHIVE_ENDINGS) or first.startswith((*_SIGNATURES, *_OTHER_SIGNATURES))


def entries(path: Path, kind: Kind) -> Generator[Entry, None, None]:
    """The files of an archive, in order; folders are passed over.

    Raises:
        DamagedArchiveError: After the entries that could be read, if there is damage or too much of anything.
    """
    found = _zip_entries(path) if kind == "zip" else _tar_entries(path, kind)
    try:
        yield from found
    except DamagedArchiveError:
        raise
    except OSError as error:
        raise DamagedArchiveError(f"is damaged or cannot be read ({error.strerror or type(error).__name__})") from error
    except Exception as error:
        # Libraries raise anything on hostile bytes. Their text is left out, as it may quote the file.
        raise DamagedArchiveError(f"is damaged or cut off ({type(error).__name__} while reading it)") from error


class _Bounded(io.BufferedReader):
    """A file that refuses reads larger than a table of contents may be; zipfile trusts any size."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_CONTENTS:
            raise DamagedArchiveError("claims a table of contents of more than 64 MB")
        return super().read(size)


def _zip_entries(path: Path) -> Iterator[Entry]:
    with _Bounded(io.FileIO(path)) as stream, zipfile.ZipFile(stream) as archive:
        files = (info for info in archive.infolist() if not info.is_dir())
        for position, info in enumerate(files):
            mode = info.external_attr >> 16
            refusal = LOCKED if info.flag_bits & _ENCRYPTED else None
            if stat.S_ISLNK(mode):
                refusal = LINK
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                refusal = DEVICE
            stamp = f"{info.file_size}-{info.CRC:08x}"
            yield Entry(info.filename, position, info.file_size, 0, stamp, refusal, partial(archive.open, info))


class _Headers:
    """The stream that tarfile reads headers from: limited per entry, and with the last piece kept.

    tarfile reads a header's extension in one call, as large as the header says, and takes a damaged header for the
    end of the archive.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = b""
        self.allowed = LONGEST_HEADER

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.allowed:
            raise DamagedArchiveError("is damaged: a header in it claims to be very long")
        self.allowed -= size
        self.last = self._stream.read(size)
        return self.last

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


def _tar_entries(path: Path, kind: Kind) -> Iterator[Entry]:
    with closing(_decompressed(path, kind)) as stream:
        headers = _Headers(stream)
        with tarfile.open(fileobj=headers, mode="r:") as archive:  # type: ignore[call-overload]  # its stubs require more of a stream than it uses
            position, before, count = 0, -1, 0
            while (info := archive.next()) is not None:
                archive.members = []  # it would keep every entry
                count += 1
                if count > MOST_ENTRIES:
                    raise DamagedArchiveError(f"holds more than the {MOST_ENTRIES:,} files and folders accepted")
                if info.size < 0 or info.offset <= before:
                    raise DamagedArchiveError("is damaged: a header in it leads backwards")
                before = info.offset
                if not info.isdir():
                    headers.allowed = info.size + LONGEST_HEADER
                    yield _tar_entry(archive, info, position)
                    position += 1
                headers.allowed = LONGEST_HEADER
        if headers.last != bytes(tarfile.BLOCKSIZE):
            raise DamagedArchiveError("is damaged or cut off: it does not end as an archive does")
        for _ in range(LONGEST_PADDING // PIECE):  # gzip and xz have their checksums at the very end
            if not stream.read(PIECE):
                break


def _tar_entry(archive: tarfile.TarFile, info: tarfile.TarInfo, position: int) -> Entry:
    refusal = LINK if info.issym() or info.islnk() else None if info.isreg() else DEVICE
    stamp = f"{info.size}-{info.mtime}-{info.offset}"
    content = partial(_open_tar_entry, archive, info)
    return Entry(info.name, position, info.size, info.offset_data, stamp, refusal, content)


def _open_tar_entry(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(info)
    assert stream is not None  # it is a regular file, else it would have been refused
    return stream


def _decompressed(path: Path, kind: Kind) -> IO[bytes]:
    if kind == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if kind == "bzip2":
        return bz2.open(path, "rb")
    if kind == "xz":
        return lzma.open(path, "rb")
    return path.open("rb")
