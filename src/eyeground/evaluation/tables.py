"""What an evaluation leaves on disk: tables for machines and readers, and the figures.

`metrics.json` holds everything; `metrics.csv` is tidy, one row per output, operating point and metric;
`metrics.md` is for people and can be pasted into an issue or a manuscript; `flow.csv` counts where the photos
went. An empty cell is never the whole story: the column `note` says why it is empty.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from eyeground.errors import UserError
from eyeground.evaluation.bootstrap import CONFIDENCE
from eyeground.evaluation.curves import roc_with_band
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.evaluate import Evaluation, OutputEvaluation, resampling_of
from eyeground.evaluation.figures import write_confusion, write_roc
from eyeground.evaluation.flow import evaluated_scope, flow_table
from eyeground.evaluation.metrics import TITLES
from eyeground.evaluation.samples import samples_of
from eyeground.files import write_text
from eyeground.predictions import Predictions
from eyeground.tables import write_table

RESAMPLES_OF_BAND = 500
MACRO = "macro average"


def write_evaluation(evaluation: Evaluation, predictions: Predictions, folder: Path) -> None:
    """Write tables and figures of an evaluation into a folder, replacing those of an earlier one.

    Files are `metrics.json`, `metrics.csv`, `metrics.md`, `flow.csv`, and `roc` and `confusion` as `.svg` and
    `.png`; a figure for which there is nothing to draw (no output with both classes, no operating point) is not
    written, and removed if an earlier evaluation left one.

    Parameters
    ----------
    evaluation : Evaluation
    predictions : Predictions
        The table that was evaluated.
    folder : pathlib.Path
        Made if missing.

    Raises
    ------
    UserError
        If `predictions` is not the table that was evaluated, or the folder cannot be written.
    """
    folder = Path(folder)
    scope = evaluated_scope(predictions)
    samples = samples_of(scope.predictions)
    evaluated = [(output.output, output.photos, output.positives) for output in evaluation.outputs]
    if evaluated != [(output, len(sample.truth), int(sample.truth.sum())) for output, sample in samples.items()]:
        raise UserError("these predictions are not the ones that were evaluated; evaluate them first")
    flow = flow_table(predictions)
    write_text(folder / "metrics.json", json.dumps(_as_json(evaluation, flow), indent=2, allow_nan=False) + "\n")
    write_table(metrics_table(evaluation), folder / "metrics.csv")
    write_table(flow, folder / "flow.csv")
    write_text(folder / "metrics.md", markdown(evaluation, flow))
    resampling = resampling_of(
        scope.predictions, min(evaluation.resamples, RESAMPLES_OF_BAND), evaluation.seed, evaluation.stratified
    )
    curves = {
        output: roc_with_band(sample, resampling) for output, sample in samples.items() if not sample.missing_class()
    }
    for name, something in (("roc", bool(curves)), ("confusion", any(output.at for output in evaluation.outputs))):
        if not something:
            for kind in ("svg", "png"):
                (folder / f"{name}.{kind}").unlink(missing_ok=True)
    if curves:
        write_roc(evaluation, curves, folder)
    if any(output.at for output in evaluation.outputs):
        write_confusion(evaluation, folder)


def metrics_table(evaluation: Evaluation) -> pd.DataFrame:
    """All estimates, tidy.

    Returns
    -------
    pandas.DataFrame
        Columns `output`, `metric`, `value`, `low`, `high` (95 % interval), `n_photos`, `n_patients`, `positives`,
        `operating_point` (its rule), `threshold`, `note`; missing where there is none.
    """
    rows: list[dict[str, Any]] = []
    for output in evaluation.outputs:
        shared = {"n_photos": output.photos, "n_patients": output.patients, "positives": output.positives}
        without = output.estimates if output.at else output.all_estimates()
        rows += [_row(output.output, estimate) | shared for estimate in without]
        for at in output.at:
            chosen = {"operating_point": at.point.rule, "threshold": at.point.threshold}
            rows += [_row(output.output, estimate) | shared | chosen for estimate in at.estimates]
    everything = {"n_photos": evaluation.photos, "n_patients": evaluation.patients}
    rows += [_row(MACRO, estimate) | everything for estimate in evaluation.macro]
    columns = ["output", "metric", "value", "low", "high", "n_photos", "n_patients", "positives"]
    table = pd.DataFrame(rows, columns=[*columns, "operating_point", "threshold", "note"])
    return table.astype({"value": float, "low": float, "high": float, "threshold": float, "positives": "Int64"})


def markdown(evaluation: Evaluation, flow: pd.DataFrame) -> str:
    """The evaluation as Markdown for people."""
    lines = ["# Evaluation", ""]
    kind = "drawn within strata of their rarest truth" if evaluation.stratified else "drawn from all patients"
    lines += [
        f"Evaluated: {evaluation.scope}, {evaluation.photos:,} photos of {evaluation.patients:,} patients. "
        f"Intervals: {CONFIDENCE:.0%}, percentiles of {evaluation.resamples:,} resamples of patients ({kind}, "
        f"seed {evaluation.seed}).",
        "",
    ]
    for remark in evaluation.remarks:
        lines += [f"**{remark}**", ""]
    lines += ["## Photos", "", *_markdown_table(list(flow.columns), flow.astype(str).to_numpy().tolist()), ""]
    for output in evaluation.outputs:
        lines += _output_section(output)
    if evaluation.macro:
        lines += ["## Mean over outputs", "", *_estimates_table(evaluation.macro), ""]
    return "\n".join(lines)


def _output_section(output: OutputEvaluation) -> list[str]:
    lines = [
        f"## {_cell(output.output)}",
        "",
        f"{output.photos:,} photos of {output.patients:,} patients with a known truth: {output.positives:,} positive, "
        f"{output.negatives:,} negative. Unknown and left out: {output.unknown:,}.",
        "",
        *_estimates_table(output.estimates),
        "",
    ]
    if not output.at:
        lines += [f"Nothing at a threshold: {_cell(output.no_operating_point)}.", ""]
    for at in output.at:
        point, found = at.point, at.confusion
        lines += [
            f"At {point.threshold:.4g} ({point.rule}, chosen on {point.chosen_on}: {point.positives:,} positive, "
            f"{point.negatives:,} negative photos):",
            "",
            *_estimates_table(at.estimates),
            "",
            *_markdown_table(
                ["", "called positive", "called negative"],
                [
                    ["positive", f"{found.true_positives:,}", f"{found.false_negatives:,}"],
                    ["negative", f"{found.false_positives:,}", f"{found.true_negatives:,}"],
                ],
            ),
            "",
        ]
    return lines


def _estimates_table(estimates: tuple[Estimate, ...]) -> list[str]:
    rows = []
    for estimate in estimates:
        value = "–" if estimate.value is None else f"{estimate.value:.3f}"
        missing = estimate.low is None or estimate.high is None
        interval = "–" if missing else f"{estimate.low:.3f} to {estimate.high:.3f}"
        rows.append([TITLES[estimate.metric], value, interval, estimate.note])
    return _markdown_table(["metric", "value", "95 % interval", "note"], rows)


def _markdown_table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _row(output: str, estimate: Estimate) -> dict[str, Any]:
    return {"output": output} | asdict(estimate)


def _as_json(evaluation: Evaluation, flow: pd.DataFrame) -> dict[str, Any]:
    content = asdict(evaluation)
    for output, source in zip(content["outputs"], evaluation.outputs, strict=True):
        for at, source_at in zip(output["at"], source.at, strict=True):
            at["point"] = source_at.point.model_dump(mode="json")
    return {"format": 1, "confidence": CONFIDENCE} | content | {"flow": flow.to_dict(orient="records")}
