"""Which files of a folder are photographs: every one of them gets exactly one row.

Folders are walked in sorted order, whatever their names ("x.jpg" may be a folder), following links to folders
once. A file counts as a photograph if its name ends like one, in any case, or if it *is* one by its first
bytes: files from a picture archive often have no ending at all. Links that lead nowhere, pipes and devices
that are named like photographs count too, so that their rows say so. Other files are left out and counted.
What eyeground wrote itself is never screened. A file that is named directly is always taken.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyeground.errors import UserError

PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".dcm")
LEDGER = "eyeground-ledger.jsonl"

_FIRST_BYTES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*")
_DICOM_MARK = slice(128, 132)


@dataclass(frozen=True)
class PhotoFile:
    """A file to screen.

    Attributes
    ----------
    name : str
        Its path relative to the screened folder, with forward slashes; always valid Unicode.
    path : pathlib.Path
        Where it is.
    stamp : str
        Size and time of last change; another stamp is another photograph.
    """

    name: str
    path: Path
    stamp: str


@dataclass(frozen=True)
class Listing:
    """The photographs found, sorted by name, and what was left aside."""

    photos: tuple[PhotoFile, ...]
    notes: tuple[str, ...]


def list_photos(sources: Path | Sequence[Path], output_folder: Path) -> Listing:
    """Find the photographs among files and folders.

    Parameters
    ----------
    sources : path or sequence of paths
        Folders, walked through, and files, taken whatever their ending.
    output_folder : pathlib.Path
        Never searched; nor is any other folder that an earlier screening wrote.

    Raises
    ------
    UserError
        If a source does not exist, or no photograph is found.
    """
    given = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    if any(source.resolve() == output_folder.resolve() for source in given):
        raise UserError(f"{output_folder}: is the folder of photographs itself; choose another folder for the output")
    root = _common_root(given)
    walk = _Walk(output_folder)
    for source in given:
        if source.is_dir():
            walk.folder(source)
        elif os.path.lexists(source):
            walk.found.append(source)
        else:
            raise UserError(f"{source}: no such file or folder")
    photos = {path.absolute(): _photo_file(path, root) for path in walk.found}
    notes = walk.notes(root)
    if not photos:
        raise UserError(
            " ".join([f"{', '.join(map(str, given))}: no photographs ({', '.join(PHOTO_ENDINGS)}) here.", *notes])
        )
    return Listing(tuple(sorted(photos.values(), key=lambda photo: photo.name)), notes)


class _Walk:
    """A walk through folders, gathering photographs and what was left aside."""

    def __init__(self, output_folder: Path) -> None:
        self.found: list[Path] = []
        self._left_out: list[Path] = []
        self._earlier: list[Path] = []
        self._closed: list[Path] = []
        self._output = output_folder.resolve()
        self._seen: set[tuple[int, int]] = set()

    def folder(self, folder: Path) -> None:
        pending = [folder]
        while pending:
            pending += reversed(list(self._one_folder(pending.pop())))

    def _one_folder(self, folder: Path) -> Iterator[Path]:
        """Sort one folder's files and yield the folders in it."""
        try:
            status = folder.stat()
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError:
            self._closed.append(folder)
            return
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen or folder.resolve() == self._output:
            return
        if (folder / LEDGER).exists():
            self._earlier.append(folder)
            return
        self._seen.add(identity)
        for entry in entries:
            if entry.is_dir():
                yield entry
            elif entry.suffix.lower() in PHOTO_ENDINGS or _begins_like_a_photo(entry):
                self.found.append(entry)
            else:
                self._left_out.append(entry)

    def notes(self, root: Path) -> tuple[str, ...]:
        """Sentences on what was left aside."""
        notes = []
        if self._left_out:
            example = _name_of(self._left_out[0], root)
            files = "1 other file was" if len(self._left_out) == 1 else f"{len(self._left_out):,} other files were"
            notes.append(f"{files} left out, being no photograph by name or first bytes (such as {example}).")
        notes += [
            f"{_name_of(folder, root)} is left out, being the output of another screening." for folder in self._earlier
        ]
        notes += [f"The folder {_name_of(folder, root)} could not be opened." for folder in self._closed]
        return tuple(notes)


def _begins_like_a_photo(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as stream:
            first = stream.read(_DICOM_MARK.stop)
    except OSError:
        return False
    return first.startswith(_FIRST_BYTES) or first[_DICOM_MARK] == b"DICM"


def _common_root(given: Sequence[Path]) -> Path:
    if not given:
        raise UserError("nothing to screen: name a folder or photographs")
    folders = [source.absolute() if source.is_dir() else source.absolute().parent for source in given]
    return Path(os.path.commonpath(folders))


def _name_of(path: Path, root: Path) -> str:
    """Relative to the root; bytes of a file name that are no UTF-8 are shown as escapes."""
    relative = path.absolute().relative_to(root).as_posix()
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


def _photo_file(path: Path, root: Path) -> PhotoFile:
    try:
        status = path.stat()
        stamp = f"{status.st_size}-{status.st_mtime_ns}"
    except OSError:
        stamp = "unreachable"
    return PhotoFile(_name_of(path, root), path, stamp)
