"""From a predictions table to every figure with its interval, in one pass over the resamples.

All outputs are computed on the same resamples of patients. That is what makes the interval of a macro average,
and later of any difference between outputs, a joint one.

A threshold is one that was given or chosen on validation rows of the table. Without either, everything that needs
a threshold is reported as not estimable: one picked on the very photos it is measured on flatters the model. Who
asks for a rule by name gets even that, but every figure at it then says that it is optimistic.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import TRUTH, Predictions
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.averages import macro, micro_measure
from eyeground.evaluation.bootstrap import Resampling, one_stratum, strata_of_rarest_truth
from eyeground.evaluation.calibration_measures import calibration_error_measure, recalibration_measure
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.evaluate_multi_output import (
    Decision,
    decisions_of,
    evaluate_multi_output,
    multi_output_measures,
    multi_output_samples,
)
from eyeground.evaluation.flow import Scope, evaluated_scope
from eyeground.evaluation.folds import between_folds, evaluate_folds, fold_remarks
from eyeground.evaluation.measures import (
    Computed,
    Measure,
    brier_measure,
    compute,
    confusion,
    count_measure,
    noted,
    ranking_measure,
)
from eyeground.evaluation.multi_output import MultiOutputSample
from eyeground.evaluation.operating_points import OPTIMISTIC, choose_points
from eyeground.evaluation.results import AtOperatingPoint, Evaluation, OutputEvaluation
from eyeground.evaluation.samples import Sample, folds_of, samples_of

__all__ = ["AtOperatingPoint", "Evaluation", "OutputEvaluation", "evaluate", "resampling_of"]

# What is measured of what: ("output", "dr", "ranking"), ("target", "grade", "micro"), ("all outputs", "", "micro").
Key = tuple[str, str, str]
RANKING, BRIER, CALIBRATION_ERROR, RECALIBRATION = "ranking", "Brier score", "calibration error", "recalibration"
WITHOUT_THRESHOLD = (RANKING, BRIER, CALIBRATION_ERROR, RECALIBRATION)
MICRO = ("all outputs", "", "micro")


def evaluate(
    predictions: Predictions,
    operating_points: Sequence[OperatingPoint] = (),
    resamples: int = 2000,
    seed: int = 0,
    stratified: bool = False,
    rules: Sequence[str] = (),
    prevalences: Sequence[float] = (),
) -> Evaluation:
    """Evaluate the test photos of a predictions table, or all of them where none is marked as test.

    Args:
        predictions: Where every evaluated photo belongs to a fold, AUROC and AUPRC are means within folds (see
            `measures.ranking_measure`), and patients are drawn within folds.
        operating_points: Thresholds chosen elsewhere, such as a bundle's; several for one output are all evaluated.
        resamples: Of patients; 0 gives points without intervals.
        seed: Same seed, same figures, whatever the order of the rows.
        stratified: False draws patients as a cohort study does. True draws within strata of the patients' rarest truth:
            for case-control collections, in which the share of positives was designed.
        rules: Rules of operating points as in `choose_operating_point`, chosen for every output on the table's
            validation photos, besides those given. A table without validation photos has them chosen on the evaluated
            photos: every figure at them is then called optimistic. Without rules, an output without a given operating
            point gets Youden's, chosen on validation photos or not at all; whatever needs a threshold is then not
            estimable.
        prevalences: Above 0 and below 1: PPV and NPV are also given for populations of these shares of positives.

    Raises:
        UserError: If an operating point is for an output that the table does not have, a rule is not known, a
            prevalence is out of range, `resamples` or `seed` is negative, or the table is empty.
    """
    _check(predictions, operating_points, resamples, seed, prevalences)
    scope = evaluated_scope(predictions)
    samples = samples_of(scope.predictions)
    points, why_not = choose_points(predictions, scope, operating_points, rules)
    photos = len(scope.predictions.table)
    families, contradictions = multi_output_samples(scope.predictions)
    decisions = {sample.family.target: decisions_of(sample.family, points) for sample in families}
    measures = _measures(samples, points, tuple(prevalences), families, decisions, photos)
    computed = compute(measures, resampling_of(scope.predictions, resamples, seed, stratified))
    rankings = {output: computed["output", output, RANKING] for output in samples}
    return Evaluation(
        scope=scope.name,
        remarks=(*scope.remarks, *fold_remarks(scope.predictions), *contradictions, *_optimism(points)),
        photos=photos,
        patients=int(scope.predictions.table["patient"].nunique()),
        outputs=tuple(
            _output_evaluation(
                output, sample, _part(computed, "output", output), points[output], why_not[output], prevalences, scope
            )
            for output, sample in samples.items()
        ),
        macro=macro(rankings, scope.name) if len(samples) > 1 else (),
        resamples=resamples,
        seed=seed,
        stratified=stratified,
        micro=computed[MICRO].estimates(scope.name) if len(samples) > 1 else (),
        families=tuple(
            evaluate_multi_output(
                sample,
                decisions[sample.family.target],
                _part(computed, "target", sample.family.target),
                {output: rankings[output] for output in sample.family.outputs},
                scope,
            )
            for sample in families
        ),
    )


def resampling_of(predictions: Predictions, resamples: int, seed: int, stratified: bool) -> Resampling:
    """How the patients of a table are resampled: within folds where it has them, and within strata of truth if asked."""
    table = predictions.table
    patient = np.unique(table["patient"].to_numpy(dtype=str), return_inverse=True)[1]
    strata = one_stratum(int(patient.max()) + 1)
    if stratified:
        truths = table[[TRUTH + output for output in predictions.outputs]].to_numpy(dtype=float)
        strata = strata_of_rarest_truth(truths, patient)
    fold = folds_of(predictions)
    if fold is not None:
        # A patient in several folds, which a remark tells of, is drawn with the first.
        first = fold[np.unique(patient, return_index=True)[1]]
        strata = np.unique(np.stack([first, strata]), axis=1, return_inverse=True)[1].astype(np.int64)
    return Resampling(strata, resamples, seed)


def _check(
    predictions: Predictions, points: Sequence[OperatingPoint], resamples: int, seed: int, prevalences: Sequence[float]
) -> None:
    if resamples < 0 or seed < 0:
        raise UserError(f"resamples ({resamples}) and seed ({seed}) must not be negative")
    if predictions.table.empty:
        raise UserError("there is nothing to evaluate: the predictions table has no rows")
    for prevalence in prevalences:
        if not 0 < prevalence < 1:
            raise UserError(f"a prevalence of {prevalence:g} is out of range; it is a share above 0 and below 1")
    for point in points:
        if point.output not in predictions.outputs:
            raise UserError(
                f"there is an operating point for '{point.output}', but the predictions have no such output"
                f"{did_you_mean(point.output, predictions.outputs)}; they have {', '.join(predictions.outputs)}"
            )


def _measures(
    samples: Mapping[str, Sample],
    points: Mapping[str, Sequence[OperatingPoint]],
    prevalences: tuple[float, ...],
    families: Sequence[MultiOutputSample],
    decisions: Mapping[str, Sequence[Decision]],
    photos: int,
) -> dict[Key, Measure]:
    """Everything to compute: of single outputs, of targets of several classes, and of all pairs of photo and output."""
    measures: dict[Key, Measure] = {}
    for output, sample in samples.items():
        of_output = _output_measures(sample, points[output], prevalences)
        measures |= {("output", output, what): measure for what, measure in of_output.items()}
    for family in families:
        target, steps = family.family.target, [samples[output] for output in family.family.outputs]
        of_target = multi_output_measures(family, decisions[target], steps, photos)
        measures |= {("target", target, what): measure for what, measure in of_target.items()}
    if len(samples) > 1:
        measures[MICRO] = micro_measure(list(samples.values()), photos)
    return measures


def _part(computed: Mapping[Key, Computed], kind: str, name: str) -> dict[str, Computed]:
    return {what: found for (of_kind, of_name, what), found in computed.items() if (of_kind, of_name) == (kind, name)}


def _output_measures(
    sample: Sample, points: Sequence[OperatingPoint], prevalences: tuple[float, ...]
) -> dict[str, Measure]:
    measures = {
        RANKING: ranking_measure(sample),
        BRIER: brier_measure(sample),
        CALIBRATION_ERROR: calibration_error_measure(sample),
        RECALIBRATION: recalibration_measure(sample),
    }
    for index, point in enumerate(points):
        measures[f"point {index}"] = count_measure(sample, point.threshold, prevalences)
    for number, part in sample.by_fold().items():
        measures[f"fold {number}"] = ranking_measure(part)
    return measures


def _output_evaluation(
    output: str,
    sample: Sample,
    computed: Mapping[str, Computed],
    points: Sequence[OperatingPoint],
    why_not: str,
    prevalences: Sequence[float],
    scope: Scope,
) -> OutputEvaluation:
    folds = evaluate_folds(sample, {number: computed[f"fold {number}"] for number in sample.by_fold()})
    return OutputEvaluation(
        output=output,
        photos=len(sample.truth),
        patients=sample.patients(),
        positives=int((sample.truth == 1).sum()),
        negatives=int((sample.truth == 0).sum()),
        unknown=len(scope.predictions.table) - len(sample.truth),
        estimates=tuple(estimate for what in WITHOUT_THRESHOLD for estimate in computed[what].estimates(scope.name)),
        at=tuple(
            _at(point, sample, computed[f"point {index}"].estimates(scope.name)) for index, point in enumerate(points)
        ),
        no_operating_point=why_not,
        prevalences=tuple(prevalences),
        folds=folds,
        between_folds=between_folds(folds),
    )


def _at(point: OperatingPoint, sample: Sample, found: tuple[Estimate, ...]) -> AtOperatingPoint:
    if point.chosen_on == "test":
        found = tuple(noted(estimate, OPTIMISTIC) for estimate in found)
    return AtOperatingPoint(point, confusion(sample, point.threshold), found)


def _optimism(points: Mapping[str, Sequence[OperatingPoint]]) -> tuple[str, ...]:
    outputs = [output for output, chosen in points.items() if any(point.chosen_on == "test" for point in chosen)]
    if not outputs:
        return ()
    return (
        f"Thresholds of {', '.join(outputs)} were chosen on the photos they are measured on: every figure at them is "
        "optimistic.",
    )
