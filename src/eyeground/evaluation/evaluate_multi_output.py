"""Evaluate multi-class and ordinal targets, on the same resamples as their outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation.averages import macro, micro_measure
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.estimates import Estimate, noted
from eyeground.evaluation.measures import Measure, intervals
from eyeground.evaluation.multi_output import (
    MultiOutputSample,
    MultiOutputTarget,
    agreement_measure,
    confusion_of,
    contradiction,
    multi_output_sample,
    multi_output_targets,
)
from eyeground.evaluation.operating_points import OPTIMISTIC
from eyeground.evaluation.results import MultiOutputDecision, MultiOutputEvaluation
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample

MICRO = "micro"


@dataclass(frozen=True)
class Decision:
    """How a class is decided: a description, the thresholds of the steps, and what a reader must know."""

    rule: str
    thresholds: tuple[float, ...] = ()
    note: str = ""


def multi_output_samples(cohort: Cohort) -> tuple[tuple[MultiOutputSample, ...], tuple[str, ...]]:
    """The targets of several classes among the outputs, and a sentence for each whose truths contradict each other."""
    samples, contradictions = [], []
    for target in multi_output_targets(cohort.predictions.outputs):
        if sentence := contradiction(target, cohort.predictions):
            contradictions.append(sentence)
        else:
            samples.append(multi_output_sample(target, cohort.predictions, cohort.name, cohort.column))
    return tuple(samples), tuple(contradictions)


def decisions_of(target: MultiOutputTarget, points: Mapping[str, Sequence[OperatingPoint]]) -> tuple[Decision, ...]:
    """The ways to decide on a class: one, or for an ordinal target also one by each rule that all its steps have."""
    if target.kind == "multiclass":
        return (Decision("most probable class"),)
    found = [Decision("consecutive steps reached at 0.5", (0.5,) * len(target.outputs))]
    for rule in dict.fromkeys(point.rule for point in points[target.outputs[0]]):
        by_rule = [point for output in target.outputs for point in points[output] if point.rule == rule]
        if [point.output for point in by_rule] == list(target.outputs):
            note = OPTIMISTIC if any(point.chosen_on == "test" for point in by_rule) else ""
            thresholds = tuple(point.threshold for point in by_rule)
            found.append(Decision(f"consecutive steps reached at their operating points ({rule})", thresholds, note))
    return tuple(found)


def multi_output_measures(
    sample: MultiOutputSample, decisions: Sequence[Decision], outputs: Sequence[Sample], photos: int
) -> dict[str, Measure]:
    """What is to be computed of a target: micro averages over its outputs, and agreement for each decision."""
    measures = {MICRO: micro_measure(outputs, photos)}
    for decision in decisions:
        measure = agreement_measure(sample, sample.called(decision.thresholds))
        note = "; ".join(filter(None, [decision.note, measure.note]))
        measures[decision.rule] = replace(measure, note=note)
    return measures


def evaluate_multi_output(
    sample: MultiOutputSample,
    decisions: Sequence[Decision],
    computed: Mapping[str, tuple[Sampled, ...]],
    rankings: Mapping[str, tuple[Sampled, ...]],
    cohort: Cohort,
) -> MultiOutputEvaluation:
    """Put together what was computed; `rankings` are those of the target's outputs."""
    classes = len(sample.family.classes)
    return MultiOutputEvaluation(
        family=sample.family,
        photos=len(sample.truth),
        patients=len(np.unique(sample.patient)),
        unknown=cohort.photos - len(sample.truth),
        photos_of_class=tuple(np.bincount(sample.truth, minlength=classes).tolist()),
        estimates=(macro(rankings, cohort.name)[0], computed[MICRO][0].interval()),
        decisions=tuple(
            MultiOutputDecision(
                rule=decision.rule,
                confusion=tuple(map(tuple, confusion_of(sample, sample.called(decision.thresholds)).tolist())),
                estimates=_estimates(computed[decision.rule], decision),
            )
            for decision in decisions
        ),
    )


def _estimates(computed: Sequence[Sampled], decision: Decision) -> tuple[Estimate, ...]:
    """With the decision's note also where there is no value."""
    return tuple(
        noted(estimate, decision.note) if estimate.value is None else estimate for estimate in intervals(computed)
    )
