"""The report of a screening: one HTML file that opens anywhere and needs no network.

Thumbnails are embedded; the viewer shows the large pictures while their folder is next to the file. Without identifiers it names
photographs and patients by their keys alone (`eyeground.screening.keys`).
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import eyeground
from eyeground.bundle.files import WEIGHTS
from eyeground.bundle.open import Bundle
from eyeground.core.files import replacing
from eyeground.core.templates import open_template
from eyeground.screening.cards import blocks_of, outputs_of
from eyeground.screening.decision import STATUSES, Rule
from eyeground.screening.distributions import Histogram
from eyeground.screening.entries import MOST_OF_A_PATIENT, Unit, entries_of, excerpt_of, units_of
from eyeground.screening.excerpt import MOST_SHOWN_WHOLE
from eyeground.screening.eye_results import RESULT_OF, RESULTS, Result
from eyeground.screening.ledger import Record
from eyeground.screening.results import RESULTS as TABLE
from eyeground.screening.suspicion import describe_disease
from eyeground.screening.words import describe_origin, describe_performance

RESULT_TEXTS: dict[Result, str] = {
    "refer": "refer",
    "retake": "retake",
    "look": "look at it yourself",
    "check the file": "check the file",
    "none": "no referral",
}
ACTIONS = {status: RESULT_TEXTS[result] for status, result in RESULT_OF.items()}


@dataclass(frozen=True)
class ThresholdRow:
    """An output in words, its threshold, or why it has none."""

    words: str
    threshold: float | None
    why: str


@dataclass(frozen=True)
class Totals:
    """What a report says of all photographs, of which it may show some only.

    Attributes:
        table: Where all of them have a row, relative to the report.
        counts: Photographs per status.
        patients: Patients per result; empty where none are known.
        histograms: Shown where not all photographs are.
    """

    table: str
    counts: Mapping[str, int]
    patients: Mapping[str, int] = field(default_factory=dict)
    histograms: Sequence[Histogram] = ()

    @property
    def photos(self) -> int:
        """How many photographs there are."""
        return sum(self.counts.values())


def write_report(
    path: Path,
    bundle: Bundle,
    rule: Rule,
    records: Sequence[Record],
    notes: Sequence[str],
    identifiers: bool = False,
    totals: Totals | None = None,
) -> None:
    """Write the report.

    Args:
        path: The HTML file; pictures are found relative to its folder.
        bundle: What was screened with.
        rule: The thresholds that were used.
        records: One per photograph, in the order of the results table. Their rows have a `key`, and may hold `patient`
            and `eye`. Of more than `MOST_SHOWN_WHOLE`, the most urgent of each result and a sample are shown.
        notes: Sentences to be read first: warnings, and what was left out; without a name unless `identifiers` is
            given.
        identifiers: Show names of files and patients next to their keys; else no name is in the file.
        totals: Of all photographs, where the records are a part of them, or there may be too many to show; counted here
            if not given.

    Raises:
        UserError: If the file cannot be written.
    """
    units = units_of(list(entries_of(records, rule)))
    totals = totals or _totals(units)
    if len(records) > MOST_SHOWN_WHOLE:
        units = excerpt_of(units)
    shown = sum(len(unit.entries) for unit in units)
    here = Path(__file__).parent
    script = (here / "report.js").read_text(encoding="utf-8")
    content = open_template("eyeground.screening", "report.html.jinja", folder="").generate(
        actions=ACTIONS,
        counts={status: totals.counts.get(status, 0) for status in STATUSES},
        results={result: totals.patients[result] for result in RESULTS if totals.patients.get(result)},
        result_texts=RESULT_TEXTS,
        total=totals.photos,
        patients=sum(totals.patients.values()),
        table=totals.table,
        excerpt=_describe_excerpt(shown, bool(totals.patients)) if shown < totals.photos else None,
        histograms=totals.histograms if shown < totals.photos else (),
        identifiers=identifiers,
        description=bundle.description,
        identity=bundle.identity,
        weights=bundle.description.files[WEIGHTS],
        findings=_findings(rule),
        origin=describe_origin(rule.decision),
        performance=describe_performance(rule.decision),
        notes=notes,
        finished=datetime.now().astimezone(),
        eyeground_version=eyeground.__version__,
        blocks=blocks_of(records, units, rule, path.parent, identifiers),
        style=(here / "report.css").read_text(encoding="utf-8"),
        foot=re.sub(r"[^\w .+@-]", " ", bundle.identity),
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(content)


def _totals(units: Sequence[Unit]) -> Totals:
    counts: Counter[str] = Counter(entry.status for unit in units for entry in unit.entries)
    patients: Counter[str] = Counter(unit.result for unit in units if unit.result)
    return Totals(f"{TABLE}.csv", counts, patients)


def _describe_excerpt(shown: int, of_patients: bool) -> str:
    """Which photographs are shown, in a sentence."""
    kinds = "result those patients and photographs" if of_patients else "status those photographs"
    few = f", of a patient at most {MOST_OF_A_PATIENT} photographs" if of_patients else ""
    return (
        f"This report shows {shown:,} of them: of each {kinds} that lie highest above their thresholds, and some of the others by "
        f"chance{few}. All have a row in the table."
    )


def _findings(rule: Rule) -> list[ThresholdRow]:
    return [
        ThresholdRow(
            describe_disease(rule.targets, output), rule.thresholds.get(output), rule.without_threshold.get(output, "")
        )
        for output in outputs_of(rule)
    ]
