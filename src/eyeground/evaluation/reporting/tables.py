"""The tables of an evaluation on disk: `metrics.json`, tidy `metrics.csv`, `metrics.md` for people, and `flow.csv`.

Where a cell of `metrics.csv` is empty, its column `note` says why. See docs/predictions.md.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from eyeground.core.files import write_text
from eyeground.core.proportions import CONFIDENCE
from eyeground.core.tables import write_table
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.flow import evaluated_scope, flow_table
from eyeground.evaluation.reporting.markdown import markdown
from eyeground.evaluation.results import Evaluation, MultiOutputEvaluation, OutputEvaluation
from eyeground.evaluation.samples import samples_of
from eyeground.evaluation.subgroups.external import INTERNAL
from eyeground.evaluation.subgroups.external_section import KEY as EXTERNAL
from eyeground.evaluation.subgroups.gaps import GAP

MACRO, MICRO = "macro average", "micro average"


def write_evaluation(
    evaluation: Evaluation,
    predictions: Predictions,
    folder: Path,
    name: str = INTERNAL,
    sections: pd.DataFrame | None = None,
) -> None:
    """Write `metrics.json`, `metrics.csv`, `metrics.md` and `flow.csv` into a folder, replacing those of an earlier one.

    Args:
        predictions: The table that was evaluated.
        folder: Made if missing.
        name: Of the dataset.
        sections: Tidy rows of all sections; those of external datasets go to `metrics.csv` too.

    Raises:
        UserError: If `predictions` is not the table that was evaluated, or the folder cannot be written.
    """
    folder = Path(folder)
    scope = evaluated_scope(predictions)
    samples = samples_of(scope.predictions)
    evaluated = [(output.output, output.photos, output.positives) for output in evaluation.outputs]
    if evaluated != [(output, len(sample.truth), int(sample.truth.sum())) for output, sample in samples.items()]:
        raise UserError("these predictions are not the ones that were evaluated; evaluate them first")
    flow = flow_table(predictions)
    write_text(folder / "metrics.json", json.dumps(_as_json(evaluation, flow), indent=2, allow_nan=False) + "\n")
    metrics = metrics_table(evaluation, name)
    if sections is not None and (sections["section"] == EXTERNAL).any():
        metrics = pd.concat([metrics, _external_rows(sections, metrics, name)], ignore_index=True)
    write_table(metrics, folder / "metrics.csv")
    write_table(flow, folder / "flow.csv")
    write_text(folder / "metrics.md", markdown(evaluation, flow))


def metrics_table(evaluation: Evaluation, name: str = INTERNAL) -> pd.DataFrame:
    """All estimates, tidy.

    Returns:
        Columns `output` (or the target of several classes, or `macro average`, `micro average`), `metric`, `value`,
        `low`, `high` (95 % interval), `n_photos`, `n_patients`, `positives`, `operating_point` (its rule, or how a
        class was decided), `threshold`, `note`, `chosen_on` (the split whose truths the threshold was chosen on,
        `given` where none were), `fold` (for results of one fold) and `dataset`; missing where there is none.
    """
    rows: list[dict[str, Any]] = []
    for output in evaluation.outputs:
        rows += _output_rows(output)
    for family in evaluation.families:
        rows += _multi_output_rows(family)
    everything = {"n_photos": evaluation.photos, "n_patients": evaluation.patients}
    rows += [_row(MACRO, estimate) | everything for estimate in evaluation.macro]
    rows += [_row(MICRO, estimate) | everything for estimate in evaluation.micro]
    columns = ["output", "metric", "value", "low", "high", "n_photos", "n_patients", "positives"]
    columns += ["operating_point", "threshold", "note", "chosen_on", "fold"]
    numbers = dict.fromkeys(("value", "low", "high", "threshold"), "float") | {"positives": "Int64", "fold": "Int64"}
    return pd.DataFrame(rows, columns=columns).astype(numbers).assign(dataset=name)


def _external_rows(sections: pd.DataFrame, metrics: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of external datasets, without gaps, in the columns of `metrics`."""
    is_gap = sections["metric"].str.endswith(GAP).fillna(False).astype(bool)
    rows = sections[(sections["section"] == EXTERNAL) & (sections["subset"] != name) & ~is_gap]
    rows = rows.rename(columns={"subset": "dataset"})
    chosen = metrics[["output", "operating_point", "chosen_on"]].dropna().drop_duplicates(["output", "operating_point"])
    return rows.merge(chosen, on=["output", "operating_point"], how="left").reindex(columns=metrics.columns)


def _output_rows(output: OutputEvaluation) -> list[dict[str, Any]]:
    shared = {"n_photos": output.photos, "n_patients": output.patients, "positives": output.positives}
    without = output.estimates if output.at else output.all_estimates()
    rows = [_row(output.output, estimate) | shared for estimate in (*without, *output.between_folds)]
    for at in output.at:
        point = at.point
        chosen = {"operating_point": point.rule, "threshold": point.threshold, "chosen_on": point.chosen_on}
        rows += [_row(output.output, estimate) | shared | chosen for estimate in at.estimates]
    for fold in output.folds:
        within = {"n_photos": fold.photos, "n_patients": fold.patients, "positives": fold.positives, "fold": fold.fold}
        rows.append(_row(output.output, fold.auroc) | within)
    return rows


def _multi_output_rows(evaluation: MultiOutputEvaluation) -> list[dict[str, Any]]:
    shared = {"n_photos": evaluation.photos, "n_patients": evaluation.patients}
    target = evaluation.family.target
    rows = [_row(target, estimate) | shared for estimate in evaluation.estimates]
    for decision in evaluation.decisions:
        rows += [
            _row(target, estimate) | shared | {"operating_point": decision.rule} for estimate in decision.estimates
        ]
    return rows


def _row(output: str, estimate: Estimate) -> dict[str, Any]:
    return {"output": output} | asdict(estimate)


def _as_json(evaluation: Evaluation, flow: pd.DataFrame) -> dict[str, Any]:
    content = asdict(evaluation)
    for output, source in zip(content["outputs"], evaluation.outputs, strict=True):
        for at, source_at in zip(output["at"], source.at, strict=True):
            at["point"] = source_at.point.model_dump(mode="json")
    return {"format": 1, "confidence": CONFIDENCE} | content | {"flow": flow.to_dict(orient="records")}
