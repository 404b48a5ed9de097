"""The tables of a screening: a row per photograph as CSV, Parquet and JSON lines, written in pieces of constant memory.

Patient and eye come from the sources and not from the ledger: a corrected manifest counts at once, and no identifier is stored where
nobody asked for it.
"""

import csv
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TextIO, overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eyeground.core.files import replacing
from eyeground.core.words import no_formula
from eyeground.screening.anatomy import TEXTS as ANATOMY_TEXTS
from eyeground.screening.anatomy import with_contradiction
from eyeground.screening.finding import as_json
from eyeground.screening.keys import keys_of
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import PhotoFile

RESULTS = "results"
SHARDS = "shards"
_UNFINISHED_SHARDS = ".eyeground-shards"
ENDINGS = (".csv", ".parquet", ".jsonl")
TEXT_COLUMNS = (
    *ANATOMY_TEXTS,
    "photo",
    "key",
    "patient",
    "eye",
    "status",
    "suspected",
    "grades",
    "reason",
    "reached",
    "operating_point",
    "model",
    "picture",
)
KEPT = "kept_"
ROWS_AT_ONCE = 2_000


class Finished(Sequence[Record]):
    """The records of finished photographs, in order, read from the ledger whenever one is asked for.

    Rows have the column `key` right after `photo` (see `eyeground.screening.keys`), after it `patient` and `eye` where any
    photograph has one, and then the columns that are `kept` of a manifest; one that has the name of a column of ours gets
    `kept_` before it. With the anatomy, `eye_contradiction` says where the eye that was told is not the one seen.
    """

    def __init__(self, photos: Sequence[PhotoFile], ledger: Ledger, kept: Sequence[str] = ()) -> None:
        self.photos = photos
        self.kept = kept
        self._ledger = ledger
        self._with_patients = any(photo.patient is not None or photo.eye is not None for photo in photos)
        self._keys = keys_of(photos, (self._finished(photo).content for photo in photos))

    def __len__(self) -> int:
        return len(self.photos)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        photo = self.photos[place]
        record = self._finished(photo)
        owner: dict[str, str | None] = {"key": self._keys[place]}
        if self._with_patients:
            owner |= {"patient": photo.patient, "eye": photo.eye}
        cells = photo.kept or (None,) * len(self.kept)
        kept = {
            f"{KEPT}{name}" if name in record.row or name in owner else name: cell
            for name, cell in zip(self.kept, cells, strict=True)
        }
        return replace(record, row={"photo": None} | owner | kept | with_contradiction(record.row, photo.eye))

    def _finished(self, photo: PhotoFile) -> Record:
        record = self._ledger.record_of(photo)
        assert record is not None, "a photograph was not finished"
        return record


def write_results(
    folder: Path, rows: Iterable[dict[str, Any]], kept: Sequence[str] = (), for_spreadsheets: bool = False
) -> None:
    """Write `results.csv`, `results.parquet` and `results.jsonl`, each atomically.

    Args:
        folder: Where to.
        rows: At least one; all with the same columns, numbers or None where not text.
        kept: Columns of a manifest among them, which are text.
        for_spreadsheets: In the CSV, put an apostrophe before text that a spreadsheet would run as a formula.

    Raises:
        UserError: If a table cannot be written.
    """
    with ExitStack() as stack:
        partials = [stack.enter_context(replacing(folder / f"{RESULTS}{ending}")) for ending in ENDINGS]
        with (
            partials[0].open("w", encoding="utf-8", newline="") as csv_stream,
            partials[2].open("w", encoding="utf-8", newline="\n") as lines,
            ExitStack() as opened,
        ):
            write_row = row_writer(csv_stream, for_spreadsheets)
            parquet: pq.ParquetWriter | None = None
            for piece in _pieces(rows):
                if parquet is None:
                    write_row(piece[0])
                    parquet = opened.enter_context(pq.ParquetWriter(partials[1], schema_of(piece[0], kept)))
                for row in piece:
                    write_row(row.values())
                parquet.write_table(table_of(piece, parquet.schema))
                lines.writelines(f"{as_json(row)}\n" for row in piece)


def row_writer(stream: TextIO, for_spreadsheets: bool) -> Callable[[Iterable[Any]], object]:
    """A function that writes the cells of one CSV row, if asked to as text that a spreadsheet does not run."""
    write: Callable[[Iterable[Any]], object] = csv.writer(stream, lineterminator="\n").writerow
    return (lambda cells: write(map(no_formula, cells))) if for_spreadsheets else write


def write_shards(folder: Path, shards: int | None) -> None:
    """Write `results.parquet` again as `shards/00001-of-00004.parquet` and so on, and remove earlier shards.

    The folder appears complete or not at all. Files have equally many rows, plus or minus one, in the order of the table.

    Args:
        folder: Holds `results.parquet`.
        shards: How many; None for none.

    Raises:
        UserError: If they cannot be written.
    """
    finished, unfinished = folder / SHARDS, folder / _UNFINISHED_SHARDS
    for earlier in (finished, unfinished):
        shutil.rmtree(earlier, ignore_errors=True)
    if shards is None:
        return
    table = pq.read_table(folder / f"{RESULTS}.parquet")
    ends = [len(table) * share // shards for share in range(shards + 1)]
    for number, (start, end) in enumerate(pairwise(ends), start=1):
        with replacing(unfinished / f"{number:05d}-of-{shards:05d}.parquet") as partial:
            pq.write_table(table.slice(start, end - start), partial)
    unfinished.rename(finished)


def schema_of(row: Mapping[str, Any], kept: Sequence[str] = ()) -> pa.Schema:
    """Text columns as text, all others as floats; either may be missing."""
    text = {*TEXT_COLUMNS, *kept, *(f"{KEPT}{name}" for name in kept)}
    return pa.schema([(column, pa.string() if column in text else pa.float64()) for column in row])


def table_of(piece: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table, its columns made of buffers: every other way has pyarrow import pandas first."""
    columns = []
    for field in schema:
        cells = [row[field.name] for row in piece]
        known = np.packbits([cell is not None for cell in cells], bitorder="little")
        if field.type == pa.string():
            texts = [b"" if cell is None else str(cell).encode() for cell in cells]
            ends = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int32)
            buffers = [known.tobytes(), ends.tobytes(), b"".join(texts)]
        else:
            numbers = np.array([0.0 if cell is None else cell for cell in cells], np.float64)
            buffers = [known.tobytes(), numbers.tobytes()]
        columns.append(pa.Array.from_buffers(field.type, len(cells), list(map(pa.py_buffer, buffers))))
    return pa.Table.from_arrays(columns, schema=schema)


def _pieces(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(rows)
    while piece := list(islice(iterator, ROWS_AT_ONCE)):
        yield piece
