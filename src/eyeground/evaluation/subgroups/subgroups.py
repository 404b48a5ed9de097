"""Every subgroup's metrics, and their gaps to all other photos; see docs/statistics.md.

All levels share the resamples of patients, so a gap between left and right eyes has the interval of a pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.data.predictions import Predictions
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.delong import DeLong
from eyeground.evaluation.flow import patients_known
from eyeground.evaluation.reporting.wording import joined
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.equity import Equity, equity
from eyeground.evaluation.subgroups.groups import Group, Measured, group, holm_adjusted, measure_groups
from eyeground.evaluation.subgroups.levels import TITLES, UNKNOWN, Breakdown, breakdown


@dataclass(frozen=True)
class OutputSubgroups:
    """One output by every column.

    Attributes:
        overall: All photos.
        columns: For each of `levels`, the column it is of.
        levels: Column by column; gaps are to all other photos.
        equity: Of each column with two levels or more whose AUROC rests on enough patients.
    """

    output: str
    overall: Group
    columns: tuple[str, ...]
    levels: tuple[Group, ...]
    equity: tuple[Equity, ...]

    @property
    def positives(self) -> int:
        """Positive photos of all levels."""
        return self.overall.positives

    def level(self, column: str, name: str) -> Group:
        """One level by its column and name.

        Raises:
            KeyError: If there is no such level.
        """
        for of, one in zip(self.columns, self.levels, strict=True):
            if (of, one.name) == (column, name):
                return one
        raise KeyError((column, name))


@dataclass(frozen=True)
class Subgroups:
    """All outputs by every column.

    Attributes:
        scope: `test`, or `all photos`.
        photos, patients: In scope; patients None where they are unknown.
        columns: By which photos were divided.
        remarks: Sentences that a reader must know: what could not be evaluated, and why.
        resamples, seed: Of the patient bootstrap.
    """

    scope: str
    photos: int
    patients: int | None
    columns: tuple[str, ...]
    remarks: tuple[str, ...]
    outputs: tuple[OutputSubgroups, ...]
    resamples: int
    seed: int


def subgroups(cohort: Cohort, columns: Sequence[str] = ()) -> Subgroups:
    """Measure every subgroup of a cohort.

    Evaluated are the columns `eye`, `sex`, `age` (in bands), `device`, `source` and `gradable` where the table has
    them, and those named. Sensitivity and specificity are measured at the cohort's operating points; an output without
    any has none.

    Args:
        columns: Further columns of the table.

    Raises:
        UserError: If a named column is not there or holds numbers with decimals, or an age is no age.
    """
    breakdowns, remarks = _breakdowns(cohort.predictions, columns)
    plans = [
        _plan(output, sample, cohort.known(output), breakdowns, cohort.name)
        for output, sample in cohort.samples.items()
    ]
    measured = iter(
        measure_groups(
            [sample for plan in plans for sample in plan.samples],
            [cohort.points[plan.output] for plan in plans for _ in plan.samples],
            cohort.resampling,
        )
    )
    outputs = []
    for plan in plans:
        found = [next(measured) for _ in plan.samples]
        groups = [
            group(name, found[own], found[rest])
            for name, own, rest in zip(plan.names, plan.own, plan.rest, strict=True)
        ]
        levels = holm_adjusted(groups, plan.mirrors)
        overall = group(cohort.name, found[0])
        even = _equity(plan, found, cohort.resampling.resamples > 0)
        outputs.append(OutputSubgroups(plan.output, overall, plan.columns, levels, even))
    return Subgroups(
        scope=cohort.name,
        photos=cohort.photos,
        patients=cohort.patients if patients_known(cohort.predictions) else None,
        columns=tuple(one.column for one in breakdowns),
        remarks=cohort.remarks + remarks,
        outputs=tuple(outputs),
        resamples=cohort.resampling.resamples,
        seed=cohort.resampling.seed,
    )


@dataclass(frozen=True)
class _Plan:
    """What is measured of one output: all photos, then the levels and what each is compared with, by place."""

    output: str
    samples: list[Sample]
    names: tuple[str, ...]
    columns: tuple[str, ...]
    own: tuple[int, ...]
    rest: tuple[int, ...]
    mirrors: dict[int, int]


def _plan(output: str, sample: Sample, known: np.ndarray, breakdowns: Sequence[Breakdown], scope: str) -> _Plan:
    samples = [sample]
    names: list[str] = []
    columns: list[str] = []
    own: list[int] = []
    rest: list[int] = []
    mirrors: dict[int, int] = {}
    for one in breakdowns:
        level = one.level[known]
        first = len(names)
        for place, name in enumerate(one.levels):
            names.append(name)
            columns.append(one.column)
            own.append(len(samples))
            samples.append(sample.only(level == place, f"{scope} of {one.title.lower()} {name}"))
        if len(one.levels) == 2 and not one.not_shown:
            # Each is the other's rest.
            rest += own[first + 1], own[first]
            mirrors[first + 1] = first
            continue
        for place, name in enumerate(one.levels):
            rest.append(len(samples))
            samples.append(sample.only(level != place, f"{scope} outside {one.title.lower()} {name}"))
    return _Plan(output, samples, tuple(names), tuple(columns), tuple(own), tuple(rest), mirrors)


def _equity(plan: _Plan, found: Sequence[Measured], with_intervals: bool) -> tuple[Equity, ...]:
    """By column, of its known levels."""
    levels: dict[str, list[tuple[str, DeLong | None]]] = {}
    for column, name, own in zip(plan.columns, plan.names, plan.own, strict=True):
        if name != UNKNOWN:
            levels.setdefault(column, []).append((name, found[own].delong))
    measured = (equity(column, of, found[0].delong, with_intervals) for column, of in levels.items())
    return tuple(one for one in measured if one is not None)


def _breakdowns(predictions: Predictions, columns: Sequence[str]) -> tuple[list[Breakdown], tuple[str, ...]]:
    """The columns that divide the photos, and sentences on those that do not."""
    table = predictions.table
    absent = [TITLES[column].lower() for column in TITLES if column not in table and column not in columns]
    remarks = [f"Not evaluated, because the predictions have no such column: {joined(absent)}."] if absent else []
    found = []
    for column in dict.fromkeys([*(column for column in TITLES if column in table), *columns]):
        one = breakdown(table, column)
        if len(one.levels) < 2:
            remarks.append(f"{one.title}: all photos are '{one.levels[0]}', so there is nothing to compare.")
            continue
        if one.not_shown:
            remarks.append(
                f"{one.title}: of {len(one.levels) + one.not_shown} levels, the {len(one.levels)} with the most "
                "patients are shown; the others count among the rest."
            )
        found.append(one)
    return found, tuple(remarks)
