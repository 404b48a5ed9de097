"""Which files of a folder are photographs: every one of them gets exactly one row.

Folders are walked in sorted order, whatever their names ("x.jpg" may be a folder), following links to folders
once. A file counts as a photograph if its name ends like one, in any case, or if it *is* one by its first
bytes: files from a picture archive often have no ending at all. Links that lead nowhere, pipes and devices
that are named like photographs count too, so that their rows say so. Left out and counted are other files, what
systems put beside photographs under their names (`._x.jpg` of macOS, `@eaDir` of a network drive, whatever is
hidden), and DICOM objects that are no pictures. What eyeground wrote itself is never screened. A file that is named directly is always taken.

The price of naming every photograph before the first is screened is a few hundred bytes of memory for each.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Literal

from eyeground.core.console import visible
from eyeground.core.files import is_hidden
from eyeground.errors import UserError
from eyeground.imaging.dicom_objects import FIRST_BYTES, is_no_picture
from eyeground.imaging.limits import kind_of

PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".ppm", ".dcm")
DICOM_ENDING = ".dcm"
ARCHIVE_ENDINGS = (".zip", ".tar", ".tgz", ".gz", ".tbz2", ".bz2", ".txz", ".xz", ".zst", ".7z", ".rar")
LEDGER = "eyeground-ledger.jsonl"
CLOSED_FOLDER = "A folder could not be opened."
UNREACHABLE = "unreachable"  # the stamp of a file that is not there

What = Literal["photo", "no picture", "other"]
_LEFT_OUT = {  # kind: what one and what several are called, why, and what to do
    "other": ("1 other file was", "other files were", "left out, being no photograph by name or first bytes", ""),
    "no picture": (
        "1 DICOM object that is no picture was",
        "DICOM objects that are no pictures were",
        "left out, being reports, presentation states, documents or measurements",
        "",
    ),
    "hidden": (
        "1 hidden or system file was",
        "hidden or system files were",
        "left out, being thumbnails and the like, some under photographs' names",
        "",
    ),
    "archive": ("1 archive was", "archives were", "left out", "; name it to screen what is in it"),
}


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photograph to screen: a file, or a member of an archive.

    Attributes:
        name: Its path relative to the screened folder, with forward slashes; always valid Unicode. Of several sources,
            each one's own name comes first.
        location: Where the file is; of a member, where its archive is.
        stamp: What `stamp_of` says of its file; another stamp is another photograph.
        patient, eye: As a manifest, or a DICOM object, gives them.
        kept: Cells of a manifest's further columns that were asked for; empty if it stands in no manifest.
        member: The member's place in its archive, counted from 0; None of a file.
        refusal: Why a member is not to be opened, in a sentence.
    """

    name: str
    location: str
    stamp: str
    patient: str | None = None
    eye: str | None = None
    member: int | None = None
    refusal: str | None = None
    kept: tuple[str | None, ...] = ()

    @property
    def path(self) -> Path:
        """`location` as a path."""
        return Path(self.location)


@dataclass(frozen=True)
class Listing:
    """The photographs found, sorted by name, and what was left aside: in sentences, and in sentences without a name."""

    photos: tuple[PhotoFile, ...]
    notes: tuple[str, ...]
    nameless_notes: tuple[str, ...] = ()


def list_photos(sources: Path | Sequence[Path], output_folder: Path) -> Listing:
    """Find the photographs among files and folders.

    Args:
        sources: Folders, walked through, and files, taken whatever their ending.
        output_folder: Never searched; nor is any other folder that an earlier screening wrote.

    Raises:
        UserError: If a source does not exist, no photograph is found, or two would have the same name.
    """
    given = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    gathering = Gathering(output_folder)
    alone = len(given) == 1 and is_folder(given[0])
    for source, label in zip(given, [""] if alone else labels(given), strict=True):
        if is_folder(source):
            gathering.folder(source, label)
        elif os.path.lexists(source):
            gathering.file(source, label)
        else:
            raise UserError(f"{source}: no such file or folder")
    return gathering.listing(", ".join(map(str, given)))


def labels(given: Sequence[Path]) -> list[str]:
    """What the names of each source's photographs begin with.

    The source's own name, with as many of the folders above it as tell it from the others; never the whole
    path, which may say more of the machine than a table should.
    """
    if not given:
        raise UserError("nothing to screen: name a folder or photographs")
    absolute = [path.absolute() for path in given]
    found = {path: path.name for path in absolute}
    for depth in range(2, max(len(path.parts) for path in found) + 1):
        shared = Counter(found.values())
        found = {path: "/".join(path.parts[-depth:]) if shared[label] > 1 else label for path, label in found.items()}
    return [found[path] for path in absolute]


class Gathering:
    """The photographs found so far among sources, and what was left aside.

    Args:
        output_folder: Never searched.
    """

    def __init__(self, output_folder: Path) -> None:
        self._found: list[PhotoFile] = []
        self._taken: set[str] = set()
        self._left_out: dict[str, tuple[int, str]] = {}  # how many files of a kind, and the first by name
        self._earlier: set[str] = set()
        self._notes: list[tuple[str, str]] = []  # with names, and without
        self._output = output_folder.resolve()
        self._seen: set[tuple[int, int]] = set()
        self._ours: dict[Path, bool] = {}

    def file(
        self,
        path: Path,
        name: str,
        patient: str | None = None,
        eye: str | None = None,
        kept: tuple[str | None, ...] = (),
    ) -> None:
        """Take a file as a photograph, once."""
        location = str(path.absolute())
        if self.claim(location):
            self.add(PhotoFile(as_text(name), location, stamp_of(path), patient, eye, kept=kept))

    def claim(self, location: str) -> bool:
        """Whether nothing of this place has been taken yet; from now on, it has."""
        known = location in self._taken
        self._taken.add(location)
        return not known

    def add(self, photo: PhotoFile) -> None:
        """Take a photograph."""
        self._found.append(photo)

    def folder(self, folder: Path, name: str) -> None:
        """Take the photographs in a folder and below it.

        Raises:
            UserError: If it is the output folder.
        """
        if folder.resolve() == self._output:
            raise UserError(f"{folder}: is the folder of photographs itself; choose another folder for the output")
        pending = [(folder, name)]
        while pending:
            pending += self._one_folder(*pending.pop())

    def _one_folder(self, folder: Path, name: str) -> Iterator[tuple[Path, str]]:
        """Sort one folder's files and yield the folders in it."""
        try:
            status = folder.stat()
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError:
            self.note(f"The folder {as_text(name or folder.name)} could not be opened.", CLOSED_FOLDER)
            return
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen or folder.resolve() == self._output:
            return
        if (folder / LEDGER).exists():
            self._earlier.add(as_text(name or folder.name))
            return
        self._seen.add(identity)
        for entry in entries:
            inner = f"{name}/{entry.name}" if name else entry.name
            if is_hidden(entry.name):
                self.leave_out_hidden(entry, inner)
            elif is_folder(entry):
                yield entry, inner
            elif (what := what_is(entry)) == "photo":
                self.file(entry, inner)
            else:
                self.leave_out(inner, what)

    def is_output(self, folder: Path) -> bool:
        """Whether a folder is, or lies in, the output folder or that of an earlier screening."""
        if folder not in self._ours:
            itself = folder.resolve() == self._output
            if not itself and (folder / LEDGER).exists():
                itself = True
                self._earlier.add(as_text(folder.name))
            self._ours[folder] = itself or (folder.parent != folder and self.is_output(folder.parent))
        return self._ours[folder]

    def leave_out_hidden(self, path: Path, name: str) -> None:
        """Count a hidden or system file, or all in such a folder."""
        if not is_folder(path):
            self.leave_out(name, "hidden")
        for folder, _, files in os.walk(path):
            for file in files:
                self.leave_out((PurePosixPath(name) / Path(folder).relative_to(path) / file).as_posix(), "hidden")

    def leave_out(self, name: str, kind: Literal["no picture", "other", "hidden"] = "other") -> None:
        """Count a file that is no photograph."""
        is_archive = kind == "other" and name.lower().endswith(ARCHIVE_ENDINGS)
        key, text = "archive" if is_archive else kind, as_text(name)
        count, example = self._left_out.get(key, (0, text))
        self._left_out[key] = (count + 1, min(example, text))

    def note(self, sentence: str, nameless: str) -> None:
        """Remember what else there is to say: in a sentence, and in one that names no file or folder."""
        self._notes.append((sentence, nameless))

    def listing(self, given: str) -> Listing:
        """All that was found, sorted by name.

        Raises:
            UserError: If that is nothing, naming the sources as `given`, or two photographs share a name.
        """
        told = self._told()
        notes, nameless = zip(*told, strict=True) if told else ((), ())
        if not self._found:
            here = f"{given}: no photographs ({', '.join(PHOTO_ENDINGS)}) here."
            raise UserError(" ".join([here, *notes]))
        photos = sorted(self._found, key=lambda photo: photo.name)
        for one, other in pairwise(photos):
            if one.name == other.name:
                raise UserError(
                    f"two photographs would be called '{one.name}' in the results; screen their folders one by one"
                )
        return Listing(tuple(photos), notes, nameless)

    def _told(self) -> list[tuple[str, str]]:
        """What was left aside, in sentences with and without names."""
        told = []
        for kind, (one, several, why, then) in _LEFT_OUT.items():
            count, example = self._left_out.get(kind, (0, ""))
            if count:
                counted = f"{one if count == 1 else f'{count:,} {several}'} {why}"
                told.append((f"{counted} (such as {example}){then}.", f"{counted}{then}."))
        earlier = "left out, being the output of another screening."
        told += [(f"{folder} is {earlier}", f"A folder is {earlier}") for folder in sorted(self._earlier)]
        return [*told, *self._notes]


def what_is(path: Path) -> What:
    """Whether a file is a photograph by its name's ending or its first bytes."""
    return what_begins(path.suffix, lambda: first_bytes(path, FIRST_BYTES))


def what_begins(ending: str, first: Callable[[], bytes]) -> What:
    """Whether a file is a photograph by its name's ending or, where that leaves it open, its first `FIRST_BYTES` bytes."""
    ending = ending.lower()
    if ending in PHOTO_ENDINGS and ending != DICOM_ENDING:
        return "photo"
    start = first()
    kind = kind_of(start)
    if kind == "DICOM" and is_no_picture(start):
        return "no picture"
    return "photo" if kind is not None or ending == DICOM_ENDING else "other"


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a regular file; none of anything else, or if it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with path.open("rb") as stream:
            return stream.read(count)
    except (OSError, ValueError):
        return b""


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; what cannot be reached is none."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def as_text(name: str) -> str:
    """A file name as valid Unicode: bytes that are no UTF-8, and control characters, are shown as escapes."""
    return visible(os.fsencode(name).decode("utf-8", "backslashreplace"))


def stamp_of(path: Path) -> str:
    """What changes with a file's content: its size, times of last change, and its number in the file system.

    A program that replaces a file can give it the size and time (mtime) that it had; it cannot set ctime, and a file that
    is moved to this name keeps its own number. Both cost no reading. So a copy is another photograph, too.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return UNREACHABLE
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
