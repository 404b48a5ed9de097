"""The report of a screening: one HTML file that explains itself, opens from a disk or a mail, and asks no network.

Thumbnails are embedded and everything else is text, so the file can be passed on by itself; where the folder
of pictures is still beside it, the viewer shows those. Rows are written as they are made and in blocks, which
the browser leaves unrendered, and their thumbnails text, until they come near the screen; so neither of the two
holds thousands of pictures.

Names of files often hold the names or record numbers of people. Unless identifiers are asked for, photographs
and patients are numbered, and the file holds no name of either, not even in a link. Where patients are known,
the table is laid out by patient, which on paper means one page each.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

import eyeground
from eyeground.bundle import WEIGHTS, Bundle, DecisionRule
from eyeground.files import replacing
from eyeground.machine import usable_cores
from eyeground.progress import track
from eyeground.screening.decision import STATUSES, Rule
from eyeground.screening.entries import Entry, entries_of, in_order, results_of
from eyeground.screening.finding import MEASURES
from eyeground.screening.ledger import Record
from eyeground.screening.pictures import thumbnail
from eyeground.screening.rollup import WORST_FIRST, Rolled

THUMBNAIL_SIDE = 160
ROWS_PER_BLOCK = 25
ACTIONS = {
    "abnormal": "refer",
    "normal": "no referral",
    "ungradable": "retake",
    "unfamiliar": "look at it yourself",
    "unreadable": "check the file",
}
RESULTS_IN_WORDS: dict[Rolled, str] = {
    "abnormal": "refer",
    "retake": "retake",
    "incomplete": "retake one eye",
    "normal": "no referral",
}
WITHOUT_PATIENT = "no patient known"
REASON_WITH_A_NAME = "the reason holds a name; it stands in results.csv"


@dataclass(frozen=True)
class Chance:
    """One output's probability; `kept` if its row shows it even below its threshold."""

    output: str
    probability: float
    reached: bool
    kept: bool


@dataclass(frozen=True)
class Heading:
    """What stands above the photographs of a patient: who, and the result; above those without a patient, no result."""

    name: str
    result: Rolled | None


@dataclass(frozen=True)
class ReportRow:
    """What the template shows of one photograph; the thumbnail is a base64 WebP or None."""

    heading: Heading | None
    name: str
    folder: str
    file: str
    eye: str | None
    status: str
    reason: str
    chances: tuple[Chance, ...]
    others: int
    output: str | None
    scale: float | None
    measures: dict[str, float]
    picture: str | None
    thumbnail: str | None


@dataclass(frozen=True)
class Threshold:
    """An output's threshold and where it came from, in words."""

    output: str
    threshold: float
    origin: str


def write_report(
    path: Path,
    bundle: Bundle,
    rule: Rule,
    records: Sequence[Record],
    notes: Sequence[str],
    identifiers: bool = False,
) -> None:
    """Write the report.

    Parameters
    ----------
    path : pathlib.Path
        The HTML file; pictures are found relative to its folder.
    bundle : Bundle
        What was screened with.
    rule : Rule
        The thresholds that were used.
    records : sequence of Record
        One per photograph, in the order of the results table. Their rows may hold `patient` and `eye`.
    notes : sequence of str
        Sentences on what was left out; without a name unless `identifiers` is given.
    identifiers : bool
        Show names of files and patients; else both are numbered, and no name is in the file.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    entries = entries_of(records)
    results = results_of(entries)
    counts = Counter(entry.status for entry in entries)
    patients_per_result = Counter(results.values())
    here = Path(__file__).parent
    script = (here / "report.js").read_text(encoding="utf-8")
    content = (
        jinja2.Environment(
            loader=jinja2.FileSystemLoader(here),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        .get_template("report.html.jinja")
        .generate(
            actions=ACTIONS,
            counts={status: counts[status] for status in STATUSES},
            results={result: patients_per_result[result] for result in WORST_FIRST if patients_per_result[result]},
            results_in_words=RESULTS_IN_WORDS,
            total=len(entries),
            patients=len(results),
            identifiers=identifiers,
            description=bundle.description,
            identity=bundle.identity,
            weights=bundle.description.files[WEIGHTS],
            thresholds=_thresholds(rule),
            deciding=rule.deciding,
            notes=notes,
            finished=datetime.now().astimezone(),
            eyeground_version=eyeground.__version__,
            blocks=_blocks(records, entries, results, rule, path.parent, identifiers),
            style=(here / "report.css").read_text(encoding="utf-8"),
            script=script,
            script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        )
    )
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(content)


def _blocks(
    records: Sequence[Record],
    entries: Sequence[Entry],
    results: dict[int, Rolled],
    rule: Rule,
    folder: Path,
    identifiers: bool,
) -> Iterator[list[ReportRow]]:
    patient_above = None
    remaining = iter(track(in_order(entries, bool(results)), "writing report"))
    with ThreadPoolExecutor(usable_cores()) as cutters:
        while block := list(islice(remaining, ROWS_PER_BLOCK)):
            of_block = [records[entry.number - 1] for entry in block]
            thumbnails = cutters.map(lambda record: _thumbnail(folder, record), of_block)
            rows = []
            for entry, record, small in zip(block, of_block, thumbnails, strict=True):
                heading = None
                if results and entry.patient_number != patient_above:
                    heading = Heading(_patient_name(entry, identifiers), results.get(entry.patient_number))
                patient_above = entry.patient_number
                rows.append(_row(entry, record, small, heading, rule, identifiers))
            yield rows


def _thumbnail(folder: Path, record: Record) -> bytes | None:
    return thumbnail(folder / record.picture, THUMBNAIL_SIDE) if record.picture else None


def _patient_name(entry: Entry, identifiers: bool) -> str:
    if entry.patient is None:
        return WITHOUT_PATIENT
    return f"patient {entry.patient if identifiers else entry.patient_number}"


def _row(
    entry: Entry, record: Record, small: bytes | None, heading: Heading | None, rule: Rule, identifiers: bool
) -> ReportRow:
    row = record.row
    name = row["photo"] if identifiers else f"photo {entry.number}"
    chances = _chances(row, rule, record.output)
    inner, _, file = name.rpartition("/")
    return ReportRow(
        heading=heading,
        name=name,
        folder=inner,
        file=file,
        eye=entry.eye,
        status=entry.status,
        reason=row["reason"] if identifiers else _without_names(row["reason"], row["photo"], entry.patient),
        chances=chances,
        others=sum(not (chance.reached or chance.kept) for chance in chances),
        output=record.output,
        scale=record.scale,
        measures={measure: row[measure] for measure in MEASURES if row[measure] is not None},
        picture=quote(record.picture) if record.picture and small else None,
        thumbnail=base64.b64encode(small).decode() if small else None,
    )


def _without_names(reason: str, photo: str, patient: str | None) -> str:
    """The reason, unless it names its photograph or patient, as that of a decoder might."""
    for name in (photo, photo.rpartition("/")[2], patient):
        if name and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\d)", reason):
            return REASON_WITH_A_NAME
    return reason


def _chances(row: dict[str, Any], rule: Rule, shown: str | None) -> tuple[Chance, ...]:
    reached = (row["reached"] or "").split("; ")
    return tuple(
        Chance(output, row[f"probability_{output}"], output in reached, output == shown)
        for output in rule.deciding
        if row[f"probability_{output}"] is not None
    )


def _thresholds(rule: Rule) -> list[Threshold]:
    return [Threshold(output, threshold, origin_of(rule.decision)) for output, threshold in rule.thresholds.items()]


def origin_of(decision: DecisionRule | None) -> str:
    """Where the thresholds of a rule come from, in words."""
    if decision is None:
        return "none was chosen"
    if decision.chosen_on == "given":
        return f"given beforehand ({decision.rule})"
    photos = f"{decision.positives:,} abnormal and {decision.negatives:,} normal photographs"
    return f"chosen by {decision.rule} on {decision.chosen_on} data: {photos}"
