"""A study as a report: curves, tables and paired differences, from the predictions of its cells alone.

What is not computed yet is named, so that a half-finished study never looks complete.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
from rich.console import Console

from eyeground.config.targets import describe_output
from eyeground.core.tables import write_table
from eyeground.evaluation.estimates import as_text, signed
from eyeground.evaluation.reporting.report import KeyEstimate, Provenance, Report, shown_command, write_report
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import joined
from eyeground.workflows.study.curves import curves
from eyeground.workflows.study.interaction import Interaction, interactions
from eyeground.workflows.study.interaction import as_table as interactions_table
from eyeground.workflows.study.interaction_table import describe_interactions, interactions_block
from eyeground.workflows.study.opened import Study
from eyeground.workflows.study.results import (
    MACRO,
    StartComparison,
    StudyResult,
    as_table,
    main_results,
    study_results,
)
from eyeground.workflows.study.settings import StudyTask

RESULTS, INTERACTIONS = "figures.csv", "interactions.csv"
METHODS = {"as released": "as released, adapted to nothing", "probe": "probe", "finetune": "fine-tuning"}


def write_study(study: Study, console: Console) -> None:
    """Write `figures.csv` and `report.html` with its curves and tables into the study's folder."""
    results, lacking = study_results(study)
    for comparison in lacking:
        console.print(f"[yellow]not all cells are done:[/] {_title(comparison)}, {comparison.task}", highlight=False)
    if not results:
        console.print("no comparison has all its cells yet; repeat the command to continue")
        return
    write_table(as_table(results), study.place.folder / RESULTS)
    between = interactions(study)
    if between:
        write_table(interactions_table(between), study.place.folder / INTERACTIONS)
    starts = [start.name for start in study.recipe.initialisations]
    sections = tuple(
        _section(task, results, [one for one in between if one.task == task.name], starts)
        for task in study.recipe.tasks
        if _of_task(results, task)
    )
    report = Report(
        title=f"Study {study.recipe.name}",
        subtitle=joined(starts),
        date=datetime.now(UTC).date().isoformat(),
        summary=_summary(results, study),
        remarks=(f"{len(lacking)} comparisons still lack cells and are left out.",) if lacking else (),
        sections=sections,
        provenance=Provenance(
            command=shown_command(sys.argv),
            seed=study.recipe.seed,
            resamples=study.recipe.resamples,
            fingerprints=tuple((start.name, start.weights) for start in study.starts.values()),
        ),
    )
    console.print(f"written: {write_report(report, study.place.folder / 'report')}, {study.place.folder / RESULTS}")


def _of_task(results: Sequence[StudyResult], task: StudyTask) -> list[StudyResult]:
    return [one for one in results if one.comparison.task == task.name]


def _summary(results: Sequence[StudyResult], study: Study) -> tuple[KeyEstimate, ...]:
    """The last initialisation's result of every task with all labels, and its difference from the reference."""
    last = study.recipe.initialisations[-1].name
    shown = []
    for one in main_results(results):
        if one.initialisation == last and one.comparison.fraction == 1 and not one.comparison.data:
            note = "" if one.difference is None else f"{signed(one.difference)} against {one.reference}"
            label = f"AUROC of {last}, {one.comparison.task}, {METHODS[one.comparison.method]} with all labels"
            shown.append(KeyEstimate(label, as_text(one.auroc), note))
    return tuple(shown)


def _section(
    task: StudyTask, results: Sequence[StudyResult], between: Sequence[Interaction], starts: Sequence[str]
) -> Section:
    own = _of_task(results, task)
    kinds = dict.fromkeys((one.comparison.data, one.comparison.method) for one in own)
    tables, blocks = [], []
    for data, method in kinds:
        all_of_kind = [one for one in own if (one.comparison.data, one.comparison.method) == (data, method)]
        of_kind = main_results(all_of_kind)
        name = "-".join(filter(None, [task.name, data, method.replace(" ", "-")]))
        where = _where(task, data)
        caption = (
            f"{METHODS[method].capitalize()}, AUROC {where}: {of_kind[0].photos:,} photos of "
            f"{of_kind[0].patients:,} patients{_draws(of_kind)}."
        )
        below = " Below a start, its difference from its reference, paired."
        explained = caption + (below if any(map(_has_difference, of_kind)) else "")
        tables.append(TableBlock(name, _fractions_table(of_kind, starts), explained))
        if len({one.comparison.fraction for one in of_kind}) > 1:
            blocks.append(
                FigureBlock(f"curve-{name}", curves(of_kind, _present(of_kind, starts)), _alt(of_kind), caption)
            )
        detailed = [one for one in all_of_kind if one.output != MACRO]
        if len({one.output for one in detailed}) > 1:
            largest = max(one.comparison.fraction for one in detailed)
            at_largest = [one for one in detailed if one.comparison.fraction == largest]
            words = "" if method == "as released" else f", {largest:.0%} of labels"
            tables.append(
                TableBlock(f"{name}-outputs", _outputs_table(at_largest, starts), f"The same by output{words}.")
            )
    paragraphs = list(_paragraphs(task, own))
    if between:
        paragraphs.append(describe_interactions(between))
        tables.append(interactions_block(task.name, between))
    return Section(task.name, f"Task: {describe_output(task.name)}", tuple(paragraphs), tuple(tables), tuple(blocks))


def _where(task: StudyTask, data: str) -> str:
    if data in task.datasets:
        return f"on {data}, held out"
    if data:
        return f"on {data}"
    return "within each dataset held out, pooled by pairs" if task.datasets else "in folds held out"


def _paragraphs(task: StudyTask, results: Sequence[StudyResult]) -> tuple[str, ...]:
    outputs = joined([describe_output(output) for target in task.targets for output in target.outputs])
    split = f" of the split '{task.split}'" if task.split else ""
    held_out = (
        f"Patients{split} of '{task.data}' are in {task.folds} folds; each fold is predicted by models of the others, and photos are "
        "ranked within their fold only."
    )
    if task.datasets:
        held_out = (
            f"Each of the datasets {joined(task.datasets)} is held out once and predicted by a model of the others, and photos are "
            f"ranked within their dataset only{f' (of {task.data}, patients{split})' if split else ''}. Nothing is chosen on the dataset "
            "that is held out. The intervals are over its patients: they say nothing of further datasets."
        )
    what = (
        f"Outputs: {outputs}. {held_out} External photos are predicted by the model of each "
        f"{'dataset held out' if task.datasets else 'fold'}, and the AUROC is pooled over these models. Intervals are over patients and, where labels were drawn several "
        "times, over the draws."
    )
    apart = [one for one in main_results(results) if one.difference is not None and one.difference.low is not None]
    higher = [one for one in apart if (one.difference.low if one.difference and one.difference.low else 0) > 0]
    lower = [one for one in apart if (one.difference.high if one.difference and one.difference.high else 0) < 0]
    found = f"Of {len(apart)} differences from references, {len(higher)} have an interval above 0 and {len(lower)} one below."
    worse = (
        " Below: " + "; ".join(f"{one.initialisation}, {_title(one.comparison)}" for one in lower) + "."
        if lower
        else ""
    )
    return what, found + worse


def _fractions_table(results: Sequence[StudyResult], starts: Sequence[str]) -> pd.DataFrame:
    """Starts as rows, label fractions as columns; under each start its difference from the reference."""
    fractions = sorted({one.comparison.fraction for one in results})
    by_place = {(one.initialisation, one.comparison.fraction): one for one in results}
    rows = []
    for start in _present(results, starts):
        of_start = [by_place[start, fraction] for fraction in fractions]
        rows.append([start, *(as_text(one.auroc) for one in of_start)])
        if any(map(_has_difference, of_start)):
            cells = ["–" if one.difference is None else signed(one.difference) for one in of_start]
            rows.append([f"   against {of_start[0].reference}", *cells])
            rows.append(["   p, Holm", *(_p(one.p_holm) for one in of_start)])
    return pd.DataFrame(rows, columns=["initialisation", *(_share(fraction) for fraction in fractions)])


def _outputs_table(results: Sequence[StudyResult], starts: Sequence[str]) -> pd.DataFrame:
    """Outputs as rows, starts as columns."""
    present = _present(results, starts)
    by_place = {(one.output, one.initialisation): one for one in results}
    rows = [
        [describe_output(output), f"{by_place[output, present[0]].positives:,}"]
        + [as_text(by_place[output, start].auroc) for start in present]
        for output in dict.fromkeys(one.output for one in results)
    ]
    return pd.DataFrame(rows, columns=["output", "positive photos", *present])


def _present(results: Sequence[StudyResult], starts: Sequence[str]) -> list[str]:
    return [start for start in starts if any(one.initialisation == start for one in results)]


def _alt(results: Sequence[StudyResult]) -> str:
    largest = max(one.comparison.fraction for one in results)
    shown = [f"{one.initialisation} {as_text(one.auroc)}" for one in results if one.comparison.fraction == largest]
    return f"AUROC against the share of labels. With {largest:.0%} of labels: {joined(shown)}."


def _title(comparison: StartComparison) -> str:
    share = "" if comparison.method == "as released" else f", {comparison.fraction:.0%} of labels"
    return f"{METHODS[comparison.method]}{share}" + (f", on {comparison.data}" if comparison.data else "")


def _has_difference(result: StudyResult) -> bool:
    return result.difference is not None


def _draws(results: Sequence[StudyResult]) -> str:
    """How many draws of labels the results are averaged over, if several."""
    most = max(one.draws for one in results)
    return f", mean over {most} draws of the labels where not all are used" if most > 1 else ""


def _share(fraction: float) -> str:
    return "as released" if fraction == 0 else f"{fraction:.0%} of labels"


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
