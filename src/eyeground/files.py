"""What touches the disk: atomic replacement, content hashes, and tables in CSV or Parquet.

A file that others will read is never written in place: it is written beside its final name, flushed, and
moved over it, so that a killed process leaves either the old file or the new one and never half of one.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from eyeground.errors import UserError

TABLE_SUFFIXES = (".csv", ".parquet")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on a clean exit it is flushed and moved over `path`.

    On an exception the temporary file is removed and `path` stays as it was. The folder is made if missing.

    Raises
    ------
    UserError
        If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.chmod(0o666 & ~_UMASK)
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once at import: asking for it means setting it, which is not safe beside other threads.
_UMASK = _current_umask()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits, reading it in pieces."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV (every cell as text, empty cells as missing) or Parquet table.

    Cells of a CSV stay text so that a patient called `007` keeps its zeros; whoever reads a column decides
    what it means.

    Raises
    ------
    UserError
        If the file is missing, empty, has duplicated column names, is not a table, or ends in neither `.csv` nor `.parquet`.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such table; expected a file ending in {' or '.join(TABLE_SUFFIXES)}")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            header = pd.read_csv(path, header=None, nrows=1, dtype=str, encoding="utf-8-sig").iloc[0]
            repeated = sorted(set(header[header.duplicated()].dropna()))
            if repeated:
                raise UserError(f"{path}: column '{repeated[0]}' appears more than once; rename or remove one")
            return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a table: {error}") from error
    raise UserError(f"{path}: a table must end in {' or '.join(TABLE_SUFFIXES)}, not '{path.suffix}'")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, by the ending of `path`, atomically.

    Raises
    ------
    UserError
        If `path` ends in neither `.csv` nor `.parquet`, or cannot be written.
    """
    path = Path(path)
    if path.suffix not in TABLE_SUFFIXES:
        raise UserError(f"{path}: a table must end in {' or '.join(TABLE_SUFFIXES)}, not '{path.suffix}'")
    with replacing(path) as partial:
        if path.suffix == ".parquet":
            table.to_parquet(partial, index=False)
        else:
            table.to_csv(partial, index=False)
