"""Screening whatever photographs are named: each gets exactly one row, and a finished one is not screened again.

Decoder processes read ahead while the network works on the batch before, and threads render the pictures of the one before that.
Finished photographs are in the ledger, from which the tables and the report are written at the end; see docs/screening.md.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eyeground.core.files import write_text
from eyeground.core.machine import usable_cores
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.screening.decision import NO_RULE
from eyeground.screening.decoder_pool import DecoderSettings
from eyeground.screening.distributions import Distributions
from eyeground.screening.drift import Tally, warnings
from eyeground.screening.exports import Export
from eyeground.screening.finding_writer import PICTURES, FindingWriter, Overlays, has_picture
from eyeground.screening.inputs import batches, from_decoder
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import LEDGER, PhotoFile
from eyeground.screening.report import Totals, write_report
from eyeground.screening.results import ENDINGS, RESULTS, Finished, write_results, write_shards
from eyeground.screening.rollup import EYES, PATIENTS, write_rollup
from eyeground.screening.runtime import Screener
from eyeground.screening.sources import OUR_NAMES, TableColumns, list_sources
from eyeground.screening.unpacking import in_reading_order, read_photos

REPORT, SUMMARY = "report.html", "summary.json"
UNPACKED = ".eyeground-unpacked"


@dataclass(frozen=True)
class Screened:
    """The result of a screening.

    Attributes:
        output_folder: Holds `results.csv`, `results.parquet`, `results.jsonl`, `summary.json` and the ledger; unless
            they were not wanted, `report.html` and `overlays/`; where patients are known, `eyes.csv` and
            `patients.csv`.
        counts: Photographs per status.
        patients: Patients per result, see `eyeground.screening.rollup`; empty where none are known.
        finished_before: Photographs that an earlier, interrupted screening had finished.
        seconds: Time taken.
        notes: What was left out, in sentences.
        warnings: How the photographs differ from what the bundle expects, in sentences; also in `summary.json`.
    """

    output_folder: Path
    counts: dict[str, int]
    patients: dict[str, int]
    finished_before: int
    seconds: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def photos(self) -> int:
        """How many photographs have a row."""
        return sum(self.counts.values())

    @property
    def report(self) -> Path:
        """Where the report is, if one was wanted."""
        return self.output_folder / REPORT


def screen(
    photos: Path | str | Sequence[Path | str],
    screener: Screener,
    output_folder: Path,
    jobs: int | None = None,
    identifiers: bool = False,
    *,
    report: bool = True,
    overlays: Overlays = "all",
    shards: int | None = None,
    columns: TableColumns = OUR_NAMES,
    for_spreadsheets: bool = False,
    overwrite: bool = False,
    exports: Sequence[Export] = (),
    take: Callable[[PhotoFile], bool] | None = None,
) -> Screened:
    """Screen photographs and write tables, evidence pictures and a report.

    Args:
        photos: Folders, photographs, archives, manifests, patterns, and `-` for a list on standard input; see
            `eyeground.screening.sources`, and `eyeground.screening.photos` for what counts as a photograph.
        screener: A loaded bundle.
        output_folder: Made if missing. An earlier screening of the same photographs with the same bundle is completed.
        jobs: Decoder processes; by default one per usable core.
        identifiers: Show names of files and patients in the report; else it has only the keys of the tables.
        report: Write the report. Of more than 2,000 photographs it shows the most urgent and a sample.
        overlays: Which photographs get a picture, which the report shows too.
        shards: Write the table in so many Parquet files too, `shards/00001-of-00004.parquet` and so on.
        columns: Which columns of the manifests are ours, and which are copied to the results.
        for_spreadsheets: In CSV files, put an apostrophe before text that a spreadsheet would run as a formula.
        overwrite: Replace an earlier screening with another bundle or other thresholds.
        exports: Write the results in further forms; a photograph is finished once each has it.
        take: Which of the photographs found are taken; the others are left out, as if they were not there. All by
            default.

    Raises:
        UserError: If there is no photograph, the output cannot be written, is removed meanwhile, or holds another
            screening that is not to be overwritten.
    """
    started = time.monotonic()
    output_folder = Path(output_folder)
    if screener.rule.decision is None:
        raise UserError(f"{screener.bundle.identity}: {NO_RULE}")
    listing = list_sources(photos, output_folder, columns, identifiers)
    if take is not None:
        listing = replace(listing, photos=tuple(filter(take, listing.photos)))
    _refuse_other_results(output_folder)
    thresholds = screener.rule.thresholds
    with Ledger(output_folder / LEDGER, *screener.bundles, thresholds=thresholds, overwrite=overwrite) as ledger:
        _sweep(output_folder)
        todo = in_reading_order(
            photo
            for photo in listing.photos
            if not _is_finished(ledger.record_of(photo), output_folder, overlays)
            or not all(export.has(photo) for export in exports)
        )
        writer = FindingWriter(output_folder, overlays, len(listing.photos), exports)
        screened = _screened(todo, screener, ledger, jobs, writer)
        for _ in track(screened, "screening", total=len(todo)):
            pass
        finished = Finished(listing.photos, ledger, columns.keep)
        tally, distributions = Tally(screener.bundle.description.expected), Distributions(screener.rule)
        rows = _counted(track(finished, "writing tables"), tally, distributions)
        write_results(output_folder, rows, columns.keep, for_spreadsheets)
        write_shards(output_folder, shards)
        patients = write_rollup(output_folder, finished, screener.rule, for_spreadsheets)
        warned = tuple(warnings(tally, screener.rule, screener.bundle.description))
        write_text(output_folder / SUMMARY, summary_of(screener, tally, patients, warned))
        if report:
            notes = listing.notes if identifiers else listing.nameless_notes
            totals = Totals(f"{RESULTS}.csv", tally.counts, patients, tuple(distributions.histograms()))
            write_report(
                output_folder / REPORT, screener.bundle, screener.rule, finished, [*warned, *notes], identifiers, totals
            )
        else:  # one of an earlier screening may contradict the tables
            (output_folder / REPORT).unlink(missing_ok=True)
        ledger.refuse_removed()
    return Screened(
        output_folder=output_folder,
        counts=tally.counts,
        patients=patients,
        finished_before=len(listing.photos) - len(todo),
        seconds=time.monotonic() - started,
        notes=listing.notes,
        warnings=warned,
    )


def summary_of(screener: Screener, tally: Tally, patients: dict[str, int], warned: tuple[str, ...]) -> str:
    """Counts, the rule that decided, and the warnings, for programs, as JSON."""
    decision = screener.rule.decision
    summary = {
        "model": screener.bundle.identity,
        "operating_point": decision.rule if decision else None,
        "photos": sum(tally.counts.values()),
        "statuses": tally.counts,
        "patients": patients,
        "warnings": warned,
    }
    return json.dumps(summary, ensure_ascii=False, indent=1) + "\n"


def _counted(records: Iterable[Record], tally: Tally, distributions: Distributions) -> Iterator[dict[str, Any]]:
    """Rows of the results table, counted as they pass."""
    for record in records:
        tally.add(record.row)
        distributions.add(record.row)
        yield {**record.row, "picture": record.picture}


def _refuse_other_results(output_folder: Path) -> None:
    for name in (*(f"{RESULTS}{ending}" for ending in ENDINGS), EYES, PATIENTS, REPORT):
        if (output_folder / name).exists() and not (output_folder / LEDGER).exists():
            raise UserError(f"{output_folder / name}: was not written by a screening; choose another output folder")


def _sweep(output_folder: Path) -> None:
    """Remove files that a killed screening did not finish writing."""
    for partial in (*output_folder.glob(".*.partial"), *(output_folder / PICTURES).rglob(".*.partial")):
        partial.unlink(missing_ok=True)


def _is_finished(record: Record | None, output_folder: Path, overlays: Overlays) -> bool:
    if record is None:
        return False
    if not has_picture(record.row["status"], overlays):
        return True
    return record.picture is not None and (output_folder / record.picture).is_file()


def _screened(
    todo: Sequence[PhotoFile],
    screener: Screener,
    ledger: Ledger,
    jobs: int | None,
    writer: FindingWriter,
) -> Iterator[Record]:
    """Screen batch by batch; while one batch is in the network, the pictures of the one before are rendered."""
    if not todo:
        return
    jobs = min(jobs or usable_cores(), len(todo))
    settings = DecoderSettings(screener.bundle.description.preprocessing, writer.picture_side)
    with (
        closing(read_photos(todo, settings, jobs, writer.folder / UNPACKED)) as read,
        ThreadPoolExecutor(jobs) as threads,
    ):
        pending: list[Future[Record]] = []
        for batch in batches(read):
            findings = screener.findings([from_decoder(photo.name, outcome) for photo, outcome in batch])
            yield from _add_finished(pending, ledger)
            pending = [
                threads.submit(writer.write, photo, finding, outcome)
                for (photo, outcome), finding in zip(batch, findings, strict=True)
            ]
        yield from _add_finished(pending, ledger)


def _add_finished(pending: Sequence[Future[Record]], ledger: Ledger) -> list[Record]:
    records = [future.result() for future in pending]
    if records:
        ledger.add(records)
    return records
