"""Agreement of a model with itself on photos that repeat each other: two photos of one eye, or a photo and its copies.

A truth is not needed. Patients are the unit; see docs/statistics.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import PROBABILITY
from eyeground.evaluation.agreement import kappa
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.count_metrics import share_limits, share_part
from eyeground.evaluation.estimates import Estimate, Limits, Support, not_estimable, noted, with_limits
from eyeground.evaluation.metrics import AGREEMENT, LIMIT_HIGH, LIMIT_LOW, MEAN_DIFFERENCE, REPEAT_KAPPA
from eyeground.evaluation.mover import function_interval
from eyeground.evaluation.operating_points import OPTIMISTIC
from eyeground.evaluation.repeatability.limits_of_agreement import limits_of_agreement
from eyeground.evaluation.repeatability.pairs import Pairs, repeated_photos


@dataclass(frozen=True)
class DecisionAgreement:
    """Decisions on pairs of photos at one operating point.

    Attributes:
        both_positive, both_negative, changed: Pairs.
        estimates: Share of pairs decided alike, and kappa.
    """

    point: OperatingPoint
    both_positive: int
    both_negative: int
    changed: int
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class OutputRepeatability:
    """One output.

    Attributes:
        means, differences: Shape (pairs,): of the two probabilities; the second photo's minus the first's.
        within: Pairs whose difference lies within the limits of agreement.
        mean_difference, low, high: With intervals; `low` and `high` are the limits of agreement.
        decided: At each operating point.
    """

    output: str
    means: np.ndarray
    differences: np.ndarray
    within: int
    mean_difference: Estimate
    low: Estimate
    high: Estimate
    decided: tuple[DecisionAgreement, ...]


@dataclass(frozen=True)
class Repeatability:
    """All outputs.

    Attributes:
        column: Whose cells say which photos repeat each other.
        scope: `test`, or `all photos`.
        eyes: Sets of photos that repeat each other.
        pairs, photos, patients: Of them.
    """

    column: str
    scope: str
    eyes: int
    pairs: int
    photos: int
    patients: int
    outputs: tuple[OutputRepeatability, ...]


def repeatability(cohort: Cohort, column: str) -> Repeatability:
    """Compare the photos of a cohort that repeat each other.

    Args:
        column: Photos of one patient with the same cell there repeat each other.

    Raises:
        UserError: If there is no such column, or no photo repeats another.
    """
    table = cohort.predictions.table
    pairs = repeated_photos(table, column)
    patient = np.unique(table["patient"].to_numpy(dtype=str)[pairs.first], return_inverse=True)[1]
    return Repeatability(
        column=column,
        scope=cohort.name,
        eyes=pairs.groups,
        pairs=len(pairs.first),
        photos=len(np.union1d(pairs.first, pairs.second)),
        patients=int(patient.max()) + 1,
        outputs=tuple(_of_output(output, cohort, pairs, patient) for output in cohort.predictions.outputs),
    )


def agreement_estimates(
    first: np.ndarray, second: np.ndarray, patient: np.ndarray, has_intervals: bool = True
) -> tuple[Estimate, Estimate]:
    """The share of pairs decided alike, and kappa.

    Which photo is the first means nothing, so pairs are counted in both orders (Scott's pi, which is Cohen's kappa of them).
    The share has Wilson's interval over patients; kappa, a function of it and of the share called positive, MOVER's of both.

    Args:
        first, second: Shape (pairs,), bool: each photo's decision.
        patient: Shape (pairs,): each pair's patient, numbered from 0.

    References:
        Scott, Public Opinion Quarterly 19 (1955) 321.
    """
    patients = int(patient.max()) + 1
    support = Support(len(np.unique(patient)), "patients with repeated photos")
    alike, each = np.bincount(patient, first == second, patients), np.bincount(patient, minlength=patients)
    called = np.bincount(patient, first.astype(float) + second, patients)
    limits = share_limits(alike, each, support) if has_intervals else None
    agreement = with_limits(AGREEMENT, float((first == second).mean()), limits, support)
    both = np.array([[[2 * (~first & ~second).sum(), (first != second).sum()], [0, 2 * (first & second).sum()]]])
    both[0, 1, 0] = both[0, 0, 1]
    value = float(kappa(both)[0])
    if np.isnan(value):
        kind = "positive" if first.all() else "negative"
        return agreement, not_estimable(REPEAT_KAPPA, f"every photo is called {kind}")
    parts = [part for part in (share_part(alike, each), share_part(called, 2 * each)) if part is not None]
    low, high = function_interval(_kappa_of, parts)
    of_kappa = Limits(max(-1.0, low), min(1.0, high)) if has_intervals else None
    return agreement, with_limits(REPEAT_KAPPA, value, of_kappa, support)


def _kappa_of(alike: float, positive: float) -> float:
    by_chance = positive**2 + (1 - positive) ** 2
    return (alike - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0


def _of_output(output: str, cohort: Cohort, pairs: Pairs, patient: np.ndarray) -> OutputRepeatability:
    probability = cohort.predictions.table[PROBABILITY + output].to_numpy(dtype=float)
    first, second = probability[pairs.first], probability[pairs.second]
    has_intervals = cohort.resampling.resamples > 0
    low, high, mean = _limits(second - first, patient, has_intervals)
    decided = []
    for point in cohort.points.get(output, ()):
        called = first >= point.threshold, second >= point.threshold
        estimates = agreement_estimates(*called, patient, has_intervals)
        if point.chosen_on == "test":
            estimates = noted(estimates[0], OPTIMISTIC), noted(estimates[1], OPTIMISTIC)
        both, neither, one = called[0] & called[1], ~called[0] & ~called[1], called[0] != called[1]
        decided.append(DecisionAgreement(point, int(both.sum()), int(neither.sum()), int(one.sum()), estimates))
    within = 0
    if low.value is not None and high.value is not None:
        within = int(((second - first >= low.value) & (second - first <= high.value)).sum())
    return OutputRepeatability(output, (first + second) / 2, second - first, within, mean, low, high, tuple(decided))


def _limits(differences: np.ndarray, patient: np.ndarray, has_intervals: bool) -> tuple[Estimate, Estimate, Estimate]:
    """The two limits of agreement and the mean difference."""
    support = Support(len(np.unique(patient)), "patients with repeated photos")
    names = (LIMIT_LOW, LIMIT_HIGH, MEAN_DIFFERENCE)
    if len(differences) < 2:
        lone = [not_estimable(name, "one pair of photos has no spread") for name in names[:2]]
        mean = replace(with_limits(MEAN_DIFFERENCE, float(differences[0]), None, support), note="no interval: one pair")
        return lone[0], lone[1], mean
    found = limits_of_agreement(differences, patient)
    values = zip((found.low, found.high, found.mean), (found.of_low, found.of_high, found.of_mean), strict=True)
    estimates = []
    for name, (value, limits) in zip(names, values, strict=True):
        if has_intervals and limits is None:
            estimates.append(Estimate(name, value, note=f"no interval: only {support}"))
        else:
            estimates.append(with_limits(name, value, limits if has_intervals else None, support))
    return estimates[0], estimates[1], estimates[2]
