"""Does the model work alike for everyone? The same figures for each group of photos, and how far each is from the rest.

Every level of a column (a sex, an age band, a camera) is measured on its own photos and held against all other
photos, not against the whole, of which it is a part. All levels of all columns are weighed with the same resamples
of patients, so a gap between left and right eyes, which are those of the same people, gets the interval of a pair.
Gaps of one metric are one family of tests. AUPRC is left out: it moves with the prevalence, which differs between
groups for reasons that are not the model's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import TRUTH, Predictions
from eyeground.evaluation.evaluating import resampling_of
from eyeground.evaluation.flow import evaluated_scope
from eyeground.evaluation.reporting.wording import joined
from eyeground.evaluation.samples import Sample, samples_of
from eyeground.evaluation.subgroups.groups import (
    Group,
    group,
    holm_adjusted,
    measure_groups,
    points_by_output,
    restricted,
)
from eyeground.evaluation.subgroups.levels import TITLES, Breakdown, breakdown


@dataclass(frozen=True)
class OutputSubgroups:
    """One output by every column.

    Attributes:
        overall: All photos.
        columns: For each of `levels`, the column it is of.
        levels: Column by column; gaps are to all other photos.
    """

    output: str
    overall: Group
    columns: tuple[str, ...]
    levels: tuple[Group, ...]

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
        photos, patients: In scope.
        columns: By which photos were told apart.
        remarks: Sentences that a reader must know: what could not be looked at, and why.
        resamples, seed: Of the patient bootstrap.
    """

    scope: str
    photos: int
    patients: int
    columns: tuple[str, ...]
    remarks: tuple[str, ...]
    outputs: tuple[OutputSubgroups, ...]
    resamples: int
    seed: int


def subgroups(
    predictions: Predictions,
    operating_points: Sequence[OperatingPoint] = (),
    columns: Sequence[str] = (),
    resamples: int = 2000,
    seed: int = 0,
    stratified: bool = False,
) -> Subgroups:
    """Measure every subgroup of the test photos, or of all photos where none is marked as test.

    Looked at are the columns `eye`, `sex`, `age` (in bands), `device`, `source` and `gradable` where the table has
    them, and those named.

    Args:
        operating_points: At which sensitivity and specificity are measured, such as those of an `Evaluation`; without
            any for an output it has no such figures.
        columns: Further columns of the table.
        resamples, seed, stratified: As in `evaluate`, with the same resamples.

    Raises:
        UserError: If a named column is not there or holds numbers with decimals, an age is no age, or an operating
            point is for an output that the table does not have.
    """
    points = points_by_output(predictions, operating_points)
    scope = evaluated_scope(predictions)
    table = scope.predictions.table
    breakdowns, remarks = _breakdowns(scope.predictions, columns)
    samples = samples_of(scope.predictions)
    resampling = resampling_of(scope.predictions, resamples, seed, stratified)
    plans = [
        _plan(output, sample, table[TRUTH + output].notna().to_numpy(dtype=bool), breakdowns, scope.name)
        for output, sample in samples.items()
    ]
    measured = iter(
        measure_groups(
            [sample for plan in plans for sample in plan.samples],
            [points[plan.output] for plan in plans for _ in plan.samples],
            resampling,
            [words for plan in plans for words in plan.scopes],
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
        outputs.append(OutputSubgroups(plan.output, group(scope.name, found[0]), plan.columns, levels))
    return Subgroups(
        scope=scope.name,
        photos=len(table),
        patients=int(table["patient"].nunique()),
        columns=tuple(one.column for one in breakdowns),
        remarks=scope.remarks + remarks,
        outputs=tuple(outputs),
        resamples=resamples,
        seed=seed,
    )


@dataclass(frozen=True)
class _Plan:
    """What is measured of one output: all photos, then the levels and what each is held against, by place."""

    output: str
    samples: list[Sample]
    scopes: list[str]
    names: tuple[str, ...]
    columns: tuple[str, ...]
    own: tuple[int, ...]
    rest: tuple[int, ...]
    mirrors: dict[int, int]


def _plan(output: str, sample: Sample, known: np.ndarray, breakdowns: Sequence[Breakdown], scope: str) -> _Plan:
    samples, scopes = [sample], [scope]
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
            samples.append(restricted(sample, level == place))
            scopes.append(f"{scope} of {one.title.lower()} {name}")
        if len(one.levels) == 2 and not one.not_shown:
            # Each is the other's rest.
            rest += own[first + 1], own[first]
            mirrors[first + 1] = first
            continue
        for place, name in enumerate(one.levels):
            rest.append(len(samples))
            samples.append(restricted(sample, level != place))
            scopes.append(f"{scope} outside {one.title.lower()} {name}")
    return _Plan(output, samples, scopes, tuple(names), tuple(columns), tuple(own), tuple(rest), mirrors)


def _breakdowns(predictions: Predictions, columns: Sequence[str]) -> tuple[list[Breakdown], tuple[str, ...]]:
    """The columns that tell photos apart, and sentences on those that do not."""
    table = predictions.table
    absent = [TITLES[column].lower() for column in TITLES if column not in table and column not in columns]
    remarks = [f"Not looked at, for want of a column in the predictions: {joined(absent)}."] if absent else []
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
