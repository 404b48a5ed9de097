"""From a predictions table to every figure with its interval, in one pass over the resamples.

All outputs are computed on the same resamples of patients. That is what makes the interval of a macro average,
and later of any difference between outputs, a joint one.

A threshold is only ever one that was given or chosen on validation rows of the table. Without either,
everything that needs a threshold is reported as not estimable: a threshold picked on the very photos it is
measured on flatters the model, so there is no switch for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyeground.bundle import OperatingPoint
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.bootstrap import Resampling, one_stratum, strata_of_rarest_truth
from eyeground.evaluation.estimates import Estimate, not_estimable, with_interval
from eyeground.evaluation.flow import Scope, evaluated_scope
from eyeground.evaluation.measures import (
    Measure,
    brier_measure,
    confusion,
    count_measure,
    estimates,
    point_values,
    ranking_measure,
    resample,
)
from eyeground.evaluation.metrics import COUNT_METRICS, Confusion
from eyeground.evaluation.operating_points import choose_operating_point
from eyeground.evaluation.samples import Sample, samples_of
from eyeground.predictions import TRUTH, Predictions


@dataclass(frozen=True)
class AtOperatingPoint:
    """What one output does at one threshold."""

    point: OperatingPoint
    confusion: Confusion
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class OutputEvaluation:
    """All figures of one output.

    Attributes
    ----------
    output : str
    photos, patients : int
        Those whose truth is known; nothing else enters a figure.
    positives, negatives, unknown : int
        Photos by truth.
    estimates : tuple of Estimate
        What needs no threshold: AUROC, AUPRC, Brier score.
    at : tuple of AtOperatingPoint
        One for each operating point of this output; empty where there is none.
    no_operating_point : str
        Why `at` is empty; empty otherwise.
    """

    output: str
    photos: int
    patients: int
    positives: int
    negatives: int
    unknown: int
    estimates: tuple[Estimate, ...]
    at: tuple[AtOperatingPoint, ...]
    no_operating_point: str

    def estimate(self, metric: str) -> Estimate:
        """One metric by name, at the first operating point where it needs one.

        Raises
        ------
        KeyError
            If there is no such metric.
        """
        for estimate in self.all_estimates():
            if estimate.metric == metric:
                return estimate
        raise KeyError(metric)

    def all_estimates(self) -> tuple[Estimate, ...]:
        """Every estimate; those at thresholds say why they are missing where there is no operating point."""
        if not self.at:
            missing = tuple(not_estimable(metric.name, self.no_operating_point) for metric in COUNT_METRICS)
            return self.estimates + missing
        return self.estimates + tuple(estimate for at in self.at for estimate in at.estimates)


@dataclass(frozen=True)
class Evaluation:
    """All figures of a predictions table.

    Attributes
    ----------
    scope : str
        `test`, or `all photos` where none is marked as test.
    remarks : tuple of str
        Sentences that a reader of the figures must know.
    photos, patients : int
        In scope.
    outputs : tuple of OutputEvaluation
        In the table's order.
    macro : tuple of Estimate
        Means over the outputs for which they are estimable; empty for a single output.
    resamples, seed : int
        Of the patient bootstrap.
    stratified : bool
        Whether patients were drawn within strata of their rarest truth.
    """

    scope: str
    remarks: tuple[str, ...]
    photos: int
    patients: int
    outputs: tuple[OutputEvaluation, ...]
    macro: tuple[Estimate, ...]
    resamples: int
    seed: int
    stratified: bool


def evaluate(
    predictions: Predictions,
    operating_points: Sequence[OperatingPoint] = (),
    resamples: int = 2000,
    seed: int = 0,
    stratified: bool = False,
) -> Evaluation:
    """Evaluate the test photos of a predictions table, or all of them where none is marked as test.

    Parameters
    ----------
    predictions : Predictions
    operating_points : sequence of OperatingPoint
        Thresholds chosen elsewhere, such as a bundle's; several for one output are all evaluated. An output without
        one gets Youden's, chosen on the table's validation photos, if test photos are evaluated and validation
        photos of both classes are there; else whatever needs a threshold is not estimable.
    resamples : int
        Of patients; 0 gives points without intervals.
    seed : int
        Same seed, same figures, whatever the order of the rows.
    stratified : bool
        False draws patients as a cohort study does. True draws within strata of the patients' rarest truth: for
        case-control collections, in which the share of positives was designed.

    Raises
    ------
    UserError
        If an operating point is for an output that the table does not have, or `resamples` or `seed` is negative.
    """
    if resamples < 0 or seed < 0:
        raise UserError(f"resamples ({resamples}) and seed ({seed}) must not be negative")
    for point in operating_points:
        if point.output not in predictions.outputs:
            raise UserError(
                f"there is an operating point for '{point.output}', but the predictions have no such output"
                f"{did_you_mean(point.output, predictions.outputs)}; they have {', '.join(predictions.outputs)}"
            )
    scope = evaluated_scope(predictions)
    samples = samples_of(scope.predictions)
    all_points, why_not = _operating_points(predictions, scope, operating_points)
    # Per output: the ranking, the Brier score, then one measure for each operating point.
    measures = {
        output: [ranking_measure(sample), brier_measure(sample)]
        + [count_measure(sample, point.threshold) for point in all_points[output]]
        for output, sample in samples.items()
    }
    resampling = resampling_of(scope.predictions, resamples, seed, stratified)
    flat = [measure for of_output in measures.values() for measure in of_output]
    resampled = iter(resample(flat, resampling))
    values = {output: [next(resampled) for _ in of_output] for output, of_output in measures.items()}
    return Evaluation(
        scope=scope.name,
        remarks=scope.remarks,
        photos=len(scope.predictions.table),
        patients=int(scope.predictions.table["patient"].nunique()),
        outputs=tuple(
            _output_evaluation(
                output, samples[output], measures[output], values[output], all_points[output], why_not[output], scope
            )
            for output in samples
        ),
        macro=_macro(samples, measures, values, scope.name) if len(samples) > 1 else (),
        resamples=resamples,
        seed=seed,
        stratified=stratified,
    )


def resampling_of(predictions: Predictions, resamples: int, seed: int, stratified: bool) -> Resampling:
    table = predictions.table
    patient = np.unique(table["patient"].to_numpy(dtype=str), return_inverse=True)[1]
    if not stratified:
        return Resampling(one_stratum(int(patient.max()) + 1), resamples, seed)
    truths = table[[TRUTH + output for output in predictions.outputs]].to_numpy(dtype=float)
    return Resampling(strata_of_rarest_truth(truths, patient), resamples, seed)


def _operating_points(
    predictions: Predictions, scope: Scope, given: Sequence[OperatingPoint]
) -> tuple[dict[str, tuple[OperatingPoint, ...]], dict[str, str]]:
    """The operating points of every output, and why an output has none."""
    chosen: dict[str, tuple[OperatingPoint, ...]] = {}
    why_not: dict[str, str] = {}
    validation = predictions.in_split("validation")
    for output in predictions.outputs:
        chosen[output] = tuple(point for point in given if point.output == output)
        why_not[output] = ""
        if chosen[output]:
            continue
        if scope.name != "test" or validation.table.empty:
            why_not[output] = "no operating point was given, and no validation photos to choose one on"
            continue
        try:
            chosen[output] = (choose_operating_point(validation, output),)
        except UserError as error:
            why_not[output] = str(error)
    return chosen, why_not


def _output_evaluation(
    output: str,
    sample: Sample,
    measures: list[Measure],
    values: list[np.ndarray],
    points: tuple[OperatingPoint, ...],
    why_not: str,
    scope: Scope,
) -> OutputEvaluation:
    found = [
        estimates(measure, point_values(measure, sample.columns), value, scope.name)
        for measure, value in zip(measures, values, strict=True)
    ]
    return OutputEvaluation(
        output=output,
        photos=len(sample.truth),
        patients=sample.patients(),
        positives=int((sample.truth == 1).sum()),
        negatives=int((sample.truth == 0).sum()),
        unknown=len(scope.predictions.table) - len(sample.truth),
        estimates=found[0] + found[1],
        at=tuple(
            AtOperatingPoint(point, confusion(sample, point.threshold), of_point)
            for point, of_point in zip(points, found[2:], strict=True)
        ),
        no_operating_point=why_not,
    )


def _macro(
    samples: dict[str, Sample],
    measures: dict[str, list[Measure]],
    values: dict[str, list[np.ndarray]],
    scope: str,
) -> tuple[Estimate, ...]:
    """Means of AUROC and AUPRC over the outputs that have them, resample by resample."""
    estimable = [output for output in samples if not samples[output].missing_class()]
    left_out = [output for output in samples if output not in estimable]
    found = []
    for index, metric in enumerate(("macro_auroc", "macro_auprc")):
        if not estimable:
            found.append(not_estimable(metric, f"no output has both positives and negatives in {scope}"))
            continue
        points = [point_values(measures[output][0], samples[output].columns)[index] for output in estimable]
        resampled = np.mean([values[output][0][index] for output in estimable], axis=0)
        scarcest = min((measures[output][0].bearings[index] for output in estimable), key=lambda b: b.patients)
        estimate = with_interval(metric, float(np.mean(points)), resampled, scarcest)
        if left_out:
            note = f"mean of {len(estimable)} of {len(samples)} outputs; not estimable: {', '.join(left_out)}"
            estimate = replace(estimate, note="; ".join(filter(None, [note, estimate.note])))
        found.append(estimate)
    return tuple(found)
