"""What a report shows of photographs and patients, made block by block, so that only a block's thumbnails are in memory."""

import base64
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eyeground.core.machine import usable_cores
from eyeground.core.progress import track
from eyeground.screening.anatomy import CONTRADICTION
from eyeground.screening.decision import Rule
from eyeground.screening.entries import Entry, Unit
from eyeground.screening.eye_results import JUDGED, Result
from eyeground.screening.keys import patient_key
from eyeground.screening.ledger import Record
from eyeground.screening.pictures import thumbnail
from eyeground.screening.rollup import pooled
from eyeground.screening.suspicion import describe_disease, shown_step
from eyeground.screening.words import NOTHING_SUSPECTED, describe_anatomy, describe_quality, describe_strength, headline

THUMBNAIL_SIDE = 160
PHOTOS_PER_BLOCK = 24
CUT_AT_ONCE = 128  # thumbnails, about a megabyte
REASON_WITH_A_NAME = "the reason holds a name; it stands in results.csv"


@dataclass(frozen=True)
class Chance:
    """One output's probability; `kept` if its row shows it at once, `threshold` None if it decides nothing."""

    finding: str
    probability: float
    threshold: float | None
    reached: bool
    kept: bool


@dataclass(frozen=True)
class Card:
    """What the template shows of one photograph.

    The thumbnail is a base64 WebP or None, and a `pair` if evidence is next to the photograph. Evidence is not shown of a
    photograph that was not judged: there `evidence_for` and `strength` are None.
    """

    key: str
    name: str | None
    eye: str
    status: str
    headline: str
    grades: str
    chances: tuple[Chance, ...]
    evidence_for: str | None
    strength: str | None
    pair: bool
    anatomy: tuple[str, ...]
    contradiction: str | None
    quality: list[tuple[str, str, float]]
    gradability: float | None
    picture: str | None
    thumbnail: str | None


@dataclass(frozen=True)
class Patient:
    """The heading above the photographs of a patient."""

    key: str
    name: str | None
    result: Result
    headline: str


@dataclass(frozen=True)
class Group:
    """What the template keeps together: a patient's photographs by eye, or one photograph without a patient."""

    patient: Patient | None
    eyes: dict[str, list[Card]]


def outputs_of(rule: Rule) -> tuple[str, ...]:
    """All outputs, those that decide first."""
    return (*rule.deciding, *(output for output in rule.outputs if output not in rule.thresholds))


def blocks_of(
    records: Sequence[Record], units: Sequence[Unit], rule: Rule, folder: Path, identifiers: bool
) -> Iterator[list[Group]]:
    """Groups of photographs, in blocks of about `PHOTOS_PER_BLOCK` photographs that a browser need not render.

    Args:
        records: In the order of the results table.
        units: Those shown, in the order of the report.
        rule: The thresholds that were used.
        folder: Where the records' pictures are.
        identifiers: Give names of files and patients next to their keys.
    """
    total = sum(len(unit.entries) for unit in units)
    cards = track(_cards(records, units, rule, folder, identifiers), "writing report", total=total)
    block: list[Group] = []
    held = 0
    for unit in units:
        of_unit = [next(cards) for _ in unit.entries]
        by_eye = groupby(of_unit, key=lambda card: card.eye)
        block.append(Group(_patient(unit, records, rule, identifiers), {eye: list(of_eye) for eye, of_eye in by_eye}))
        held += len(of_unit)
        if held >= PHOTOS_PER_BLOCK:
            yield block
            block, held = [], 0
    if block:
        yield block


def _cards(
    records: Sequence[Record], units: Sequence[Unit], rule: Rule, folder: Path, identifiers: bool
) -> Iterator[Card]:
    """The cards of all units, one after the other; thumbnails are cut in threads, a few ahead."""
    entries = [entry for unit in units for entry in unit.entries]
    words = {output: describe_disease(rule.targets, output) for output in outputs_of(rule)}
    with ThreadPoolExecutor(usable_cores()) as cutters:
        for start in range(0, len(entries), CUT_AT_ONCE):
            few = entries[start : start + CUT_AT_ONCE]
            of_few = [records[entry.place] for entry in few]
            thumbnails = cutters.map(lambda record: _thumbnail(folder, record), of_few)
            for entry, record, small in zip(few, of_few, thumbnails, strict=True):
                yield _card(entry, record, small, rule, words, identifiers)


def _thumbnail(folder: Path, record: Record) -> bytes | None:
    return thumbnail(folder / record.picture, THUMBNAIL_SIDE) if record.picture else None


def _patient(unit: Unit, records: Sequence[Record], rule: Rule, identifiers: bool) -> Patient | None:
    if unit.result is None:
        return None
    rows = [records[entry.place].row for entry in unit.entries]
    words = {"refer": f"suspected: {'; '.join(pooled(rule, rows).suspected)}", "none": NOTHING_SUSPECTED}
    name = unit.entries[0].patient if identifiers else None
    return Patient(patient_key(rows[0]["key"]), name, unit.result, words.get(unit.result, ""))


def _card(
    entry: Entry, record: Record, small: bytes | None, rule: Rule, words: dict[str, str], identifiers: bool
) -> Card:
    row = record.row
    reason = row["reason"] if identifiers else _without_names(row["reason"], row["photo"], entry.patient)
    judged = entry.status in JUDGED
    shown = record.output if judged and record.scale is not None else None
    return Card(
        key=row["key"],
        name=row["photo"] if identifiers else None,
        eye=entry.eye,
        status=entry.status,
        headline=headline(entry.status, row["suspected"], reason),
        grades=row["grades"] or "",
        chances=_chances(row, rule, words, record.output),
        evidence_for=None if shown is None else words[shown],
        strength=None if shown is None else describe_strength(record.scale or 0.0),
        pair=record.scale is not None,
        anatomy=describe_anatomy(row),
        contradiction=row.get(CONTRADICTION),
        quality=describe_quality(row),
        gradability=row["gradability"],
        picture=quote(record.picture) if record.picture and small else None,
        thumbnail=base64.b64encode(small).decode() if small else None,
    )


def _without_names(reason: str, photo: str, patient: str | None) -> str:
    """The reason, unless it names its photograph or patient, as a decoder's might."""
    for name in (photo, photo.rpartition("/")[2], patient):
        if name and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\d)", reason):
            return REASON_WITH_A_NAME
    return reason


def _chances(row: dict[str, Any], rule: Rule, words: dict[str, str], shown: str | None) -> tuple[Chance, ...]:
    """Probabilities; those of a photograph that was not judged never count as reaching their thresholds."""
    named = (row["reached"] or "").split("; ") if row["status"] == "abnormal" else []
    reached = [output for output in rule.deciding if output in named]
    kept = _shown_steps(rule, reached, row) if reached else [shown] if row["status"] in JUDGED else []
    return tuple(
        Chance(
            words[output],
            row[f"probability_{output}"],
            rule.thresholds.get(output),
            output in reached,
            output in kept,
        )
        for output in words
        if row[f"probability_{output}"] is not None
    )


def _shown_steps(rule: Rule, reached: Sequence[str], row: dict[str, Any]) -> list[str]:
    """Of each grade only the step that is named as suspected."""
    probabilities = {output: row[f"probability_{output}"] for output in rule.outputs}
    left_out = {
        output
        for target in rule.targets
        if target.kind == "ordinal" and set(target.outputs) & set(reached)
        for output in set(target.outputs) - {shown_step(target, reached, probabilities)}
    }
    return [output for output in reached if output not in left_out]
