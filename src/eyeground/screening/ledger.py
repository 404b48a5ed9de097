"""What a screening has finished, line by line, so that a killed one goes on where it stopped.

A line is added once a photograph's picture is on disk, and counts only for the same bundle, the same version
of eyeground and the same file (size and time of last change). A line torn by a crash is cut off on reopening.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import eyeground
from eyeground.bundle import DESCRIPTION, Bundle
from eyeground.errors import UserError
from eyeground.screening.photos import PhotoFile

FORMAT = 2


@dataclass(frozen=True)
class Record:
    """One finished photograph.

    Attributes
    ----------
    stamp : str
        Of the file that was screened.
    row : dict
        The finding's row, as in the results table.
    picture : str or None
        Path of its picture relative to the output folder; None if unreadable.
    output, scale : str or None, float or None
        The output whose evidence the picture shows, and the end of its colour scale in logits.
    """

    stamp: str
    row: dict[str, Any]
    picture: str | None = None
    output: str | None = None
    scale: float | None = None


class Ledger:
    """The finished photographs of one output folder; use it in a `with` statement.

    Parameters
    ----------
    path : pathlib.Path
        A file of JSON lines; made if missing, started anew if another bundle or version wrote it.
    bundles : Bundle
        What is screened with, or drawn with.

    Raises
    ------
    UserError
        If the file cannot be written.
    """

    def __init__(self, path: Path, *bundles: Bundle) -> None:
        self._path = path
        self._records: dict[str, Record] = {}
        self._header = json.dumps(
            {
                "eyeground_ledger": FORMAT,
                "eyeground": eyeground.__version__,
                "bundle": hashlib.sha256(
                    b"".join((bundle.folder / DESCRIPTION).read_bytes() for bundle in bundles)
                ).hexdigest(),
            }
        )
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = self._recover()
            self._stream = path.open("r+b" if kept else "wb")
            self._stream.truncate(kept)
            self._stream.seek(kept)
            if not kept:
                self._write([self._header])

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def record_of(self, photo: PhotoFile) -> Record | None:
        """The record of a photograph, if it was finished and its file is still the same."""
        record = self._records.get(photo.name)
        return record if record is not None and record.stamp == photo.stamp else None

    def add(self, records: Sequence[Record]) -> None:
        """Append finished photographs; they are on disk when this returns."""
        with _explained(self._path):
            self._write([json.dumps(asdict(record)) for record in records])
        self._records.update((record.row["photo"], record) for record in records)

    def _write(self, lines: Sequence[str]) -> None:
        self._stream.write("".join(f"{line}\n" for line in lines).encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _recover(self) -> int:
        """Read what is whole and still counts; return how many bytes that is."""
        if not self._path.exists():
            return 0
        kept = 0
        with self._path.open("rb") as stream:
            if stream.readline() != f"{self._header}\n".encode():
                return 0
            kept = stream.tell()
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                try:
                    record = Record(**json.loads(line))
                    self._records[record.row["photo"]] = record
                except (ValueError, TypeError, KeyError):
                    break
                kept += len(line)
        return kept


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an operating-system error into a sentence for the user."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
