"""Which files of a folder are photographs: every one of them gets exactly one row.

Folders are walked in sorted order, whatever their names ("x.jpg" may be a folder), following links to folders
once. A file counts as a photograph if its name ends like one, in any case, or if it *is* one by its first
bytes: files from a picture archive often have no ending at all. Links that lead nowhere, pipes and devices
that are named like photographs count too, so that their rows say so. Other files are left out and counted.
What eyeground wrote itself is never screened. A file that is named directly is always taken.
"""

import os
import stat
from collections import Counter
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
        Its path relative to the screened folder, with forward slashes; always valid Unicode. Of several sources,
        each one's own name comes first.
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
    """The photographs found, sorted by name, and what was left aside: in sentences, and in sentences without a name."""

    photos: tuple[PhotoFile, ...]
    notes: tuple[str, ...]
    nameless_notes: tuple[str, ...] = ()


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
        If a source does not exist, no photograph is found, or two would have the same name.
    """
    given = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    if any(source.resolve() == output_folder.resolve() for source in given):
        raise UserError(f"{output_folder}: is the folder of photographs itself; choose another folder for the output")
    walk = _Walk(output_folder)
    for source, label in _labels(given).items():
        if source.is_dir():
            walk.folder(source, label)
        elif os.path.lexists(source):
            walk.file(source, label)
        else:
            raise UserError(f"{source}: no such file or folder")
    notes = walk.notes()
    if not walk.found:
        here = f"{', '.join(map(str, given))}: no photographs ({', '.join(PHOTO_ENDINGS)}) here."
        raise UserError(" ".join([here, *notes]))
    name, times = Counter(photo.name for photo in walk.found.values()).most_common(1)[0]
    if times > 1:
        raise UserError(f"{times} photographs would be called '{name}' in the results; screen their folders one by one")
    return Listing(tuple(sorted(walk.found.values(), key=lambda photo: photo.name)), notes, walk.nameless_notes())


def _labels(given: Sequence[Path]) -> dict[Path, str]:
    """What the names of each source's photographs begin with.

    Nothing for a single folder. Otherwise the source's own name, with as many of the folders above it as tell
    it from the others; never the whole path, which may say more of the machine than a table should.
    """
    if not given:
        raise UserError("nothing to screen: name a folder or photographs")
    sources = {source.absolute(): source for source in given}
    if len(sources) == 1 and given[0].is_dir():
        return {given[0]: ""}
    labels = {path: path.name for path in sources}
    for depth in range(2, max(len(path.parts) for path in sources) + 1):
        shared = Counter(labels.values())
        labels = {path: "/".join(path.parts[-depth:]) if shared[label] > 1 else label for path, label in labels.items()}
    return {sources[path]: label for path, label in labels.items()}


class _Walk:
    """A walk through folders, gathering photographs and what was left aside."""

    def __init__(self, output_folder: Path) -> None:
        self.found: dict[Path, PhotoFile] = {}
        self._left_out: list[str] = []
        self._earlier: list[str] = []
        self._closed: list[str] = []
        self._output = output_folder.resolve()
        self._seen: set[tuple[int, int]] = set()

    def file(self, path: Path, name: str) -> None:
        """Take a file as a photograph, once."""
        self.found.setdefault(path.absolute(), PhotoFile(_text(name), path, _stamp(path)))

    def folder(self, folder: Path, name: str) -> None:
        """Take the photographs in a folder and below it."""
        pending = [(folder, name)]
        while pending:
            pending += self._one_folder(*pending.pop())

    def _one_folder(self, folder: Path, name: str) -> Iterator[tuple[Path, str]]:
        """Sort one folder's files and yield the folders in it."""
        try:
            status = folder.stat()
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError:
            self._closed.append(_text(name or folder.name))
            return
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen or folder.resolve() == self._output:
            return
        if (folder / LEDGER).exists():
            self._earlier.append(_text(name or folder.name))
            return
        self._seen.add(identity)
        for entry in entries:
            inner = f"{name}/{entry.name}" if name else entry.name
            if entry.is_dir():
                yield entry, inner
            elif entry.suffix.lower() in PHOTO_ENDINGS or _begins_like_a_photo(entry):
                self.file(entry, inner)
            else:
                self._left_out.append(_text(inner))

    def notes(self) -> tuple[str, ...]:
        """Sentences on what was left aside."""
        notes = []
        if self._left_out:
            count, example = len(self._left_out), min(self._left_out)
            files = "1 other file was" if count == 1 else f"{count:,} other files were"
            notes.append(f"{files} left out, being no photograph by name or first bytes (such as {example}).")
        notes += [f"{folder} is left out, being the output of another screening." for folder in self._earlier]
        notes += [f"The folder {folder} could not be opened." for folder in self._closed]
        return tuple(notes)

    def nameless_notes(self) -> tuple[str, ...]:
        """The same without names of files and folders, for a report that shows none."""
        told = (
            (len(self._left_out), "other file", "left out, being no photograph by name or first bytes"),
            (len(self._earlier), "folder", "left out, being the output of another screening"),
            (len(self._closed), "folder", "closed to reading"),
        )
        return tuple(
            f"{count:,} {what}{' was' if count == 1 else 's were'} {why}." for count, what, why in told if count
        )


def _begins_like_a_photo(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as stream:
            first = stream.read(_DICOM_MARK.stop)
    except OSError:
        return False
    return first.startswith(_FIRST_BYTES) or first[_DICOM_MARK] == b"DICM"


def _text(name: str) -> str:
    """A file name as valid Unicode: bytes that are no UTF-8 are shown as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "unreachable"
    return f"{status.st_size}-{status.st_mtime_ns}"
