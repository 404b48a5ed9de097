"""From the predictions of a study's cells to AUROCs with intervals, and to paired differences from the reference.

How they are made, and what is in no interval, is in docs/study.md.
"""

import multiprocessing
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from eyeground.core.progress import track
from eyeground.data.predictions import TRUTH, Predictions
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.comparing.multiplicity import holm
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.measures import compute
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample, samples_of
from eyeground.evaluation.subgroups.stratified_auroc import stratified_auroc_measure
from eyeground.workflows.study.cells import Cell
from eyeground.workflows.study.ledger import predictions_of_cell
from eyeground.workflows.study.means_over_draws import difference, mean_over_draws
from eyeground.workflows.study.settings import OWN, StudyRecipe, StudyTask

if TYPE_CHECKING:  # the processes here need no torch, which takes seconds to import
    from eyeground.workflows.study.opened import Study

MACRO = "mean over outputs"
Addressed = tuple[Cell, str]
Start = TypeVar("Start", bound=Hashable)


@dataclass(frozen=True)
class StartComparison:
    """A comparison of starts: of a task, by a method at a label fraction.

    Attributes:
        data: Name of external data, or of a dataset held out; empty for all of the task's own photos.
    """

    task: str
    data: str
    method: str
    fraction: float


@dataclass(frozen=True)
class StudyResult:
    """The AUROC of one start in one comparison.

    Attributes:
        initialisation, reference: The start, and the one that it is compared with.
        output: One of the task's, or `mean over outputs`.
        difference: The start minus its reference; None for a reference.
        p, p_holm: Of the difference, by inversion of its interval; and adjusted, for the main result of a task.
        photos, patients, positives: Photos and patients with a known truth, and positive photos.
        draws: Of the label fraction, over which the AUROC is averaged.
    """

    comparison: StartComparison
    initialisation: str
    reference: str
    output: str
    auroc: Estimate
    difference: Estimate | None
    p: float | None
    photos: int
    patients: int
    positives: int
    draws: int
    p_holm: float | None = None


def study_results(study: "Study") -> tuple[list[StudyResult], list[StartComparison]]:
    """Results of every comparison whose cells are all done, and the comparisons that still lack some.

    Comparisons are computed in as many processes as the study has jobs.
    """
    comparisons: dict[StartComparison, list[Addressed]] = defaultdict(list)
    for one in study.planned():
        task = study.recipe.task(one.cell.task)
        for data in ("", *task.datasets, *task.external):
            if data in task.datasets and one.cell.fold not in (-1, task.datasets.index(data)):
                continue
            comparison = StartComparison(task.name, data, one.cell.method, one.cell.fraction)
            comparisons[comparison].append((one.cell, one.address))
    results: list[StudyResult] = []
    lacking = []
    found = track(_each(comparisons, study), "results", total=len(comparisons), unit="comparisons")
    for comparison, of_comparison in zip(comparisons, found, strict=True):
        if of_comparison is None:
            lacking.append(comparison)
        else:
            results += of_comparison
    return _adjusted(results), lacking


def main_results(results: Sequence[StudyResult]) -> list[StudyResult]:
    """The one result of a task and start in a comparison: the mean over outputs, or that of the only output."""
    several = {(one.comparison, one.initialisation) for one in results if one.output == MACRO}
    return [one for one in results if one.output == MACRO or (one.comparison, one.initialisation) not in several]


def as_table(results: Sequence[StudyResult]) -> pd.DataFrame:
    """The rows of `figures.csv`, one for each result."""
    return pd.DataFrame(map(_row, results))


def _row(result: StudyResult) -> dict[str, object]:
    difference = result.difference
    return {
        "task": result.comparison.task,
        "photos_of": result.comparison.data or "task",
        "method": result.comparison.method,
        "label_fraction": result.comparison.fraction,
        "initialisation": result.initialisation,
        "reference": result.reference,
        "output": result.output,
        "auroc": result.auroc.value,
        "low": result.auroc.low,
        "high": result.auroc.high,
        "difference": None if difference is None else difference.value,
        "difference_low": None if difference is None else difference.low,
        "difference_high": None if difference is None else difference.high,
        "p": result.p,
        "p_holm": result.p_holm,
        "photos": result.photos,
        "patients": result.patients,
        "positives": result.positives,
        "draws": result.draws,
        "note": result.auroc.note,
        "difference_note": None if difference is None else difference.note,
    }


def _each(
    comparisons: Mapping[StartComparison, Sequence[Addressed]], study: "Study"
) -> Iterator[list[StudyResult] | None]:
    """Results of each comparison, in order; None for one that lacks cells."""
    of_comparison = partial(_of_comparison, folder=study.place.folder, recipe=study.recipe)
    if study.place.jobs == 1:
        yield from map(of_comparison, comparisons, comparisons.values())
        return
    # Forked processes would inherit the locks of torch's threads.
    with ProcessPoolExecutor(study.place.jobs, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(of_comparison, comparisons, comparisons.values())


def tables_of(
    folder: Path, task: StudyTask, data: str, planned: Sequence[Addressed]
) -> dict[str, dict[int, pd.DataFrame]] | None:
    """Predictions by start and draw, the folds of a draw together; None unless all cells are done.

    Args:
        data: As of a `StartComparison`.
    """
    parts: dict[str, dict[int, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    is_own = data in ("", *task.datasets)
    for cell, address in planned:
        found = predictions_of_cell(folder, address, OWN if is_own else data)
        if found is None:
            return None
        table = found.table
        if not (is_own and task.datasets):
            # External photos are predicted by the model of every fold, and are ranked within each model's predictions.
            table = table.assign(fold=max(cell.fold, 0))
        elif data:
            table = table[table["fold"] == task.datasets.index(data)]
        parts[cell.initialisation][cell.seed].append(table)
    return {
        start: {seed: pd.concat(tables, ignore_index=True) for seed, tables in draws.items()}
        for start, draws in parts.items()
    }


def _of_comparison(
    comparison: StartComparison, planned: Sequence[Addressed], folder: Path, recipe: StudyRecipe
) -> list[StudyResult] | None:
    tables = tables_of(folder, recipe.task(comparison.task), comparison.data, planned)
    if tables is None:
        return None
    results = []
    for name, means in means_of(tables, recipe).items():
        counts = counts_of(tables, name)
        for start, mean in means.items():
            reference = recipe.reference_of(start)
            apart, p = difference(mean, None if start == reference else means.get(reference))
            results.append(
                StudyResult(
                    comparison,
                    start,
                    reference,
                    name,
                    mean.interval(),
                    apart,
                    p,
                    *counts,
                    draws=len(tables[start]),
                )
            )
    return results


def means_of(
    tables: Mapping[Start, Mapping[int, pd.DataFrame]], recipe: StudyRecipe
) -> dict[str, dict[Start, Sampled]]:
    """The AUROC of every output, and their mean if there are several, by start, averaged over draws.

    All are of the same resamples of patients, so that they can be compared in pairs.

    Args:
        tables: Predictions of the same photos by start and draw; a start may be a name, or a method and a name.
    """
    samples = {
        (start, draw, output): found
        for start, draws in tables.items()
        for draw, table in draws.items()
        for output, found in _samples(table).items()
    }
    patients = next(iter(samples.values()))[0].columns
    resampling = Resampling(one_stratum(patients), recipe.resamples, recipe.seed)
    measures = {key: stratified_auroc_measure(sample, fold, AUROC) for key, (sample, fold) in samples.items()}
    with threadpool_limits(1):  # this is one of several processes
        computed = compute(measures, resampling, shown=False)
    outputs = list(dict.fromkeys(output for _, _, output in samples))
    asked = {output: [output] for output in outputs} | ({MACRO: outputs} if len(outputs) > 1 else {})
    return {
        name: {
            start: mean_over_draws([[computed[start, draw, output][0] for output in of] for draw in draws], recipe.seed)
            for start, draws in tables.items()
        }
        for name, of in asked.items()
    }


def counts_of(tables: Mapping[Start, Mapping[int, pd.DataFrame]], output: str) -> tuple[int, int, int]:
    """Photos and patients with a known truth of an output (`MACRO`: of any), and photos that are positive in it."""
    table = next(iter(next(iter(tables.values())).values()))
    outputs = Predictions(table).outputs if output == MACRO else (output,)
    truth = table[[TRUTH + one for one in outputs]].to_numpy(float)
    known, positive = table[np.isfinite(truth).any(axis=1)], table[(truth == 1).any(axis=1)]
    return known["photo"].nunique(), known["patient"].nunique(), positive["photo"].nunique()


def _samples(table: pd.DataFrame) -> dict[str, tuple[Sample, np.ndarray]]:
    """Each output's photos of known truth, and the fold of each."""
    fold = table["fold"].to_numpy(dtype=np.int64)
    plain = samples_of(Predictions(table.drop(columns="fold")))
    return {output: (sample, fold[table[TRUTH + output].notna()]) for output, sample in plain.items()}


def _adjusted(results: Sequence[StudyResult]) -> list[StudyResult]:
    """The results with Holm's adjustment of the main differences: one family for each comparison, over its starts."""
    families: dict[StartComparison, list[int]] = defaultdict(list)
    main = set(main_results(results))
    for place, result in enumerate(results):
        if result in main and result.p is not None:
            families[result.comparison].append(place)
    adjusted: dict[int, float | None] = {}
    for places in families.values():
        adjusted |= dict(zip(places, holm([results[place].p for place in places]), strict=True))
    return [
        replace(result, p_holm=adjusted[place]) if place in adjusted else result for place, result in enumerate(results)
    ]
