"""An evaluation as Markdown for people, to paste into an issue or a manuscript."""

from collections.abc import Sequence

import pandas as pd

from eyeground.core.markdown import markdown_cell, markdown_table
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.metrics import Confusion, title_of
from eyeground.evaluation.results import (
    AtOperatingPoint,
    Evaluation,
    MultiOutputEvaluation,
    OutputEvaluation,
)


def markdown(evaluation: Evaluation, flow: pd.DataFrame) -> str:
    """All estimates, with the counts of photos from `flow.flow_table`."""
    within = ["folds"] if any(output.folds for output in evaluation.outputs) else []
    within += ["strata of their rarest truth"] if evaluation.stratified else []
    kind = f"drawn within {' and '.join(within)}" if within else "drawn from all patients"
    lines = [
        "# Evaluation",
        "",
        f"Evaluated: {evaluation.scope}, {evaluation.photos_of_patients(evaluation.photos, evaluation.patients)}. "
        f"Intervals: {CONFIDENCE:.0%}, by formula (AUROC, shares, what is made of them, ECE), else BCa from {evaluation.resamples:,} resamples of patients ({kind}, "
        f"seed {evaluation.seed}).",
        "",
    ]
    for remark in evaluation.remarks:
        lines += [f"**{remark}**", ""]
    lines += ["## Photos", "", *markdown_table(list(flow.columns), flow.astype(str).to_numpy().tolist()), ""]
    for output in evaluation.outputs:
        lines += _output_section(output, evaluation)
    for family in evaluation.families:
        lines += _multi_output_section(family, evaluation)
    if evaluation.macro:
        lines += ["## Mean over outputs", "", *_estimates_table(evaluation.macro), ""]
    if evaluation.micro:
        lines += ["## All pairs of photo and output", "", *_estimates_table(evaluation.micro), ""]
    return "\n".join(lines)


def _output_section(output: OutputEvaluation, evaluation: Evaluation) -> list[str]:
    lines = [
        f"## {markdown_cell(output.output)}",
        "",
        f"{evaluation.photos_of_patients(output.photos, output.patients)} with a known truth: {output.positives:,} positive, "
        f"{output.negatives:,} negative. Unknown and left out: {output.unknown:,}.",
        "",
        *_estimates_table(output.estimates),
        "",
    ]
    if output.folds:
        lines += _folds_section(output)
    if output.no_operating_point:
        nothing = "Missing at a threshold" if output.at else "Nothing at a threshold"
        lines += [f"{nothing}: {markdown_cell(output.no_operating_point)}.", ""]
    for at in output.at:
        lines += [_threshold_heading(at), "", *_estimates_table(at.estimates), "", *_confusion_table(at.confusion), ""]
    return lines


def _threshold_heading(at: AtOperatingPoint) -> str:
    point = at.point
    if point.chosen_on == "given":
        return f"At {point.threshold:.4g} ({point.rule}, given beforehand):"
    photos = f"{point.positives:,} positive, {point.negatives:,} negative photos"
    if at.is_optimistic:
        return f"**Optimistic**, at {point.threshold:.4g} ({point.rule}, chosen on the photos it is measured on: {photos}):"
    return f"At {point.threshold:.4g} ({point.rule}, chosen on {point.chosen_on}: {photos}):"


def _folds_section(output: OutputEvaluation) -> list[str]:
    rows = [
        [str(fold.fold), f"{fold.photos:,}", f"{fold.patients:,}", f"{fold.positives:,}", *_value_cells(fold.auroc)]
        for fold in output.folds
    ]
    header = ["fold", "photos", "patients", "positives", "AUROC", "95 % interval", "note"]
    return [*markdown_table(header, rows), "", *_estimates_table(output.between_folds), ""]


def _multi_output_section(found: MultiOutputEvaluation, evaluation: Evaluation) -> list[str]:
    family = found.family
    counts = zip(family.classes, found.photos_of_class, strict=True)
    lines = [
        f"## {markdown_cell(family.target)}: {len(family.classes)} {'grades' if family.kind == 'ordinal' else 'classes'}",
        "",
        f"{evaluation.photos_of_patients(found.photos, found.patients)} with a known class: "
        + ", ".join(f"{photos:,} of {markdown_cell(name)}" for name, photos in counts)
        + f". Unknown and left out: {found.unknown:,}.",
        "",
        *_estimates_table(found.estimates),
        "",
    ]
    for decision in found.decisions:
        rows = [
            [name, *(f"{photos:,}" for photos in row)]
            for name, row in zip(family.classes, decision.confusion, strict=True)
        ]
        called = ["", *(f"called {name}" for name in family.classes)]
        lines += [
            f"Decided by: {decision.rule}.",
            "",
            *_estimates_table(decision.estimates),
            "",
            *markdown_table(called, rows),
            "",
        ]
    return lines


def _confusion_table(found: Confusion) -> list[str]:
    return markdown_table(
        ["", "called positive", "called negative"],
        [
            ["positive", f"{found.true_positives:,}", f"{found.false_negatives:,}"],
            ["negative", f"{found.false_positives:,}", f"{found.true_negatives:,}"],
        ],
    )


def _estimates_table(estimates: Sequence[Estimate]) -> list[str]:
    rows = [[title_of(estimate.metric), *_value_cells(estimate)] for estimate in estimates]
    return markdown_table(["metric", "value", "95 % interval", "note"], rows)


def _value_cells(estimate: Estimate) -> list[str]:
    value = "–" if estimate.value is None else f"{estimate.value:.3f}"
    missing = estimate.low is None or estimate.high is None
    return [value, "–" if missing else f"{estimate.low:.3f} to {estimate.high:.3f}", estimate.note]
