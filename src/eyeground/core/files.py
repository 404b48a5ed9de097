"""Atomic replacement of files, and hashes of their content.

A file is written beside its final name, flushed and moved over it: a killed process leaves the old file or the new one.
"""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eyeground.errors import UserError

TABLE_SUFFIXES = (".csv", ".parquet")  # endings of what `eyeground.core.tables` writes
_BEGINNING = 2**16  # bytes by which files of one size are compared first
READ_TABLE_SUFFIXES = (*TABLE_SUFFIXES, ".xlsx")
SYSTEM_FOLDERS = ("@eaDir", "__MACOSX", "$RECYCLE.BIN", "#recycle")  # of Synology, macOS, Windows and network drives


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that systems put beside what people put there."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on a clean exit it is flushed and moved over `path`.

    On an exception the temporary file is removed and `path` stays as it was. The folder is made if missing.

    Raises:
        UserError: If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial, lock = _partial_beside(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    try:
        yield partial
        flush_to_disk(partial)
        partial.chmod(0o666 & ~UMASK)
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if not isinstance(error, OSError) or error.filename not in (None, str(partial)):
            raise  # what the caller did, perhaps reading another file
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if lock is not None:
            os.close(lock)


def _partial_beside(path: Path) -> tuple[Path, int | None]:
    """An empty file beside `path`, and its lock: the one that a killed process left, if any, so that they do not pile up."""
    partial = path.parent / f".{path.name[:40]}.partial"
    lock = locked(partial, os.O_RDWR | os.O_CREAT)
    if lock is not None:
        os.ftruncate(lock, 0)
        return partial, lock
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    return Path(name), None


def locked(path: Path, flags: int) -> int | None:
    """A handle that locks a file or folder until it is closed; None where it is locked already or cannot be."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):  # else whoever had it has moved it to its place meanwhile
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def require_table_output(path: Path) -> str:
    """Check, before any work, that a table can be written to `path`, and return its ending.

    Raises:
        UserError: If it ends in neither `.csv` nor `.parquet`, is a folder, or its folder cannot be written to.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise UserError(f"{path}: a table must end in {' or '.join(TABLE_SUFFIXES)}, not '{Path(path).suffix}'")
    if Path(path).is_dir():
        raise UserError(f"{path}: is a folder; name a file")
    require_writable(Path(path).parent)
    return suffix


def require_writable(folder: Path) -> None:
    """Check that a folder can be written to, or made.

    Raises:
        UserError: If a part of the path is no folder, or writing is not permitted.
    """
    there = next(
        place for place in (Path(folder).absolute(), *Path(folder).absolute().parents) if os.path.lexists(place)
    )
    if not there.is_dir():
        raise UserError(f"{there}: is a file, so nothing can be written into it; choose another output")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{there}: cannot be written to; choose another output")


def _current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once at import: asking for it means setting it, which is not safe beside other threads.
UMASK = _current_umask()


def flush_to_disk(path: Path) -> None:
    """Return once the content of a file is on the disk and not only in the system's memory."""
    with path.open("r+b") as written:
        os.fsync(written.fileno())


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits, reading it in pieces."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def equal_files(paths: Sequence[Path]) -> list[str]:
    """A key for each file that is the same for files of equal content; a file that cannot be read is like no other.

    Only files that share size and beginning are read to the end, which takes a fraction of hashing them all.
    """
    sizes = [_size(path) for path in paths]
    keys = _refined(sizes, lambda place: f"{sizes[place]}-{_digest(paths[place], _BEGINNING)}")
    return _refined(keys, lambda place: _digest(paths[place], None))


def _refined(keys: Sequence[str | None], further: Callable[[int], str]) -> list[str]:
    """Each key; keys that several files share are replaced by a further one."""
    counts = Counter(keys)
    return [
        f"unreadable {place}" if key is None else further(place) if counts[key] > 1 else key
        for place, key in enumerate(keys)
    ]


def _size(path: Path) -> str | None:
    try:
        return str(path.stat().st_size) if path.is_file() else None
    except OSError:
        return None


def _digest(path: Path, count: int | None) -> str:
    try:
        if count is None:
            return sha256_of(path)
        with path.open("rb") as stream:
            return hashlib.sha256(stream.read(count)).hexdigest()
    except OSError:
        return f"unreadable {path}"
