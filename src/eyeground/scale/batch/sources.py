"""The photographs of a run: local files and folders, one table of very many, or folders of object storage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from eyeground.core.files import READ_TABLE_SUFFIXES, is_hidden
from eyeground.core.progress import track, working
from eyeground.data.photo_list import read_photo_list
from eyeground.errors import UserError
from eyeground.scale.batch.plan import OURS
from eyeground.scale.batch.storage import Place, explained, file_system, is_remote
from eyeground.screening.file_kinds import PHOTO_ENDINGS, as_text
from eyeground.screening.photos import PhotoFile, labels
from eyeground.screening.sources import TableColumns, list_sources

_PLAIN = r"^[\x20-\x7e]*$"  # names that need no escapes
_ABSOLUTE = r"^(/|[a-z0-9]+://)"


@dataclass(frozen=True)
class Sources:
    """What a plan is made of: its columns, and what was left out, in sentences."""

    table: pa.Table
    notes: tuple[str, ...] = ()


def gather(given: Sequence[str], output: Place, columns: TableColumns, identifiers: bool) -> Sources:
    """Find the photographs.

    Args:
        given: Local sources as for `screen` but archives; or one table with a column `photo`, local or a URL; or URLs of
            folders and photographs.
        output: Never searched.
        columns: Of the table.
        identifiers: Whether patients whom DICOM objects name keep their identifiers.

    Raises:
        UserError: If kinds are mixed, something is not there, an archive is named, or there is no photograph.
    """
    tables = [source for source in given if PurePosixPath(source).suffix.lower() in READ_TABLE_SUFFIXES]
    if tables and len(given) > 1:
        raise UserError(f"{tables[0]}: with --ray a table is screened alone; name it without other sources")
    if tables:
        return _of_table(tables[0], columns)
    if columns:
        raise UserError("--column and --keep are about columns of a table, and none is named; name a .csv or .parquet")
    remote = [source for source in given if is_remote(source)]
    if remote and len(remote) < len(given):
        raise UserError(f"{remote[0]}: object storage and local files are screened one by one with --ray")
    return _of_storage(remote) if remote else _of_files(given, output, identifiers)


def _of_files(given: Sequence[str], output: Place, identifiers: bool) -> Sources:
    listing = list_sources(list(given), output.folder or Path(".eyeground-output"), identifiers=identifiers)
    packed = next((photo for photo in listing.photos if photo.member is not None), None)
    if packed is not None:
        raise UserError(f"{packed.location}: is an archive, which --ray does not read; unpack it and name the folder")
    return Sources(_table(listing.photos), listing.notes if identifiers else listing.nameless_notes)


def _of_table(source: str, columns: TableColumns) -> Sources:
    root, _, name = (source if is_remote(source) else str(Path(source).absolute())).rpartition("/")
    try:
        with working("reading the table"), Place(root).local(name) as path:
            listed = read_photo_list(path, columns.mapping, columns.keep)
    except FileNotFoundError as error:
        raise UserError(f"{source}: no such table") from error
    table = pa.Table.from_pandas(listed.table, preserve_index=False).replace_schema_metadata(None)
    table = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    # Paths have been spelt with single slashes.
    photo = pc.replace_substring_regex(table["photo"], r"^([a-z0-9]+):/([^/])", r"\1://\2")
    beside = pc.binary_join_element_wise(pa.scalar(root), photo, "/")
    location = pc.if_else(pc.match_substring_regex(photo, _ABSOLUTE), photo, beside)
    stamp = pa.chunked_array([pa.nulls(len(table), pa.string()).fill_null("")])
    ours = [_as_text(photo), location, stamp, table["patient"], table["eye"]]
    kept = [table[name] for name in columns.keep]
    return Sources(pa.table([*ours, *kept], names=[*OURS, *columns.keep]), tuple(listed.remarks))


def _of_storage(given: Sequence[str]) -> Sources:
    beginnings = [""] if len(given) == 1 else labels([Path(source.partition("://")[2]) for source in given])
    photos: list[PhotoFile] = []
    left_out = 0
    for source, label in zip(given, beginnings, strict=True):
        found = track(_objects(source), "listing objects", unit="objects")
        for name, details in found:
            path = PurePosixPath(name)
            if path.suffix.lower() not in PHOTO_ENDINGS or any(is_hidden(part) for part in path.parts):
                left_out += 1
                continue
            changed = details.get("ETag") or details.get("etag") or details.get("LastModified") or ""
            stamp = f"{details['size']}-{changed}"
            url = f"{source.partition('://')[0]}://{details['name'].lstrip('/')}"
            photos.append(PhotoFile(as_text(f"{label}/{name}" if label else name), url, stamp))
    if not photos:
        raise UserError(f"{', '.join(given)}: no photographs ({', '.join(PHOTO_ENDINGS)}) here")
    counted = "1 object was" if left_out == 1 else f"{left_out:,} objects were"
    notes = (f"{counted} left out, being no photograph by name, or hidden.",) if left_out else ()
    return Sources(_table(photos), notes)


def _objects(source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name below the source, and details, of every object; the source itself may be one."""
    system = file_system(source)
    try:
        with explained("listed", source):
            root = system._strip_protocol(source).rstrip("/")
            details = system.info(source)
            if details["type"] == "file":
                yield PurePosixPath(root).name, details
                return
            for _, _, files in system.walk(source, detail=True):
                for one in files.values():
                    yield one["name"].lstrip("/").removeprefix(f"{root.lstrip('/')}/"), one
    except FileNotFoundError as error:
        raise UserError(f"{source}: no such object or folder") from error


def _table(photos: Sequence[PhotoFile]) -> pa.Table:
    cells = zip(*((one.name, one.location, one.stamp, one.patient, one.eye) for one in photos), strict=True)
    return pa.table([pa.array(column, pa.string()) for column in cells], names=list(OURS))


def _as_text(names: pa.ChunkedArray) -> pa.ChunkedArray:
    plain = pc.match_substring_regex(names, _PLAIN)
    if pc.all(plain).as_py():
        return names
    shown = [name if fine else as_text(name) for name, fine in zip(names.to_pylist(), plain.to_pylist(), strict=True)]
    return pa.chunked_array([pa.array(shown, pa.string())])
