"""What a node has in hand, on disk: photographs that wait, results that are to be sent, and which are finished; nothing is lost by a kill.

A photograph is accepted once its file is flushed and moved into place, and again by the same identifier is the same one. Names are
hashes of identifiers, and only those are ever logged.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from eyeground.core.files import flush_to_disk, locked
from eyeground.errors import UserError

_DIGITS = 24
_LOCK, _FINISHED = ".lock", "finished.txt"


def key_of(instance: str) -> str:
    """The name under which an instance is kept and logged: the start of its UID's SHA-256."""
    return hashlib.sha256(instance.encode()).hexdigest()[:_DIGITS]


class Stock:
    """The photographs and results of one data folder; one process at a time uses it.

    Args:
        folder: Made if missing.

    Raises:
        UserError: If another process uses it, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._failed = self._folder / "failed"
        self._guard = threading.Lock()
        self.incoming, self._waiting, self._results = (
            self._folder / name for name in ("incoming", "waiting", "results")
        )
        try:
            for path in (self.incoming, self._waiting, self._results):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = locked(self._folder / _LOCK, os.O_RDWR | os.O_CREAT)
            if self._lock is None:
                raise UserError(f"{folder}: another node uses this folder; choose another with --data")
            for left in self.incoming.iterdir():  # of a process that was killed while it received
                left.unlink()
            self._finished = self._read_finished()
        except OSError as error:
            raise UserError(f"{folder}: cannot be used: {error.strerror or error}") from error
        for key in list(self._pending()):
            if (self._results / key).is_dir():
                self._photo(key).unlink()

    def close(self) -> None:
        """Let another process use the folder."""
        if self._lock is not None:
            os.close(self._lock)

    def accept(self, file: Path, instance: str) -> str:
        """Take over a file in `incoming`; when this returns, it is on disk and will be screened.

        Args:
            file: The object; it is moved.
            instance: Its SOPInstanceUID. One that is known already is not taken again.

        Returns:
            Its key.

        Raises:
            OSError: If the disk is full or cannot be written.
        """
        key = key_of(instance)
        with self._guard:
            if self.knows(instance):
                file.unlink()
                return key
            flush_to_disk(file)
            file.replace(self._photo(key))
            _flush_folder(self._waiting)
        return key

    def knows(self, instance: str) -> bool:
        """Whether an instance waits, has results to be sent, or is finished."""
        key = key_of(instance)
        return key in self._finished or self._photo(key).exists() or (self._results / key).is_dir()

    def waiting(self, most: int) -> list[tuple[str, Path]]:
        """Keys and files of the photographs that have waited longest, at most so many."""
        keys = sorted(self._pending(), key=lambda key: self._photo(key).stat().st_mtime_ns)[:most]
        return [(key, self._photo(key)) for key in keys]

    def add_results(self, key: str, write: Callable[[Path], object]) -> None:
        """Have the results of a waiting photograph written, and let go of the photograph.

        Args:
            key: Of the photograph.
            write: Makes the folder it is given, complete or not at all.
        """
        write(self._results / key)
        _flush_folder(self._results)
        self._photo(key).unlink()

    def results(self) -> list[tuple[str, list[Path]]]:
        """Keys and files of the results that are to be sent, the oldest first."""
        folders = [path for path in self._results.iterdir() if path.is_dir() and not path.name.startswith(".")]
        folders.sort(key=lambda path: path.stat().st_mtime_ns)
        return [(path.name, sorted(path.iterdir())) for path in folders]

    def set_aside(self, key: str) -> None:
        """Move a waiting photograph, of which no results can be made, to `failed`, where a person finds it."""
        self._failed.mkdir(mode=0o700, exist_ok=True)
        self._photo(key).replace(self._failed / f"{key}.dcm")
        self.finish(key)

    def finish(self, key: str) -> None:
        """Note that nothing is left to do, and remove photograph and results."""
        with self._guard, (self._folder / _FINISHED).open("a", encoding="ascii") as stream:
            stream.write(f"\n{key}\n")  # a line that a kill tore must not take this one with it
            stream.flush()
            os.fsync(stream.fileno())
            self._finished.add(key)
        self._photo(key).unlink(missing_ok=True)
        shutil.rmtree(self._results / key, ignore_errors=True)

    def _photo(self, key: str) -> Path:
        return self._waiting / f"{key}.dcm"

    def _pending(self) -> list[str]:
        return [path.stem for path in self._waiting.glob("*.dcm")]

    def _read_finished(self) -> set[str]:
        path = self._folder / _FINISHED
        lines = path.read_text("ascii").split("\n") if path.exists() else []
        return {line for line in lines if len(line) == _DIGITS}


def _flush_folder(folder: Path) -> None:
    """Return once a name in a folder is on disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
