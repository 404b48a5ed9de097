"""The report of a screening: one HTML file that opens anywhere and needs no network.

Thumbnails are embedded; the viewer shows the large pictures while their folder is next to the file. Without identifiers it names
photographs and patients by their keys alone (`eyeground.screening.keys`).
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import eyeground
from eyeground.bundle.files import WEIGHTS
from eyeground.bundle.open import Bundle
from eyeground.core.files import replacing
from eyeground.core.templates import open_template
from eyeground.screening.cards import blocks_of, outputs_of
from eyeground.screening.decision import STATUSES, Rule
from eyeground.screening.entries import entries_of, units_of
from eyeground.screening.eye_results import RESULT_OF, RESULTS, Result
from eyeground.screening.ledger import Record
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


def write_report(
    path: Path,
    bundle: Bundle,
    rule: Rule,
    records: Sequence[Record],
    notes: Sequence[str],
    identifiers: bool = False,
) -> None:
    """Write the report.

    Args:
        path: The HTML file; pictures are found relative to its folder.
        bundle: What was screened with.
        rule: The thresholds that were used.
        records: One per photograph, in the order of the results table. Their rows have a `key`, and may hold `patient`
            and `eye`.
        notes: Sentences to be read first: warnings, and what was left out; without a name unless `identifiers` is
            given.
        identifiers: Show names of files and patients next to their keys; else no name is in the file.

    Raises:
        UserError: If the file cannot be written.
    """
    entries = list(entries_of(records, rule))
    units = units_of(entries)
    counts = Counter(entry.status for entry in entries)
    of_patients = Counter(unit.result for unit in units if unit.result)
    here = Path(__file__).parent
    script = (here / "report.js").read_text(encoding="utf-8")
    content = open_template("eyeground.screening", "report.html.jinja", folder="").generate(
        actions=ACTIONS,
        counts={status: counts[status] for status in STATUSES},
        results={result: of_patients[result] for result in RESULTS if of_patients[result]},
        result_texts=RESULT_TEXTS,
        total=len(entries),
        patients=of_patients.total(),
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


def _findings(rule: Rule) -> list[ThresholdRow]:
    return [
        ThresholdRow(
            describe_disease(rule.targets, output), rule.thresholds.get(output), rule.without_threshold.get(output, "")
        )
        for output in outputs_of(rule)
    ]
