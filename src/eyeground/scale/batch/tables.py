"""The tables and the summary of a run, made of the plan and the finished shards in one pass of constant memory.

Only keys are held for all photographs at once, as they must be unique (see `eyeground.screening.keys`).
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eyeground.core.progress import track, working
from eyeground.errors import UserError
from eyeground.scale.batch.plan import Plan, kept_names, shard_of
from eyeground.scale.batch.shard import BESIDE_THE_ROW, record_of, shard_name, with_picture
from eyeground.scale.batch.storage import Place
from eyeground.scale.batch.workers import Call, Workers
from eyeground.screening.anatomy import CONTRADICTION, EYE_SEEN, SEEN_BY, with_contradiction
from eyeground.screening.batch import SUMMARY, summary_of
from eyeground.screening.distributions import Distributions
from eyeground.screening.drift import Tally, warnings
from eyeground.screening.excerpt import Excerpt
from eyeground.screening.keys import keys_of
from eyeground.screening.ledger import Record
from eyeground.screening.report import Totals, write_report
from eyeground.screening.results import RESULTS
from eyeground.screening.rollup import height
from eyeground.screening.runtime import Screener

SUMMARY_PAGE = "summary.html"
ROWS_PER_PART, ROWS_AT_ONCE = 250_000, 20_000
# Photographs of each status that are shown, and as many others of it by chance: each is screened again for its picture, so few are
# shown of few.
MOST_EXAMPLES, FEWEST_EXAMPLES, PHOTOS_PER_EXAMPLE = 24, 6, 400


@dataclass(frozen=True)
class Tables:
    """What tables are made of, and where.

    Attributes:
        plan: Of the run.
        place: The run's folder.
        screener: The model.
        kept: Columns of the table of photographs that are copied.
        identifiers: Show names in the summary.
        scratch: Folder for files on their way.
    """

    plan: Plan
    place: Place
    screener: Screener
    kept: Sequence[str]
    identifiers: bool
    scratch: Path

    def shard(self, shard: int, columns: list[str] | None = None) -> pa.Table:
        """The finished rows of a shard, of all columns or some.

        Raises:
            UserError: If its file is gone or damaged since it was finished.
        """
        name = shard_name(shard, self.plan.digests[shard])
        try:
            with self.place.local(name) as path:
                rows = pq.read_table(path, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"{self.place.of(name)}: is gone or damaged ({error}); remove it, and repeat the command"
            ) from error
        if len(rows) != self.plan.rows_of(shard):
            raise UserError(
                f"{self.place.of(name)}: has {len(rows):,} rows where {self.plan.rows_of(shard):,} photographs were planned; remove "
                "it, and repeat the command"
            )
        return rows


@dataclass(frozen=True)
class Written:
    """Photographs per status, and how they differ from what the bundle expects, in sentences."""

    counts: dict[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Shown:
    """A photograph that the summary may show, and where it stands in the plan."""

    shard: int
    place: int
    record: Record


def write_tables(tables: Tables, workers: Workers) -> Written:
    """Write `results/`, `summary.html` and, last, `summary.json`.

    Args:
        tables: What they are made of.
        workers: They draw the photographs that the summary shows.

    Raises:
        UserError: If a shard is damaged, or something cannot be written.
    """
    screener = tables.screener
    tally, distributions = Tally(screener.bundle.description.expected), Distributions(screener.rule)
    examples = min(MOST_EXAMPLES, max(FEWEST_EXAMPLES, tables.plan.photos // PHOTOS_PER_EXAMPLE))
    excerpt: Excerpt[_Shown] = Excerpt(examples, examples)
    counted = _counted(tables, tally, distributions, excerpt)
    _publish(tables, counted)
    shown = _drawn(excerpt.chosen(), workers)
    warned = tuple(warnings(tally, screener.rule, screener.bundle.description))
    totals = Totals(f"{RESULTS}/", tally.counts, {}, tuple(distributions.histograms()))
    _write_page(tables, shown, totals, [*warned, *tables.plan.notes])
    tables.place.put_text(SUMMARY, summary_of(screener, tally, {}, warned))
    return Written(tally.counts, warned)


def _counted(
    tables: Tables, tally: Tally, distributions: Distributions, excerpt: Excerpt[_Shown]
) -> Iterator[pa.Table]:
    """The results of one shard after the other, in order, counted as they pass."""
    with working("making keys"):
        keys = iter(keys_of(tables.plan, _contents(tables)))
    with_patients = tables.plan.with_patients()
    shards = range(len(tables.plan.digests))
    for shard in track(shards, "writing tables", unit="shards"):
        planned = shard_of(tables.plan.path, shard)
        finished = _with_contradictions(tables.shard(shard), planned)
        key = pa.array(list(islice(keys, len(finished))), pa.string())
        table = _results(finished, planned, key, tables.kept, with_patients)
        for place, (row, name) in enumerate(zip(finished.to_pylist(), key.to_pylist(), strict=True)):
            record = record_of(row)
            tally.add(record.row)
            distributions.add(record.row)
            shown = _Shown(shard, place, replace(record, row={"key": name} | record.row))
            urgency = (-height(record, tables.screener.rule), shard, place)
            excerpt.add(record.row["status"], urgency, record.row["photo"], shown)
        yield table


def _with_contradictions(finished: pa.Table, planned: pa.Table) -> pa.Table:
    """A shard's rows with `eye_contradiction`, where eyes were looked at."""
    if EYE_SEEN not in finished.column_names:
        return finished
    seen = finished.select([EYE_SEEN, SEEN_BY]).to_pylist()
    said = [
        with_contradiction(row, told)[CONTRADICTION] for row, told in zip(seen, planned["eye"].to_pylist(), strict=True)
    ]
    return finished.add_column(finished.column_names.index(SEEN_BY) + 1, CONTRADICTION, pa.array(said, pa.string()))


def _contents(tables: Tables) -> Iterator[str]:
    for shard in range(len(tables.plan.digests)):
        for content in tables.shard(shard, ["content"])["content"].to_pylist():
            yield content or ""


def _results(
    finished: pa.Table, planned: pa.Table, keys: pa.Array, kept: Sequence[str], with_patients: bool
) -> pa.Table:
    """A shard's rows with the columns of results.csv, in their order."""
    columns: dict[str, Any] = {"photo": finished["photo"], "key": keys}
    if with_patients:
        columns |= {"patient": planned["patient"], "eye": planned["eye"]}
    finding = [name for name in finished.column_names if name not in BESIDE_THE_ROW]
    for name, cells in zip(kept_names(kept, [*columns, *finding]), kept, strict=True):
        columns[name] = planned[cells]
    columns |= {name: finished[name] for name in finding} | {"picture": finished["picture"]}
    return pa.table(columns)


def _publish(tables: Tables, rows: Iterator[pa.Table]) -> None:
    """Write the parts of the results, and replace those of an earlier run by them."""
    ready = tables.scratch / RESULTS
    ready.mkdir()
    pieces = _pieces(rows)
    for number, first in enumerate(pieces, start=1):
        with pq.ParquetWriter(ready / f"{number:05d}.parquet", first.schema, compression="zstd") as parquet:
            parquet.write_table(first)
            held = len(first)
            while held < ROWS_PER_PART and (piece := next(pieces, None)) is not None:
                parquet.write_table(piece)
                held += len(piece)
    tables.place.remove(RESULTS)
    for path in sorted(ready.iterdir()):
        tables.place.put(f"{RESULTS}/{path.name}", partial(shutil.copyfile, path))


def _pieces(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Shards put together: a Parquet file of smaller pieces is mostly headers."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _drawn(shown: Sequence[_Shown], workers: Workers) -> list[Record]:
    """The records that the summary shows, each with a picture where the photograph can be read, in the order of the results."""
    lacking: dict[int, list[_Shown]] = defaultdict(list)
    for one in shown:
        if one.record.picture is None and one.record.row["status"] != "unreadable":
            lacking[one.shard].append(one)
    pictured = {(one.shard, one.place): one.record for one in shown}
    calls = [Call("draw", shard, [one.place for one in of_shard]) for shard, of_shard in sorted(lacking.items())]
    for call, records in track(workers.run(calls), "drawing examples", total=len(calls), unit="shards"):
        for place, record in zip(call.argument, records, strict=True):
            pictured[call.shard, place] = with_picture(pictured[call.shard, place], record)
    return [record for _, record in sorted(pictured.items())]


def _write_page(tables: Tables, shown: Sequence[Record], totals: Totals, notes: Sequence[str]) -> None:
    """Write the summary where the pictures are, or copies of them."""
    folder = tables.place.folder or tables.scratch
    if tables.place.folder is None:
        for record in shown:
            if record.picture is not None:
                tables.place.fetch(record.picture, folder / record.picture)
    page = folder / SUMMARY_PAGE
    bundle, rule = tables.screener.bundle, tables.screener.rule
    write_report(page, bundle, rule, shown, notes, tables.identifiers, totals)
    if tables.place.folder is None:
        tables.place.put(SUMMARY_PAGE, partial(shutil.copyfile, page))
