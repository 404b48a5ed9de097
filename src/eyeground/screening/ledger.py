"""What a screening has finished, line by line, so that a killed one continues where it stopped.

A line is added once a photograph's picture is on disk, and counts only for the same bundle, version of eyeground and file. Only the
places of lines are kept in memory: less than 20 MB for a hundred thousand photographs.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import eyeground
from eyeground.bundle.open import Bundle
from eyeground.errors import UserError
from eyeground.screening.photos import PhotoFile

FORMAT = 4


@dataclass(frozen=True)
class Record:
    """One finished photograph.

    Attributes:
        stamp: Of the file that was screened.
        row: The finding's row, as in the results table.
        picture: Path of its picture relative to the output folder; None if unreadable.
        output, scale: The output whose evidence the picture shows, and the end of its colour scale in logits.
        content: Of the file, see `eyeground.screening.keys`.
    """

    stamp: str
    row: dict[str, Any]
    picture: str | None = None
    output: str | None = None
    scale: float | None = None
    content: str = ""


class Ledger:
    """The finished photographs of one output folder; use it in a `with` statement.

    Args:
        path: A file of JSON lines; made if missing, started again if another version of eyeground wrote it.
        bundles: The models that the results are of.
        thresholds: The thresholds that decide; findings by other thresholds do not count.
        overwrite: Start again where other bundles or thresholds wrote it.

    Raises:
        UserError: If the file cannot be written, another process is writing it, or it has results of other bundles or
            thresholds that are not to be overwritten.
    """

    def __init__(
        self, path: Path, *bundles: Bundle, thresholds: Mapping[str, float] | None = None, overwrite: bool = False
    ) -> None:
        self._path = path
        self._places: dict[bytes, int] = {}
        header = {
            "eyeground_ledger": FORMAT,
            "eyeground": eyeground.__version__,
            "models": [bundle.identity for bundle in bundles],
            "digests": [bundle.digest for bundle in bundles],
            "thresholds": dict(thresholds or {}),
        }
        self._header = json.dumps(header)
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: on a full disk, closing must not try to write a rest again.
            self._stream = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+")
            _lock(self._stream, path)
            if not overwrite:
                _refuse_other_results(path, header, self._stream)
            with path.open("rb") as lines:
                self._end = self._recover(lines)
            self._stream.truncate(self._end)
            if not self._end:
                self._write([self._header])
            self._lines = path.open("rb")

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._stream.close()

    def record_of(self, photo: PhotoFile) -> Record | None:
        """The record of a photograph, if it was finished and its file is still the same."""
        place = self._places.get(_key(photo.name))
        if place is None:
            return None
        self._lines.seek(place)
        record = Record(**json.loads(self._lines.readline()))
        return record if record.stamp == photo.stamp and record.row["photo"] == photo.name else None

    def add(self, records: Sequence[Record]) -> None:
        """Append finished photographs; they are on disk when this returns."""
        with _explained(self._path):
            self.refuse_removed()
            places = self._write([json.dumps(asdict(record)) for record in records])
        self._places.update((_key(record.row["photo"]), place) for record, place in zip(records, places, strict=True))

    def refuse_removed(self) -> None:
        """Stop where the ledger is no longer in its folder: what was finished is lost with it.

        Raises:
            UserError: If it was removed or replaced.
        """
        try:
            is_there = os.path.samestat(self._path.stat(), os.fstat(self._stream.fileno()))
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise UserError(
                f"{self._path.parent}: was removed while it was written to, and what was finished with it; repeat the command"
            )

    def _write(self, lines: Sequence[str]) -> list[int]:
        """Append all lines or none, and return where each begins."""
        encoded = [f"{line}\n".encode() for line in lines]
        left = memoryview(b"".join(encoded))
        self._stream.seek(self._end)
        try:
            while left:
                left = left[self._stream.write(left) :]
            os.fsync(self._stream.fileno())
        except OSError:
            with suppress(OSError):  # reopening cuts off incomplete lines
                self._stream.truncate(self._end)
            raise
        places = []
        for line in encoded:
            places.append(self._end)
            self._end += len(line)
        return places

    def _recover(self, lines: BinaryIO) -> int:
        """Find the complete lines that still count, and return how many bytes they take."""
        if lines.readline() != f"{self._header}\n".encode():
            return 0
        kept = lines.tell()
        for line in lines:
            if not line.endswith(b"\n"):
                break
            try:
                record = Record(**json.loads(line))
                self._places[_key(record.row["photo"])] = kept
            except (ValueError, TypeError, KeyError, AttributeError):
                break
            kept += len(line)
        return kept


def _refuse_other_results(path: Path, header: Mapping[str, Any], stream: FileIO) -> None:
    """Refuse to replace results of another model or other thresholds silently."""
    with path.open("rb") as lines:
        first, holds_records = lines.readline(), bool(lines.readline())
    try:
        before = dict(json.loads(first)) if holds_records else dict(header)
    except (ValueError, TypeError):
        return
    if before.get("digests") != header["digests"]:
        what = " and ".join(map(str, before.get("models", ["an earlier version of eyeground"])))
    elif before.get("thresholds") != header["thresholds"]:
        what = "the same model at other thresholds or another scale"
    else:
        return
    stream.close()
    raise UserError(
        f"{path.parent}: holds results of {what}, and this is {' and '.join(header['models'])}; choose another folder with -o, "
        "or replace them with --overwrite"
    )


def _key(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def _lock(stream: FileIO, path: Path) -> None:
    """Keep a second process out: each would undo what the other wrote."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        raise UserError(f"{path.parent}: another screening is writing here; wait for it, or choose another") from error
    except OSError:  # a file system without locks
        return


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an operating-system error into a sentence for the user."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
