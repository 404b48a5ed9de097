"""The sources that can be screened: folders, photographs, patterns, manifests, archives, and a list on standard input.

The content decides what a source is; see docs/howto/screen-what-you-have.md. A pattern is expanded only where no file has its name, so
that names with brackets remain names. What is named directly, or by a manifest, always gets a row.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from eyeground.core.files import READ_TABLE_SUFFIXES, is_hidden
from eyeground.errors import UserError
from eyeground.imaging.limits import FIRST_BYTES, kind_of
from eyeground.screening.archives import archive_kind, looks_like_an_archive
from eyeground.screening.dicom_patients import with_dicom_patients
from eyeground.screening.file_kinds import UNREACHABLE, as_text, file_kind, first_bytes, is_folder, stamp_of
from eyeground.screening.photos import CLOSED_FOLDER, Gathering, Listing, labels
from eyeground.screening.unpacking import gather_archive

if TYPE_CHECKING:
    from eyeground.data.column_mapping import Origin

STANDARD_INPUT = "-"
ANY_FOLDERS = "**"
_WILD = frozenset("*?[")

Kind = Literal["list", "folder", "pattern", "manifest", "file"]


@dataclass(frozen=True)
class _Source:
    """A source as it was named, its kind, and the path whose name its photographs' names begin with."""

    given: str
    kind: Kind
    base: Path


@dataclass(frozen=True)
class TableColumns:
    """Which columns of the manifests are ours under other names, and which further ones are kept as text."""

    mapping: "Mapping[str, Origin]" = field(default_factory=dict)
    keep: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.mapping or self.keep)


OUR_NAMES = TableColumns()


def list_sources(
    sources: Path | str | Sequence[Path | str],
    output_folder: Path,
    columns: TableColumns = OUR_NAMES,
    identifiers: bool = False,
) -> Listing:
    """Find the photographs among sources of any kind.

    Args:
        sources: Folders, photographs, archives (zip, tar), manifests (`.csv` or `.parquet` with a column `photo`),
            patterns such as `photos/**/*.jpg`, and `-` for a list of paths on standard input, one a line or separated
            by NUL.
        output_folder: Never searched; nor is any other folder that an earlier screening wrote.
        columns: Of the manifests.
        identifiers: Whether patients whom DICOM objects name keep their identifiers.

    Raises:
        UserError: If a source does not exist, matches nothing or is a manifest with mistakes, no photograph is found,
            or two would have the same name.
    """
    given = [_source(str(source)) for source in ([sources] if isinstance(sources, str | Path) else sources)]
    named = [source for source in given if source.kind != "list"]
    bases = {source.base.absolute() for source in named}
    alone = len(bases) == 1 and len(named) == len(given) and all(source.kind != "file" for source in named)
    beginnings = iter([""] * len(named) if alone or not named else labels([source.base for source in named]))
    gathering = Gathering(output_folder)
    if not given:
        raise UserError("nothing to screen: name a folder or photographs")
    if columns and all(source.kind != "manifest" for source in given):
        raise UserError(
            "--column and --keep are about columns of a table, and none is named; name a .csv, .xlsx or .parquet"
        )
    beginning = {source: "" if source.kind == "list" else next(beginnings) for source in given}
    # Manifests first: they know the patient of a photograph that is also in a folder.
    for source in sorted(given, key=lambda source: source.kind != "manifest"):
        _gather(gathering, source, beginning[source], columns)
    listing = gathering.listing(", ".join("standard input" if one.kind == "list" else one.given for one in given))
    return with_dicom_patients(listing, identifiers)


def _source(given: str) -> _Source:
    path = Path(given)
    if given == STANDARD_INPUT:
        return _Source(given, "list", Path())
    if is_folder(path):
        return _Source(given, "folder", path)
    if os.path.lexists(path):
        return _Source(given, "manifest" if _is_manifest(path) else "file", path)
    if not _WILD & set(given):
        raise UserError(f"{given}: no such file or folder")
    fixed = next(position for position, part in enumerate(path.parts) if _WILD & set(part))
    return _Source(given, "pattern", Path(*path.parts[:fixed]))


def _is_manifest(path: Path) -> bool:
    first = first_bytes(path, FIRST_BYTES)
    suffix = path.suffix.lower()
    packed = suffix != ".xlsx" and looks_like_an_archive("", first)  # an Excel file is a zip archive of its own kind
    return suffix in READ_TABLE_SUFFIXES and not (kind_of(first) or packed)


def _gather(gathering: Gathering, source: _Source, label: str, columns: TableColumns) -> None:
    if source.kind == "list":
        _gather_list(gathering)
    elif source.kind == "folder":
        gathering.folder(source.base, label)
    elif source.kind == "manifest":
        _gather_manifest(gathering, source.base, label, columns)
    elif source.kind == "pattern":
        _gather_pattern(gathering, source, label)
    elif (kind := archive_kind(source.base)) is not None:
        gather_archive(gathering, source.base, kind, label)
    else:
        gathering.file(source.base, label)


def _gather_manifest(gathering: Gathering, path: Path, label: str, columns: TableColumns) -> None:
    from eyeground.data.photo_list import read_photo_list

    listed = read_photo_list(path, columns.mapping, columns.keep)
    table = listed.table
    for remark in listed.remarks:
        gathering.note(remark, remark)
    known: dict[str, str] = {}  # one text per patient, not one per photograph
    for photo, patient, eye, *kept in table.astype(object).where(table.notna(), None).itertuples(index=False):
        name = f"{label}/{photo}" if label else photo
        gathering.file(path.parent / photo, name, patient and known.setdefault(patient, patient), eye, tuple(kept))


def _gather_pattern(gathering: Gathering, source: _Source, label: str) -> None:
    parts = Path(source.given).parts[len(source.base.parts) :]
    matched = 0
    for path in _matches(gathering, source.base, parts, ()):
        matched += 1
        name = (PurePosixPath(label) / path.relative_to(source.base)).as_posix()
        if is_folder(path):
            gathering.folder(path, "" if name == "." else name)
        else:
            _gather_one_of_many(gathering, path, name)
    if not matched:
        raise UserError(f"{source.given}: nothing matches this pattern; '*' is any name, '**' any folders")


def _matches(
    gathering: Gathering, folder: Path, parts: Sequence[str], above: tuple[tuple[int, int], ...]
) -> Iterator[Path]:
    """What matches a pattern below a folder, sorted in each folder; links back to a folder above are not followed."""
    if not parts:
        yield folder
        return
    if not is_folder(folder) or gathering.is_output(folder.absolute()):
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError:
        gathering.note(f"The folder {as_text(folder.name)} could not be opened.", CLOSED_FOLDER)
        return
    first, rest = parts[0], parts[1:]
    if first == ANY_FOLDERS:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return
        yield from _matches(gathering, folder, rest, ())
        for entry in entries:
            if is_folder(entry) and not is_hidden(entry.name):
                yield from _matches(gathering, entry, parts, (*above, identity))
        return
    for entry in entries:
        # As in a shell, hidden names match only patterns that begin with a dot.
        is_named = not is_hidden(entry.name) or first.startswith(".") or first == entry.name
        if fnmatch(entry.name, first) and is_named and entry.name.startswith(".") == first.startswith("."):
            yield from _matches(gathering, entry, rest, ())


def _gather_list(gathering: Gathering) -> None:
    paths = _listed()
    above = [str(path.parent) for path in paths if path.is_absolute()]
    shared = os.path.commonpath(above) if above else ""
    folders = 0
    for path in paths:
        if is_folder(path):
            folders += 1
        else:
            name = os.path.relpath(path, shared) if path.is_absolute() else os.path.normpath(path)
            _gather_one_of_many(gathering, path, Path(name).as_posix())
    if folders:
        counted = "1 folder was" if folders == 1 else f"{folders:,} folders were"
        sentence = f"{counted} left out of the list, which names files; give a folder itself to screen all in it."
        gathering.note(sentence, sentence)


def _listed() -> list[Path]:
    """The paths on standard input, in its order."""
    if sys.stdin.isatty():
        raise UserError("'-' reads a list of photographs from standard input: find photos -name '*.jpg' | eyeground …")
    content = sys.stdin.buffer.read()
    lines = content.split(b"\0") if b"\0" in content else [line.rstrip(b"\r") for line in content.split(b"\n")]
    return [Path(os.fsdecode(line)) for line in lines if line]


def _gather_one_of_many(gathering: Gathering, path: Path, name: str) -> None:
    """Take a file of a pattern or a list if it is a photograph or an archive, or cannot be reached at all."""
    if gathering.is_output(path.parent.absolute()):
        return
    if (kind := archive_kind(path)) is not None:
        gather_archive(gathering, path, kind, name)
    elif stamp_of(path) == UNREACHABLE or (found := file_kind(path)) == "photo":
        gathering.file(path, name)
    else:
        gathering.leave_out(name, found)
