"""Which files of folders are photographs: each of them gets exactly one row, and what is left out is counted.

docs/screening.md says what counts as a photograph. All are named before the first is screened, for a few hundred bytes of memory each.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Literal

from eyeground.core.files import is_hidden
from eyeground.errors import UserError
from eyeground.screening.file_kinds import ARCHIVE_ENDINGS, PHOTO_ENDINGS, as_text, file_kind, is_folder, stamp_of

LEDGER = "eyeground-ledger.jsonl"
RUN = "eyeground-run.json"  # in the output folder of a screening on many machines
CLOSED_FOLDER = "A folder could not be opened."

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
        kept: Cells of a manifest's further columns that were asked for; empty if it is in no manifest.
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
    """The photographs found, sorted by name, and what was left out: sentences, and the same sentences without names."""

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

    The source's own name, with as many of the folders above it as make it unique. Never the entire path, which may
    reveal more of the machine than a table should.
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
    """The photographs found so far among sources, and what was left out; `output_folder` is never searched."""

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
        """Whether nothing at this location has been taken yet; it counts as taken from now on."""
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
        """Take or count one folder's files, and yield the folders in it."""
        try:
            status = folder.stat()
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        except OSError:
            self.note(f"The folder {as_text(name or folder.name)} could not be opened.", CLOSED_FOLDER)
            return
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen or folder.resolve() == self._output:
            return
        if _was_written_by_us(folder):
            self._earlier.add(as_text(name or folder.name))
            return
        self._seen.add(identity)
        for entry in entries:
            inner = f"{name}/{entry.name}" if name else entry.name
            if is_hidden(entry.name):
                self.leave_out_hidden(entry, inner)
            elif is_folder(entry):
                yield entry, inner
            elif (kind := file_kind(entry)) == "photo":
                self.file(entry, inner)
            else:
                self.leave_out(inner, kind)

    def is_output(self, folder: Path) -> bool:
        """Whether a folder is, or lies in, the output folder or that of an earlier screening."""
        if folder not in self._ours:
            itself = folder.resolve() == self._output
            if not itself and _was_written_by_us(folder):
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
        """Add a note, and the same note without the name of a file or folder."""
        self._notes.append((sentence, nameless))

    def listing(self, given: str) -> Listing:
        """All that was found, sorted by name.

        Raises:
            UserError: If that is nothing, naming the sources as `given`, or two photographs share a name.
        """
        described = self._describe_left_out()
        notes, nameless = zip(*described, strict=True) if described else ((), ())
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

    def _describe_left_out(self) -> list[tuple[str, str]]:
        """What was left out, in sentences with and without names."""
        sentences = []
        for kind, (one, several, why, then) in _LEFT_OUT.items():
            count, example = self._left_out.get(kind, (0, ""))
            if count:
                counted = f"{one if count == 1 else f'{count:,} {several}'} {why}"
                sentences.append((f"{counted} (such as {example}){then}.", f"{counted}{then}."))
        earlier = "left out, being the output of another screening."
        sentences += [(f"{folder} is {earlier}", f"A folder is {earlier}") for folder in sorted(self._earlier)]
        return [*sentences, *self._notes]


def _was_written_by_us(folder: Path) -> bool:
    return any((folder / name).exists() for name in (LEDGER, RUN))
