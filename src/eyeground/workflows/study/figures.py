"""From the tables of a study's cells to figures with intervals, and to paired differences from the reference.

An AUROC is taken among the photos of one fold, never across models of different folds, and pooled over the folds by
their pairs of a positive and a negative; so a fold without a rare disease costs nothing. It is the mean over the
task's outputs and over the draws of a label fraction. All starts meet the same draws, folds and resamples of
patients, so differences are paired. The intervals are those of the patients who are predicted and of the draws of labels
(`means_over_draws`): how much other upstream patients would change a start is not in them.
"""

import multiprocessing
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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
from eyeground.evaluation.samples import Sample, samples_of
from eyeground.evaluation.subgroups.stratified_auroc import stratified_auroc_measure
from eyeground.workflows.study.cells import Cell
from eyeground.workflows.study.ledger import predictions_of_cell
from eyeground.workflows.study.means_over_draws import difference, mean_over_draws
from eyeground.workflows.study.settings import OWN, StudyRecipe

if TYPE_CHECKING:  # processes that make figures need no torch, which takes seconds to come
    from eyeground.workflows.study.opened import Study

MACRO = "mean over outputs"
Addressed = tuple[Cell, str]


@dataclass(frozen=True)
class StartComparison:
    """What the starts are compared in: a task, on its own or on external photos, by a method at a label fraction."""

    task: str
    data: str
    method: str
    fraction: float


@dataclass(frozen=True)
class StudyFigure:
    """The AUROC of one start in one contest.

    Attributes:
        initialisation, reference: The start, and the one that it is compared with.
        output: One of the task's, or `mean over outputs`.
        difference: The start minus its reference; None for a reference.
        p, p_holm: Of the difference, by inversion of its interval; and adjusted, where the figure is the task's main
            one.
        photos, patients, positives: Photos and patients with a known truth, and photos that are positive.
        draws: Of the label fraction, over which the figure is the mean.
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


def study_figures(study: "Study") -> tuple[list[StudyFigure], list[StartComparison]]:
    """Figures of every contest whose cells are all done, and the contests that still lack some.

    Contests are worked out in as many processes as the study has jobs.
    """
    comparisons: dict[StartComparison, list[Addressed]] = defaultdict(list)
    for one in study.planned():
        task = study.recipe.task(one.cell.task)
        for data in ("", *task.external):
            comparison = StartComparison(task.name, data, one.cell.method, one.cell.fraction)
            comparisons[comparison].append((one.cell, one.address))
    figures: list[StudyFigure] = []
    lacking = []
    found = track(_each(comparisons, study), "figures", total=len(comparisons), unit="comparisons")
    for comparison, of_comparison in zip(comparisons, found, strict=True):
        if of_comparison is None:
            lacking.append(comparison)
        else:
            figures += of_comparison
    return _adjusted(figures), lacking


def main_figures(figures: Sequence[StudyFigure]) -> list[StudyFigure]:
    """The figure that stands for a task: the mean over outputs, or that of its only output."""
    several = {(one.comparison, one.initialisation) for one in figures if one.output == MACRO}
    return [one for one in figures if one.output == MACRO or (one.comparison, one.initialisation) not in several]


def as_table(figures: Sequence[StudyFigure]) -> pd.DataFrame:
    """Tidy rows, one for each figure: numbers as numbers."""
    rows = []
    for figure in figures:
        difference = figure.difference
        rows.append(
            {
                "task": figure.comparison.task,
                "photos_of": figure.comparison.data or "task",
                "method": figure.comparison.method,
                "label_fraction": figure.comparison.fraction,
                "initialisation": figure.initialisation,
                "reference": figure.reference,
                "output": figure.output,
                "auroc": figure.auroc.value,
                "low": figure.auroc.low,
                "high": figure.auroc.high,
                "difference": None if difference is None else difference.value,
                "difference_low": None if difference is None else difference.low,
                "difference_high": None if difference is None else difference.high,
                "p": figure.p,
                "p_holm": figure.p_holm,
                "photos": figure.photos,
                "patients": figure.patients,
                "positives": figure.positives,
                "draws": figure.draws,
                "note": figure.auroc.note,
                "difference_note": None if difference is None else difference.note,
            }
        )
    return pd.DataFrame(rows)


def _each(
    comparisons: Mapping[StartComparison, Sequence[Addressed]], study: "Study"
) -> Iterator[list[StudyFigure] | None]:
    """Figures of each contest, in order; None of one that lacks cells."""
    of_comparison = partial(_of_comparison, folder=study.place.folder, recipe=study.recipe)
    if study.place.jobs == 1:
        yield from map(of_comparison, comparisons, comparisons.values())
        return
    # Forked processes would inherit the locks of torch's threads.
    with ProcessPoolExecutor(study.place.jobs, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(of_comparison, comparisons, comparisons.values())


def _tables(
    folder: Path, comparison: StartComparison, planned: Sequence[Addressed]
) -> dict[str, dict[int, pd.DataFrame]] | None:
    """Predictions by start and draw, the folds of a draw together; None unless all cells are done."""
    parts: dict[str, dict[int, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    for cell, address in planned:
        found = predictions_of_cell(folder, address, comparison.data or OWN)
        if found is None:
            return None
        # External photos are predicted by the model of every fold, and those of each are ranked among themselves.
        parts[cell.initialisation][cell.seed].append(found.table.assign(fold=max(cell.fold, 0)))
    return {
        start: {seed: pd.concat(tables, ignore_index=True) for seed, tables in draws.items()}
        for start, draws in parts.items()
    }


def _of_comparison(
    comparison: StartComparison, planned: Sequence[Addressed], folder: Path, recipe: StudyRecipe
) -> list[StudyFigure] | None:
    tables = _tables(folder, comparison, planned)
    if tables is None:
        return None
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
    figures = []
    for name, of in [(output, [output]) for output in outputs] + ([(MACRO, outputs)] if len(outputs) > 1 else []):
        means = {
            start: mean_over_draws([[computed[start, draw, output][0] for output in of] for draw in draws], recipe.seed)
            for start, draws in tables.items()
        }
        counts = _counts(next(iter(next(iter(tables.values())).values())), of)
        for start, mean in means.items():
            reference = recipe.reference_of(start)
            apart, p = difference(mean, None if start == reference else means.get(reference))
            figures.append(
                StudyFigure(
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
    return figures


def _samples(table: pd.DataFrame) -> dict[str, tuple[Sample, np.ndarray]]:
    """Each output's photos of known truth, and the fold of each."""
    fold = table["fold"].to_numpy(dtype=np.int64)
    plain = samples_of(Predictions(table.drop(columns="fold")))
    return {output: (sample, fold[table[TRUTH + output].notna()]) for output, sample in plain.items()}


def _counts(table: pd.DataFrame, outputs: Sequence[str]) -> tuple[int, int, int]:
    """Photos and patients with a known truth of any output, and photos that are positive in one."""
    truth = table[[TRUTH + output for output in outputs]].to_numpy(float)
    known, positive = table[np.isfinite(truth).any(axis=1)], table[(truth == 1).any(axis=1)]
    return known["photo"].nunique(), known["patient"].nunique(), positive["photo"].nunique()


def _adjusted(figures: Sequence[StudyFigure]) -> list[StudyFigure]:
    """Holm's adjustment of the main figures' differences: one family for each contest, over its starts."""
    families: dict[StartComparison, list[int]] = defaultdict(list)
    main = set(main_figures(figures))
    for place, figure in enumerate(figures):
        if figure in main and figure.p is not None:
            families[figure.comparison].append(place)
    adjusted: dict[int, float | None] = {}
    for places in families.values():
        adjusted |= dict(zip(places, holm([figures[place].p for place in places]), strict=True))
    return [
        replace(figure, p_holm=adjusted[place]) if place in adjusted else figure for place, figure in enumerate(figures)
    ]
