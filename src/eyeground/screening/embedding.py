"""Embeddings of whatever photographs are named: a table with one row each, also where a photograph cannot be read.

Rows are written as they are made, so that memory does not grow with the folder; the table appears complete or not at all.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from eyeground.core.files import TABLE_SUFFIXES, replacing
from eyeground.core.machine import usable_cores
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.screening.decoder_pool import NO_PICTURE, DecoderSettings, ReadPhoto, Refused
from eyeground.screening.inputs import batches, from_decoder
from eyeground.screening.photos import PhotoFile
from eyeground.screening.runtime import Screener
from eyeground.screening.sources import list_sources
from eyeground.screening.unpacking import in_reading_order, read_photos

ROWS_AT_ONCE = 1024  # a Parquet file of fewer rows a piece is mostly headers, having a column per component


@dataclass(frozen=True)
class Embedded:
    """How many photographs there were and could not be read, the seconds it took, and what was left out, in sentences."""

    photos: int
    unreadable: int
    seconds: float
    notes: tuple[str, ...]


def embed(
    photos: Path | str | Sequence[Path | str], screener: Screener, table: Path, jobs: int | None = None
) -> Embedded:
    """Write the embeddings of photographs.

    Args:
        photos: Folders, photographs, archives, manifests, patterns, and `-` for a list on standard input, as for a
            screening.
        screener: A loaded bundle.
        table: `.parquet` or `.csv`, with the columns `photo`; `patient` and `eye`, where a manifest knows one;
            `reason`, why there is no embedding, else empty; `e0`, `e1`, … (float32). Rows are sorted by name, those of
            archives last.
        jobs: Decoder processes; by default one per usable core.

    Raises:
        UserError: If there is no photograph, the bundle gives no embedding, or the table cannot be written.
    """
    started = time.monotonic()
    suffix = table.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise UserError(f"{table}: a table must end in {' or '.join(TABLE_SUFFIXES)}, not '{table.suffix}'")
    unreadable = 0
    with TemporaryDirectory(prefix="eyeground-") as scratch, replacing(table) as partial:
        listing = list_sources(photos, Path(scratch))
        todo = in_reading_order(listing.photos)
        schema = _schema(todo, screener.bundle.description.embedding_size)
        writer = pyarrow.csv.CSVWriter if suffix == ".csv" else pyarrow.parquet.ParquetWriter
        with writer(partial, schema) as written:
            for rows in _pieces(_embedded(todo, screener, schema, jobs or usable_cores(), Path(scratch) / "unpacked")):
                unreadable += len(rows) - rows["reason"].null_count
                written.write_table(rows)
    return Embedded(len(todo), unreadable, time.monotonic() - started, listing.notes)


def _schema(photos: Sequence[PhotoFile], width: int) -> pa.Schema:
    known = [name for name in ("patient", "eye") if any(getattr(photo, name) is not None for photo in photos)]
    texts = [(name, pa.string()) for name in ("photo", *known, "reason")]
    return pa.schema([*texts, *((f"e{component}", pa.float32()) for component in range(width))])


def _embedded(
    photos: Sequence[PhotoFile], screener: Screener, schema: pa.Schema, jobs: int, folder: Path
) -> Iterator[pa.Table]:
    """Rows of one batch after the other."""
    settings = DecoderSettings(screener.bundle.description.preprocessing, NO_PICTURE)
    with closing(read_photos(photos, settings, jobs, folder)) as read:
        for batch in batches(track(read, "embedding", total=len(photos))):
            embeddings = screener.embedding([from_decoder(photo.name, outcome) for photo, outcome in batch])
            texts = _texts(batch)
            known = [pa.array(texts[name], pa.string()) for name in schema.names if name in texts]
            # from_pandas: NaN becomes a missing value.
            numbers = [pa.array(component, pa.float32(), from_pandas=True) for component in embeddings.T]
            yield pa.Table.from_arrays([*known, *numbers], schema=schema)


def _texts(batch: Sequence[tuple[PhotoFile, ReadPhoto | Refused]]) -> dict[str, list[str | None]]:
    return {
        "photo": [photo.name for photo, _ in batch],
        "patient": [photo.patient for photo, _ in batch],
        "eye": [photo.eye for photo, _ in batch],
        "reason": [outcome.reason if isinstance(outcome, Refused) else None for _, outcome in batch],
    }


def _pieces(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()
