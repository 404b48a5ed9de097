"""Prediction sets of a cohort and of external datasets, calibrated on validation photos: their coverage and their size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import betaincinv

from eyeground.core.proportions import CONFIDENCE
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.cohort import Cohort, entire_cohort
from eyeground.evaluation.conformal.prediction_sets import class_limits, fewest_patients, prediction_sets
from eyeground.evaluation.conformal.questions import Answers, Question, answers_of, questions_of
from eyeground.evaluation.count_metrics import share_limits
from eyeground.evaluation.estimates import Estimate, Limits, Support
from eyeground.evaluation.measures import Measure, compute, intervals
from eyeground.evaluation.metrics import AMBIGUOUS, NO_ANSWER, ONE_ANSWER, SET_COVERAGE, SET_SIZE, per_patient
from eyeground.evaluation.multi_output import contradiction
from eyeground.evaluation.weighted_sums import OfSums


@dataclass(frozen=True)
class ClassCoverage:
    """One class of one dataset.

    Attributes:
        photos, patients: Of the class.
        calibrated_on: Patients of the class among the validation photos.
        expected: Where 95 % of calibrations on so many patients put the true coverage; None where the class stands in every set.
        coverage: Share of the photos whose set holds the class.
    """

    name: str
    photos: int
    patients: int
    calibrated_on: int
    expected: tuple[float, float] | None
    coverage: Estimate


@dataclass(frozen=True)
class SetsOfDataset:
    """One question in one dataset.

    Attributes:
        photos, patients: With a known truth.
        sizes: Shares of the photos whose set holds one class, several (ambiguous) and none, and the mean number of classes.
    """

    question: Question
    dataset: str
    photos: int
    patients: int
    classes: tuple[ClassCoverage, ...]
    sizes: tuple[Estimate, ...]


@dataclass(frozen=True)
class Conformal:
    """All questions and datasets, at one stated coverage."""

    stated: float
    scope: str
    found: tuple[SetsOfDataset, ...]
    resamples: int


def conformal(predictions: Predictions, cohorts: Mapping[str, Cohort], stated: float) -> Conformal:
    """Calibrate prediction sets on the validation photos of a table, and measure them.

    Args:
        predictions: The table, with its validation photos.
        cohorts: The photos to measure them on, by name of the dataset, those of the table first; outputs that another lacks are
            left out there.
        stated: The coverage of every class, above 0 and below 1.

    Raises:
        UserError: If the coverage is out of range, or the table has no validation photos apart from those evaluated.
    """
    if not 0 < stated < 1:
        raise UserError(f"a coverage of {stated:g} is out of range; it is a share above 0 and below 1, such as 0.9")
    validation, own = predictions.in_split("validation"), next(iter(cohorts.values()))
    if validation.table.empty or own.name != "test":
        raise UserError(
            "--conformal calibrates on validation photos and measures on test photos, and the predictions mark "
            f"{'no validation photos' if validation.table.empty else 'no test photos'} in a column 'split'; predict both"
        )
    calibration = entire_cohort("validation", validation, 0, 0, False)
    asked = questions_of(validation.outputs, [validation, own.predictions])
    calibrated = [answers_of(question, calibration) for question in asked]
    found = []
    for dataset, cohort in cohorts.items():
        for question, answers in zip(asked, calibrated, strict=True):
            outputs = question.target.outputs if question.target else (question.name,)
            if set(outputs) <= set(cohort.predictions.outputs):
                found.append(_measured(question, dataset, cohort, answers, stated))
    return Conformal(stated, own.name, tuple(filter(None, found)), own.resampling.resamples)


def _measured(
    question: Question, dataset: str, cohort: Cohort, calibrated: Answers, stated: float
) -> SetsOfDataset | None:
    """A question in a dataset; None where no truth is known, or truths contradict each other."""
    if question.target is not None and contradiction(question.target, cohort.predictions):
        return None
    answers = answers_of(question, cohort)
    if not len(answers.truth):
        return None
    limits = class_limits(calibrated.probability, calibrated.truth, calibrated.patient, stated)
    sets = prediction_sets(answers.probability, limits)
    values = compute({0: _measure(question, answers, sets, dataset)}, cohort.resampling, shown=False)[0]
    estimates = intervals(values)
    return SetsOfDataset(
        question,
        dataset,
        len(answers.truth),
        len(np.unique(answers.patient)),
        tuple(
            _of_class(question, index, answers, calibrated, stated, estimates[index])
            for index in range(len(question.classes))
        ),
        estimates[len(question.classes) :],
    )


def _of_class(
    question: Question, index: int, answers: Answers, calibrated: Answers, stated: float, coverage: Estimate
) -> ClassCoverage:
    of_class = answers.truth == index
    patients = len(np.unique(calibrated.patient[calibrated.truth == index]))
    return ClassCoverage(
        question.classes[index],
        int(of_class.sum()),
        len(np.unique(answers.patient[of_class])),
        patients,
        _expected(patients, stated),
        coverage,
    )


def _expected(patients: int, stated: float) -> tuple[float, float] | None:
    """The middle 95 % of a beta distribution (Vovk 2012, proposition 2a), of one photo of each patient."""
    if patients < fewest_patients(stated):
        return None
    rank = int(np.ceil((patients + 1) * stated - 1e-9))
    low, high = betaincinv(rank, patients + 1 - rank, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _measure(question: Question, answers: Answers, sets: np.ndarray, dataset: str) -> Measure:
    """Coverage of every class, then shares of photos by the size of their set, and the mean size."""
    classes, size = len(question.classes), sets.sum(axis=1)
    of_class = answers.truth[:, np.newaxis] == np.arange(classes)
    everyone = np.ones((len(size), 4), dtype=bool)
    counted = np.column_stack([of_class & sets, size == 1, size > 1, size == 0, size])
    among = np.column_stack([of_class, everyone])
    sums = per_patient(np.hstack([counted, among]).astype(float), answers.column, answers.columns)
    above, below = np.split(sums.T, 2)
    patients = [len(np.unique(answers.patient[photos])) for photos in among.T]
    supports = [
        Support(number, f"patients with class {question.classes[place]}" if place < classes else "patients")
        for place, number in enumerate(patients)
    ]
    # The mean size is no share; all else is.
    formulas: list[Callable[[], Limits | None] | None] = [
        partial(share_limits, *shares) for shares in zip(above[:-1], below[:-1], supports[:-1], strict=True)
    ]
    return Measure(
        metrics=(*[SET_COVERAGE] * classes, ONE_ANSWER, AMBIGUOUS, NO_ANSWER, SET_SIZE),
        missing=tuple(
            "" if number else f"photos of class {question.classes[place]}" for place, number in enumerate(patients)
        ),
        supports=tuple(supports),
        are_proportions=(False,) * len(supports),
        of=OfSums(sums, lambda weighted: ratio(*np.split(weighted.T, 2))),
        where=dataset,
        limits=(*formulas, None),
    )
