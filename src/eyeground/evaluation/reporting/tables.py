"""The tables of an evaluation on disk: `metrics.json`, `metrics.csv`, `results.csv`, `metrics.md` for people, `flow.csv`.

Where a cell of `metrics.csv` or `results.csv` is empty, its column `note` says why. See docs/predictions.md.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from eyeground.core.files import write_text
from eyeground.core.proportions import CONFIDENCE
from eyeground.core.tables import write_table
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.calibrating.reliability_section import KEY as CALIBRATION
from eyeground.evaluation.flow import evaluated_scope, flow_table
from eyeground.evaluation.metrics import BRIER, CALIBRATION_ERROR, INTERCEPT, SLOPE
from eyeground.evaluation.reporting.discrimination import KEY as DISCRIMINATION
from eyeground.evaluation.reporting.markdown import markdown
from eyeground.evaluation.reporting.operating_points_section import KEY as OPERATING_POINTS
from eyeground.evaluation.reporting.result_rows import RESULTS, ResultRow, results_table
from eyeground.evaluation.results import Evaluation, MultiOutputEvaluation, OutputEvaluation
from eyeground.evaluation.samples import samples_of
from eyeground.evaluation.subgroups.external import INTERNAL
from eyeground.evaluation.subgroups.external_section import KEY as EXTERNAL
from eyeground.evaluation.subgroups.gaps import GAP

MACRO, MICRO = "macro average", "micro average"
OF_CALIBRATION = (BRIER, CALIBRATION_ERROR, SLOPE, INTERCEPT)


def write_evaluation(
    evaluation: Evaluation,
    predictions: Predictions,
    folder: Path,
    name: str = INTERNAL,
    further: Sequence[ResultRow] = (),
    for_spreadsheets: bool = False,
) -> None:
    """Write `metrics.json`, `metrics.csv`, `results.csv`, `metrics.md` and `flow.csv` into a folder.

    Files of these names are replaced.

    Args:
        predictions: The table that was evaluated.
        folder: Made if missing.
        name: Of the dataset.
        further: What the sections of a report hold beside the evaluation: goes to `results.csv`, and that of external
            datasets to `metrics.csv` too.
        for_spreadsheets: As in `write_table`, for `results.csv`.

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
    rows = evaluation_rows(evaluation, name)
    external = [row for row in further if row.section == EXTERNAL and row.subset != name]
    elsewhere = [row for row in external if not row.estimate.metric.endswith(GAP)]
    write_text(folder / "metrics.json", json.dumps(_as_json(evaluation, flow), indent=2, allow_nan=False) + "\n")
    write_table(_metrics([*rows, *elsewhere], name), folder / "metrics.csv")
    write_table(results_table([*rows, *further]), folder / RESULTS, for_spreadsheets)
    write_table(flow, folder / "flow.csv")
    write_text(folder / "metrics.md", markdown(evaluation, flow))


def metrics_table(evaluation: Evaluation, name: str = INTERNAL) -> pd.DataFrame:
    """All estimates of an evaluation, tidy.

    Returns:
        Columns `output` (or the target of several classes, or `macro average`, `micro average`), `metric`, `value`,
        `low`, `high` (95 % interval), `n_photos`, `n_patients`, `positives`, `operating_point` (its rule, or how a
        class was decided), `threshold`, `note`, `chosen_on` (the split whose truths the threshold was chosen on,
        `given` where none were), `fold` (for results of one fold) and `dataset`; missing where there is none.
    """
    return _metrics(evaluation_rows(evaluation, name), name)


def evaluation_rows(evaluation: Evaluation, name: str = INTERNAL) -> tuple[ResultRow, ...]:
    """All estimates of an evaluation as rows of results; their subset is the dataset, or the fold."""
    everyone = evaluation.photos, evaluation.patients
    return (
        *(row for output in evaluation.outputs for row in _rows_of_output(output, name)),
        *(row for family in evaluation.families for row in _rows_of_target(family, name)),
        *(ResultRow(DISCRIMINATION, MACRO, name, estimate, *everyone) for estimate in evaluation.macro),
        *(ResultRow(DISCRIMINATION, MICRO, name, estimate, *everyone) for estimate in evaluation.micro),
    )


def _rows_of_output(output: OutputEvaluation, name: str) -> list[ResultRow]:
    counts = output.photos, output.patients, output.positives
    rows = [
        ResultRow(
            CALIBRATION if estimate.metric in OF_CALIBRATION else DISCRIMINATION, output.output, name, estimate, *counts
        )
        for estimate in (*output.estimates, *output.between_folds)
    ]
    if not output.at:
        missing = output.all_estimates()[len(output.estimates) :]
        rows += [ResultRow(OPERATING_POINTS, output.output, name, estimate, *counts) for estimate in missing]
    rows += [
        ResultRow(OPERATING_POINTS, output.output, name, estimate, *counts, point=at.point)
        for at in output.at
        for estimate in at.estimates
    ]
    for fold in output.folds:
        within = fold.photos, fold.patients, fold.positives
        rows.append(ResultRow(DISCRIMINATION, output.output, f"fold {fold.fold}", fold.auroc, *within, fold=fold.fold))
    return rows


def _rows_of_target(evaluation: MultiOutputEvaluation, name: str) -> list[ResultRow]:
    target, counts = evaluation.family.target, (evaluation.photos, evaluation.patients)
    rows = [ResultRow(DISCRIMINATION, target, name, estimate, *counts) for estimate in evaluation.estimates]
    return rows + [
        ResultRow(OPERATING_POINTS, target, name, estimate, *counts, decision=decision.rule)
        for decision in evaluation.decisions
        for estimate in decision.estimates
    ]


def _metrics(rows: Iterable[ResultRow], name: str) -> pd.DataFrame:
    """Rows of results in the columns of `metrics.csv`; a fold is of the dataset `name`."""
    cells: list[dict[str, Any]] = [
        {
            "output": row.output,
            **asdict(row.estimate),
            "n_photos": row.photos,
            "n_patients": row.patients,
            "positives": row.positives,
            "operating_point": row.operating_point,
            "threshold": row.point.threshold if row.point else None,
            "chosen_on": row.point.chosen_on if row.point else None,
            "fold": row.fold,
            "dataset": name if row.fold is not None else row.subset,
        }
        for row in rows
    ]
    columns = ["output", "metric", "value", "low", "high", "n_photos", "n_patients", "positives"]
    columns += ["operating_point", "threshold", "note", "chosen_on", "fold", "dataset"]
    numbers = dict.fromkeys(("value", "low", "high", "threshold"), "float") | {"positives": "Int64", "fold": "Int64"}
    return pd.DataFrame(cells, columns=columns).astype(numbers)


def _as_json(evaluation: Evaluation, flow: pd.DataFrame) -> dict[str, Any]:
    content = asdict(evaluation)
    for output, source in zip(content["outputs"], evaluation.outputs, strict=True):
        for at, source_at in zip(output["at"], source.at, strict=True):
            at["point"] = source_at.point.model_dump(mode="json")
    return {"format": 1, "confidence": CONFIDENCE} | content | {"flow": flow.to_dict(orient="records")}
