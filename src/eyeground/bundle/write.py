"""Writing a bundle, complete or not at all: filled in a folder beside its place, then moved there."""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import eyeground
from eyeground.bundle.description import FORMATS, BundleDescription, read_description
from eyeground.bundle.files import REQUIRED_FILES, refuse_odd_names
from eyeground.bundle.installed import DESCRIPTION
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.core.files import UMASK, flush_to_disk, locked, sha256_of
from eyeground.errors import UserError

Writer = Callable[[Path], object]  # writes one file, at the path that it is given

_SECONDS_TO_LOCK = 10  # a folder to be filled is locked right after it is made


def now() -> str:
    """The current time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_bundle(folder: Path, description: BundleDescription, writers: Mapping[str, Writer]) -> Bundle:
    """Write a bundle, complete or not at all.

    Args:
        folder: Where it goes; a bundle already there is replaced.
        description: Its `files` and `made_by` are filled in here.
        writers: Each writes one file; `model.safetensors`, `model.onnx` and `README.md` are required.

    Raises:
        UserError: If a required file is missing, `folder` holds anything but a bundle, or the disk is full.
    """
    folder = Path(folder).resolve()
    for required in REQUIRED_FILES:
        if required not in writers:
            raise UserError(f"a bundle needs {required}")
    return _write_beside(folder, lambda partial: _fill(partial, description, writers))


def extend_bundle(bundle: Bundle, description: BundleDescription, writers: Mapping[str, Writer]) -> Bundle:
    """Write a bundle again in its place, with another description and further or other files.

    Args:
        writers: Files that they do not name stay as they are.

    Raises:
        UserError: If the bundle cannot be written.
    """
    kept = {name: copier(bundle.folder / name) for name in bundle.description.files}
    return write_bundle(bundle.folder, description, {**kept, **writers})


def copier(source: Path) -> Writer:
    """A writer, as `write_bundle` takes them, that copies a file."""

    def copy(target: Path) -> None:
        shutil.copyfile(source, target)

    return copy


def place_bundle(source: Path, folder: Path) -> Bundle:
    """Copy a bundle unchanged; the copy is verified before it takes its place.

    Args:
        source: Folder with a bundle; what its `bundle.json` does not list is not copied.
        folder: A bundle already there is replaced, once the new one is verified.

    Raises:
        UserError: If `source` is no complete bundle, `folder` holds anything but a bundle, or the disk is full.
    """
    folder = Path(folder).resolve()

    def copy(partial: Path) -> Bundle:
        listed = read_description(source / DESCRIPTION)
        refuse_odd_names(source, listed)
        for name in (DESCRIPTION, *listed.files):
            if not (source / name).is_file():
                raise UserError(f"{source / name}: missing; the bundle is incomplete")
            shutil.copyfile(source / name, partial / name)
        return open_bundle(partial)

    return _write_beside(folder, copy)


def _refuse_other_content(folder: Path) -> None:
    """What is replaced is deleted, so it must be a bundle and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: a file, where the bundle's folder should go; choose another name")
    found = {path.name for path in folder.iterdir()}
    if not found:
        return
    if DESCRIPTION not in found:
        raise UserError(f"{folder}: not empty and not a bundle; choose another folder")
    others = found - {DESCRIPTION} - read_description(folder / DESCRIPTION).files.keys()
    if others:
        raise UserError(
            f"{folder}: holds '{min(others)}', which is not part of the bundle there; move it away or choose another folder"
        )


def _write_beside(folder: Path, fill: Callable[[Path], Bundle]) -> Bundle:
    """Fill a folder beside the final one, then move it into place; a failure leaves nothing behind."""
    _refuse_other_content(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", suffix=".partial", dir=folder.parent))
        lock = locked(partial, os.O_RDONLY)
        try:
            complete = fill(partial)
            for path in partial.iterdir():
                flush_to_disk(path)
                path.chmod(0o666 & ~UMASK)
            partial.chmod(0o777 & ~UMASK)
            _put_in_place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise UserError(f"{folder}: the bundle cannot be written: {error.strerror or error}") from error
    return replace(complete, folder=folder)


def _sweep(folder: Path) -> None:
    """Remove what killed writers of a bundle left beside it; undo one that was killed between its two moves."""
    for partial in folder.parent.iterdir():
        if not (partial.name.startswith(f".{folder.name[:40]}.") and partial.suffix == ".partial"):
            continue
        lock = locked(partial, os.O_RDONLY)
        if lock is None:
            continue
        if time.time() - os.fstat(lock).st_mtime > _SECONDS_TO_LOCK:
            aside = partial.with_suffix(".replaced")
            if aside.exists() and not folder.exists():
                aside.replace(folder)
            shutil.rmtree(aside, ignore_errors=True)
            shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _fill(partial: Path, description: BundleDescription, writers: Mapping[str, Writer]) -> Bundle:
    for name, write in writers.items():
        write(partial / name)
    hashes = {name: sha256_of(partial / name) for name in sorted(writers)}
    written = {"format": FORMATS[-1], "files": hashes, "made_by": eyeground.__version__}
    complete = description.model_copy(update=written)
    text = f"{complete.model_dump_json(indent=2)}\n".encode()
    (partial / DESCRIPTION).write_bytes(text)
    return Bundle(partial, complete, hashlib.sha256(text).hexdigest())


def _put_in_place(partial: Path, folder: Path) -> None:
    """Move the new bundle to its place; the old one is set aside first, and comes back if that fails.

    A folder cannot be replaced in one step. When several processes write at once, the last one wins.
    """
    aside = partial.with_suffix(".replaced")
    while True:
        with suppress(FileNotFoundError):
            folder.replace(aside)
        try:
            partial.replace(folder)
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                shutil.rmtree(aside, ignore_errors=True)  # another process put its bundle there first
                continue
            if aside.exists():
                aside.replace(folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)
        return
