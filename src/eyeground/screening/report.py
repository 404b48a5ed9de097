"""The report of a screening: one HTML file that explains itself, opens from a disk or a mail, and asks no network.

Thumbnails are embedded and everything else is text, so the file can be passed on by itself; where the folder
of pictures is still beside it, thumbnails lead to them. It names photographs as the screened folder does, and
never where that folder was. Rows are written as they are made, so memory does not grow with their number.
"""

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

import eyeground
from eyeground.bundle import WEIGHTS, Bundle, OperatingPoint
from eyeground.files import replacing
from eyeground.progress import track
from eyeground.screening.decision import STATUSES, Rule
from eyeground.screening.finding import MEASURES
from eyeground.screening.ledger import Record
from eyeground.screening.pictures import thumbnails

THUMBNAIL_SIDE = 160
ACTIONS = {
    "abnormal": "refer",
    "normal": "no referral",
    "ungradable": "retake",
    "unreadable": "check the file",
}


@dataclass(frozen=True)
class Chance:
    """One output's probability beside its threshold."""

    output: str
    probability: float
    threshold: float
    reached: bool


@dataclass(frozen=True)
class ReportRow:
    """What the template shows of one photograph; pictures are base64 JPEGs or None."""

    photo: str
    folder: str
    file: str
    status: str
    action: str
    rank: int
    reason: str
    chances: tuple[Chance, ...]
    output: str | None
    scale: float | None
    measures: dict[str, float]
    picture: str | None
    photo_thumbnail: str | None
    evidence_thumbnail: str | None


@dataclass(frozen=True)
class Threshold:
    """An output's threshold and where it came from, in words."""

    output: str
    threshold: float
    origin: str


def write_report(path: Path, bundle: Bundle, rule: Rule, records: Sequence[Record], notes: Sequence[str]) -> None:
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
        One per photograph.
    notes : sequence of str
        Sentences on what was left out.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    counts = Counter(record.row["status"] for record in records)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    content = environment.get_template("report.html.jinja").generate(
        actions=ACTIONS,
        counts={status: counts[status] for status in STATUSES},
        total=len(records),
        description=bundle.description,
        identity=bundle.identity,
        weights=bundle.description.files[WEIGHTS],
        thresholds=_thresholds(bundle, rule),
        deciding=rule.deciding,
        notes=notes,
        finished=datetime.now().astimezone(),
        eyeground_version=eyeground.__version__,
        side=THUMBNAIL_SIDE,
        rows=_rows(track(_urgent_first(records), "writing report", total=len(records)), rule, path.parent),
    )
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as stream:
        stream.writelines(content)


def _urgent_first(records: Sequence[Record]) -> Iterator[Record]:
    """By status, what needs action first; within a status, the most probable first.

    Places are sorted and not records, which are read from the ledger whenever they are asked for.
    """

    def key(place: int) -> tuple[int, float, int]:
        record = records[place]
        probability = record.row.get(f"probability_{record.output}") or 0.0
        return STATUSES.index(record.row["status"]), -probability, place

    return (records[place] for place in sorted(range(len(records)), key=key))


def _rows(records: Iterator[Record], rule: Rule, folder: Path) -> Iterator[ReportRow]:
    for record in records:
        row = record.row
        small = (
            [base64.b64encode(jpeg).decode() for jpeg in thumbnails(folder / record.picture, THUMBNAIL_SIDE)]
            if record.picture
            else []
        )
        photo_thumbnail, evidence_thumbnail = (*small, None, None)[:2]
        yield ReportRow(
            photo=row["photo"],
            folder=row["photo"].rpartition("/")[0],
            file=row["photo"].rpartition("/")[2],
            status=row["status"],
            action=ACTIONS[row["status"]],
            rank=STATUSES.index(row["status"]),
            reason=row["reason"],
            chances=_chances(row, rule),
            output=record.output,
            scale=record.scale,
            measures={measure: row[measure] for measure in MEASURES if row[measure] is not None},
            picture=quote(record.picture) if record.picture and small else None,
            photo_thumbnail=photo_thumbnail,
            evidence_thumbnail=evidence_thumbnail,
        )


def _chances(row: dict[str, Any], rule: Rule) -> tuple[Chance, ...]:
    return tuple(
        Chance(output, row[f"probability_{output}"], threshold, row[f"probability_{output}"] >= threshold)
        for output, threshold in rule.thresholds.items()
        if row[f"probability_{output}"] is not None
    )


def _thresholds(bundle: Bundle, rule: Rule) -> list[Threshold]:
    return [
        Threshold(output, threshold, _origin(bundle.description.operating_points, output))
        for output, threshold in rule.thresholds.items()
    ]


def _origin(points: Sequence[OperatingPoint], output: str) -> str:
    point = next((point for point in points if point.output == output), None)
    if point is None:
        return "none was chosen for this output; 0.5 stands in"
    if point.chosen_on == "given":
        return f"given beforehand ({point.rule})"
    photos = f"{point.positives:,} positive and {point.negatives:,} negative photographs"
    return f"chosen by {point.rule} on {point.chosen_on} data: {photos}"
