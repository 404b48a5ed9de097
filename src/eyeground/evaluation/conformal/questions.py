"""The questions that prediction sets answer: a target's classes or grades, or whether a single output is positive."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.data.predictions import Predictions
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.multi_output import (
    MultiOutputTarget,
    contradiction,
    multi_output_sample,
    multi_output_targets,
)


@dataclass(frozen=True)
class Question:
    """What is asked of a photo; `target` is None for a single output."""

    name: str
    classes: tuple[str, ...]
    target: MultiOutputTarget | None = None


@dataclass(frozen=True)
class Answers:
    """The photos of one question whose truth is known.

    Attributes:
        truth: Shape (photos,): index of each photo's class.
        probability: Shape (photos, classes).
        patient, column: Shape (photos,): each photo's patient, and its column in the patient weights.
        columns: How many columns the weights have.
    """

    truth: np.ndarray
    probability: np.ndarray
    patient: np.ndarray
    column: np.ndarray
    columns: int


def questions_of(outputs: Sequence[str], tables: Sequence[Predictions]) -> tuple[Question, ...]:
    """One question for each target of several classes whose truths agree in every table, and for each other output."""
    targets = [
        target for target in multi_output_targets(outputs) if not any(contradiction(target, table) for table in tables)
    ]
    together = {output: target for target in targets for output in target.outputs}
    asked = {together[output].target if output in together else output: together.get(output) for output in outputs}
    return tuple(
        Question(name, target.classes if target else ("negative", "positive"), target) for name, target in asked.items()
    )


def answers_of(question: Question, cohort: Cohort) -> Answers:
    """The photos of a cohort, with a probability of every class; that of a grade is the difference of two steps."""
    if question.target is None:
        sample = cohort.samples[question.name]
        both = np.stack([1 - sample.probability, sample.probability], axis=1)
        return Answers(sample.truth.astype(np.int64), both, sample.patient, sample.column, sample.columns)
    found = multi_output_sample(question.target, cohort.predictions, column=cohort.column)
    probability = found.probability
    if question.target.kind == "ordinal":
        steps = np.pad(probability, ((0, 0), (1, 1)), constant_values=(0, 0))
        steps[:, 0] = 1
        probability = np.clip(steps[:, :-1] - steps[:, 1:], 0, 1)
    return Answers(found.truth, probability, found.patient, found.column, found.columns)
