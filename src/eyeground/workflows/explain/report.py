"""The report of measured maps: what was measured, means and paired differences, costs, and limits."""

import sys
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.evaluation.estimates import Estimate, as_text, signed
from eyeground.evaluation.reporting.report import KeyEstimate, Provenance, Report, shown_command, write_report
from eyeground.evaluation.reporting.section import Picture, Section, TableBlock
from eyeground.explanation.maps import EVIDENCE, TRACED
from eyeground.workflows.explain.explain import CHANCE, TOLERANCE, ExplainedPhotos
from eyeground.workflows.explain.measures import COSTS, MEASURES

WORDS = {
    "pointing": "pointing game",
    "pointing_with_tolerance": f"pointing game, within {TOLERANCE:.0%} of the side",
    "evidence_in_lesions": "positive evidence in lesions",
    "lesion_average_precision": "average precision for lesion pixels",
    "evidence_at_border": "positive evidence at the border",
    "evidence_in_disc": "positive evidence in the optic disc",
    "deletion_area": "area under deletion",
    "insertion_area": "area under insertion",
    "milliseconds": "milliseconds per photo",
    "forward_passes": "forward passes",
    "backward_passes": "backward passes",
}


def write_explanation_report(
    found: ExplainedPhotos, measures: pd.DataFrame, output: str, folder: Path, resamples: int, seed: int
) -> Path:
    """Write `report.html` and its tables.

    Args:
        measures: As from `measures.measure_table`.
        output: The explained output.
        resamples, seed: Of the intervals.
    """
    models = list(measures["model"].unique())
    photos, patients = int(measures["n_photos"].max()), int(measures["n_patients"].max())
    sections = tuple(
        Section(
            f"maps-{number}",
            f"Maps of {model}",
            _paragraphs(photos, patients, resamples),
            _tables(measures, model, number),
        )
        for number, model in enumerate(models, start=1)
    )
    gallery = Section("sheet", "The first contact sheet", gallery=(_picture(found.sheets[0], output),))
    report = Report(
        title=f"Where the evidence for {describe_output(output)} lies",
        subtitle=f"{', '.join(models)}; {photos:,} photos of {patients:,} patients with outlined lesions",
        date=datetime.now(UTC).date().isoformat(),
        summary=_summary(measures, models[0]),
        remarks=("Agreement with outlined lesions does not prove that a network decides for the right reason.",),
        sections=(*sections, gallery),
        provenance=Provenance(shown_command(sys.argv), seed, resamples),
    )
    return write_report(report, folder)


def _paragraphs(photos: int, patients: int, resamples: int) -> tuple[str, ...]:
    return (
        f"{photos:,} photos of {patients:,} patients. Lesions are microaneurysms, haemorrhages, hard and soft exudates, taken "
        "together; everything is measured within the field of view. Chance is the score of an even map: shares of area.",
        f"Intervals are 95 %, percentiles of {resamples:,} resamples of patients, the same for all methods; differences are "
        "taken photo by photo. They are not adjusted for the number of comparisons. Times are of this run, one photo at a "
        "time, on this machine under its load.",
    )


def _tables(measures: pd.DataFrame, model: str, number: int) -> tuple[TableBlock, ...]:
    own = measures[measures["model"] == model]
    captions = {
        "": "Means over photos.",
        EVIDENCE: "Paired difference from the evidence map.",
        TRACED: "Paired difference from the traced map.",
        CHANCE: "Paired difference from chance.",
    }
    return tuple(
        TableBlock(f"maps-{number}-{minus or 'means'}", _table(own[own["minus"] == minus], minus), caption)
        for minus, caption in captions.items()
        if (own["minus"] == minus).any()
    )


def _table(measures: pd.DataFrame, minus: str) -> pd.DataFrame:
    """Measures as rows, methods as columns."""
    cells = {
        (row["measure"], row["method"]): (signed if minus else as_text)(estimate_of(row))
        for row in measures.to_dict("records")
    }
    methods = list(dict.fromkeys(measures["method"]))
    rows = [
        [WORDS[measure], *(cells.get((measure, method), "–") for method in methods)]
        for measure in (*MEASURES, *COSTS)
        if any((measure, method) in cells for method in methods)
    ]
    return pd.DataFrame(rows, columns=["measure", *methods])


def estimate_of(row: Mapping[Hashable, Any]) -> Estimate:
    """A row of the measures table as an estimate."""
    value, low, high = (None if pd.isna(row[key]) else float(row[key]) for key in ("value", "low", "high"))
    return Estimate(str(row["measure"]), value, low, high)


def _summary(measures: pd.DataFrame, model: str) -> tuple[KeyEstimate, ...]:
    """The pointing game of every method, its difference from the evidence map below."""
    own = measures[(measures["model"] == model) & (measures["measure"] == "pointing")]
    shown = []
    for row in own[own["minus"] == ""].to_dict("records"):
        apart = own[(own["minus"] == EVIDENCE) & (own["method"] == row["method"])].to_dict("records")
        note = f"{signed(estimate_of(apart[0]))} against evidence" if apart else ""
        shown.append(KeyEstimate(f"pointing game, {row['method']}", as_text(estimate_of(row)), note))
    return tuple(shown)


def _picture(sheet: Path, output: str) -> Picture:
    pixels = cv2.imread(str(sheet))
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    alt = f"Photos in rows, each beside its maps for {describe_output(output)}, by the methods and models in the captions."
    return Picture(
        jpeg, alt, "Warm colours are evidence for the output, blue ones against it; the scale is above each map."
    )
