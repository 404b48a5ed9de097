"""Which photographs are screened in which shard: one Parquet file, sorted by name, a row group for each shard.

Ten thousand rows at most become Python objects at once, so that a million photographs are planned in bounded memory.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from eyeground.errors import UserError
from eyeground.screening.photos import PhotoFile
from eyeground.screening.results import KEPT

PLAN = "plan.parquet"
FEWEST_ROWS, MOST_ROWS = 16, 256  # of a shard: what a lost worker has to do again is seconds of work
SHARES, MOST_SHARDS = 64, 10_000  # shards that few photographs are spread over, and those that very many may need
OURS = ("photo", "location", "stamp", "patient", "eye")
ROWS_AT_ONCE = 10_000


class PlannedPhoto(NamedTuple):
    """What the key of a photograph depends on beside its content, see `eyeground.screening.keys`."""

    name: str
    patient: str | None


@dataclass(frozen=True)
class Plan:
    """The photographs of a run, on disk.

    Attributes:
        path: A Parquet file of the columns `OURS`, then those that are kept of a manifest, all text.
        rows: Photographs per shard; the last one may have fewer.
        digests: One per shard: of its photographs' names, places and stamps, and of the run's settings.
        notes: What was left out, in sentences.
    """

    path: Path
    rows: int
    digests: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def photos(self) -> int:
        """How many photographs there are."""
        return int(pq.read_metadata(self.path).num_rows)

    def rows_of(self, shard: int) -> int:
        """How many photographs a shard has."""
        return min(self.rows, self.photos - shard * self.rows)

    def __iter__(self) -> Iterator[PlannedPhoto]:
        """Name and patient of every photograph, in order."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=["photo", "patient"]):
                yield from map(PlannedPhoto, batch["photo"].to_pylist(), batch["patient"].to_pylist())

    def with_patients(self) -> bool:
        """Whether any photograph has a patient or an eye."""
        with pq.ParquetFile(self.path) as file:
            batches = file.iter_batches(ROWS_AT_ONCE, columns=["patient", "eye"])
            return any(column.null_count < len(column) for batch in batches for column in batch.columns)


def shard_of(path: Path, shard: int) -> pa.Table:
    """The rows of one shard of a plan, counted from 0."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(shard)


def photos_of(rows: pa.Table) -> list[PhotoFile]:
    """The photographs of rows of a plan."""
    columns = (rows[name].to_pylist() for name in ("photo", "location", "stamp"))
    return [PhotoFile(name, location, stamp) for name, location, stamp in zip(*columns, strict=True)]


def kept_names(kept: Sequence[str], ours: Sequence[str]) -> list[str]:
    """The names that columns kept of a manifest have in the results, where some may be ours."""
    return [f"{KEPT}{name}" if name in ours else name for name in kept]


def rows_per_shard(photos: int) -> int:
    """How many photographs a shard has.

    >>> rows_per_shard(300), rows_per_shard(5_000), rows_per_shard(1_000_000), rows_per_shard(100_000_000)
    (16, 79, 256, 10000)
    """
    balanced = min(MOST_ROWS, max(FEWEST_ROWS, -(-photos // SHARES)))
    return max(balanced, -(-photos // MOST_SHARDS))


def write_plan(table: pa.Table, path: Path, settings: str, notes: Sequence[str] = ()) -> Plan:
    """Sort photographs by name, cut them into shards and write the plan.

    Args:
        table: The columns of a plan, of text, in any order of rows.
        path: The file to write.
        settings: All that a finished shard depends on beside its photographs.
        notes: What was left out.

    Raises:
        UserError: If there is no photograph, or two have the same name.
    """
    if not len(table):
        raise UserError("no photographs to screen")
    table = table.take(pc.sort_indices(table["photo"])).combine_chunks()
    names = table["photo"]
    again = pc.equal(names.slice(1), names.slice(0, len(names) - 1))
    if pc.any(again).as_py():
        twice = names[pc.index(again, True).as_py()].as_py()
        raise UserError(f"two photographs would be called '{twice}' in the results; screen their folders one by one")
    rows = rows_per_shard(len(table))
    # Statistics of every column of thousands of row groups would make the end of the file long to read.
    pq.write_table(table, path, row_group_size=rows, compression="zstd", use_dictionary=False, write_statistics=False)
    digests = tuple(_digest(table.slice(start, rows), settings) for start in range(0, len(table), rows))
    return Plan(path, rows, digests, tuple(notes))


def _digest(rows: pa.Table, settings: str) -> str:
    hashed = hashlib.blake2b(settings.encode(), digest_size=10)
    for name in ("photo", "location", "stamp"):
        hashed.update("\0".join(["", *rows[name].to_pylist()]).encode())
    return hashed.hexdigest()
