"""Screening a whole folder: every photograph gets one row, whatever happens to it, and nothing is done twice.

Reader processes decode ahead while the network works on the batch before and threads draw the pictures of the
one before that, so that all cores stay busy and memory stays flat. Finished photographs are written to a
ledger; a killed screening that is started again goes on from there. The tables and the report are written
whole at the end. The photographs themselves are only ever read.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eyeground.errors import UserError
from eyeground.machine import usable_cores
from eyeground.progress import track
from eyeground.screening.finding import Finding
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import LEDGER, PhotoFile, list_photos
from eyeground.screening.pictures import PICTURE_SIDE, draw_finding, save_picture
from eyeground.screening.reading import Readers, ReaderSettings, ReadPhoto, Refused
from eyeground.screening.report import write_report
from eyeground.screening.runtime import BATCH_SIZE, Examined, Screener
from eyeground.tables import write_table

RESULTS, REPORT, PICTURES = "results", "report.html", "overlays"
TEXT_COLUMNS = ("photo", "status", "reason", "model", "picture")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Screened:
    """What a screening came to.

    Attributes
    ----------
    output_folder : pathlib.Path
        Holds `results.csv`, `results.parquet`, `report.html`, `overlays/` and the ledger.
    counts : dict of str to int
        Photographs per status.
    finished_before : int
        Photographs that an earlier, interrupted screening had finished.
    seconds : float
        Time taken.
    notes : tuple of str
        What was left out of the folder, in sentences.
    """

    output_folder: Path
    counts: dict[str, int]
    finished_before: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def photos(self) -> int:
        """How many photographs have a row."""
        return sum(self.counts.values())

    @property
    def report(self) -> Path:
        return self.output_folder / REPORT


def screen(
    photos: Path | str | Sequence[Path | str],
    screener: Screener,
    output_folder: Path,
    jobs: int | None = None,
    identifiers: bool = False,
) -> Screened:
    """Screen photographs and write tables, evidence pictures and a report.

    Parameters
    ----------
    photos : path or sequence of paths
        Folders, walked through, and files; see `eyeground.screening.photos` for what counts as a photograph.
    screener : Screener
        A loaded bundle.
    output_folder : pathlib.Path
        Made if missing. An earlier screening of the same photographs with the same bundle is completed;
        one with another bundle is replaced.
    jobs : int, optional
        Reader processes; by default one per usable core.
    identifiers : bool
        Show names of files and patients in the report; else they are numbered.

    Raises
    ------
    UserError
        If there is no photograph, or the output cannot be written.
    """
    started = time.monotonic()
    output_folder = Path(output_folder)
    sources = [photos] if isinstance(photos, str | Path) else photos
    listing = list_photos([Path(source) for source in sources], output_folder)
    _refuse_foreign_results(output_folder)
    with Ledger(output_folder / LEDGER, screener.bundle) as ledger:
        _sweep(output_folder / PICTURES)
        todo = [photo for photo in listing.photos if not _is_finished(ledger.record_of(photo), output_folder)]
        for _ in track(_screened(todo, screener, ledger, output_folder, jobs), "screening", total=len(todo)):
            pass
        records = [record for record in map(ledger.record_of, listing.photos) if record is not None]
    results = results_table([{**record.row, "picture": record.picture} for record in records])
    for ending in (".csv", ".parquet"):
        write_table(results, output_folder / f"{RESULTS}{ending}")
    notes = listing.notes if identifiers else listing.nameless_notes
    write_report(output_folder / REPORT, screener.bundle, screener.rule, records, notes, identifiers)
    return Screened(
        output_folder=output_folder,
        counts=dict(Counter(str(status) for status in results["status"])),
        finished_before=len(listing.photos) - len(todo),
        seconds=time.monotonic() - started,
        notes=listing.notes,
    )


def results_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of findings as a table: text columns as text, all others as floats, missing where there is no number."""
    table = pd.DataFrame(rows)
    return table.astype({column: "string" if column in TEXT_COLUMNS else "float64" for column in table.columns})


def _refuse_foreign_results(output_folder: Path) -> None:
    for name in (f"{RESULTS}.csv", f"{RESULTS}.parquet", REPORT):
        if (output_folder / name).exists() and not (output_folder / LEDGER).exists():
            raise UserError(f"{output_folder / name}: was not written by a screening; choose another output folder")


def _sweep(pictures: Path) -> None:
    """Remove what a killed screening left half written."""
    for partial in pictures.rglob(".*.partial"):
        partial.unlink(missing_ok=True)


def _is_finished(record: Record | None, output_folder: Path) -> bool:
    return record is not None and (record.picture is None or (output_folder / record.picture).is_file())


def _screened(
    todo: Sequence[PhotoFile], screener: Screener, ledger: Ledger, output_folder: Path, jobs: int | None
) -> Iterator[Record]:
    """Screen batch by batch; while one batch is in the network, the pictures of the one before are drawn."""
    if not todo:
        return
    jobs = min(jobs or usable_cores(), len(todo))
    settings = ReaderSettings(screener.bundle.description.preprocessing, PICTURE_SIDE)
    with Readers(settings, jobs) as readers, ThreadPoolExecutor(jobs) as painters:
        read = zip(todo, readers.read((photo.path for photo in todo), ahead=BATCH_SIZE + jobs), strict=True)
        drawing: list[Future[Record]] = []
        for batch in _batches(read, BATCH_SIZE):
            findings = _findings(batch, screener)
            yield from _settled(drawing, ledger)
            drawing = [
                painters.submit(_finish, photo, finding, outcome, output_folder)
                for (photo, outcome), finding in zip(batch, findings, strict=True)
            ]
        yield from _settled(drawing, ledger)


def _settled(drawing: Sequence[Future[Record]], ledger: Ledger) -> list[Record]:
    records = [future.result() for future in drawing]
    if records:
        ledger.add(records)
    return records


def _findings(batch: Sequence[tuple[PhotoFile, ReadPhoto | Refused]], screener: Screener) -> list[Finding]:
    read = [
        Examined(photo.name, outcome.standard, outcome.gradability)
        for photo, outcome in batch
        if isinstance(outcome, ReadPhoto)
    ]
    found = iter(screener.find(read))
    return [
        screener.unreadable(photo.name, outcome.reason) if isinstance(outcome, Refused) else next(found)
        for photo, outcome in batch
    ]


def _finish(photo: PhotoFile, finding: Finding, outcome: ReadPhoto | Refused, output_folder: Path) -> Record:
    if isinstance(outcome, Refused):
        return Record(photo.stamp, finding.as_row())
    picture = f"{PICTURES}/{_picture_name(photo.name, outcome.picture)}"
    save_picture(draw_finding(finding, outcome.picture), output_folder / picture)
    scale = None if finding.evidence is None else finding.scale()
    return Record(photo.stamp, finding.as_row(), picture, finding.output, scale)


def _picture_name(photo: str, pixels: NDArray[np.uint8]) -> str:
    """A hash of the photograph's name and pixels: no two share one, and it is the same when a screening is repeated.

    The report links to it, so it must not tell the name; of the name alone a hash would, as record numbers can be tried.
    """
    return f"{hashlib.sha256(photo.encode() + pixels.tobytes()).hexdigest()[:20]}.evidence.jpg"


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
