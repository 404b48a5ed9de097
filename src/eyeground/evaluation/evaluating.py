"""From a predictions table to every metric with its interval, in one pass over the resamples.

All outputs share the resamples of patients, so intervals of averages are joint. See docs/statistics.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.averages import macro, micro_measure
from eyeground.evaluation.calibration_measures import calibration_error_measure, recalibration_measure
from eyeground.evaluation.cohort import Cohort, cohort_of
from eyeground.evaluation.estimates import Estimate, noted
from eyeground.evaluation.evaluate_multi_output import (
    Decision,
    decisions_of,
    evaluate_multi_output,
    multi_output_measures,
    multi_output_samples,
)
from eyeground.evaluation.flow import patients_known
from eyeground.evaluation.folds import between_folds, evaluate_folds, fold_remarks
from eyeground.evaluation.measures import (
    Measure,
    brier_measure,
    compute,
    confusion,
    count_measure,
    intervals,
    ranking_measure,
)
from eyeground.evaluation.multi_output import MultiOutputSample
from eyeground.evaluation.operating_points import OPTIMISTIC, choose_points
from eyeground.evaluation.partial_roc import partial_estimates
from eyeground.evaluation.results import AtOperatingPoint, Evaluation, OutputEvaluation
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.sources import Sources, pooled_note, sources_of, within_source_measure

# What is measured of what: ("output", "dr", "ranking"), ("target", "grade", "micro"), ("all outputs", "", "micro").
Key = tuple[str, str, str]
Values = tuple[Sampled, ...]
RANKING, BRIER, CALIBRATION_ERROR, RECALIBRATION = "ranking", "Brier score", "calibration error", "recalibration"
WITHIN_SOURCE = "within source"
WITHOUT_THRESHOLD = (WITHIN_SOURCE, RANKING, BRIER, CALIBRATION_ERROR, RECALIBRATION)
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
        seed: Same seed, same results, whatever the order of the rows.
        stratified: False draws patients as a cohort study does. True draws within strata of the patients' rarest truth:
            for case-control collections, in which the share of positives was designed.
        rules: Rules of operating points as in `choose_operating_point`, chosen for every output on the table's
            validation photos, in addition to those given. A table without validation photos has them chosen on the evaluated
            photos: every result at them is then called optimistic. Without rules, an output without a given operating
            point gets Youden's, chosen on validation photos or not at all; whatever needs a threshold is then not
            estimable.
        prevalences: Above 0 and below 1: PPV and NPV are also given for populations of these shares of positives.

    Raises:
        UserError: If an operating point is for an output that the table does not have, a rule is not known, a
            prevalence is out of range, `resamples` or `seed` is negative, or the table is empty.
    """
    for prevalence in prevalences:
        if not 0 < prevalence < 1:
            raise UserError(f"a prevalence of {prevalence:g} is out of range; it is a share above 0 and below 1")
    cohort = cohort_of(predictions, operating_points, resamples, seed, stratified)
    chosen, why_not = choose_points(predictions, cohort, rules)
    # Wherever one point stands for an output, it is the first, and that is an optimistic one only if all are.
    points = {output: sorted(of_output, key=_is_optimistic) for output, of_output in chosen.items()}
    targets, contradictions = multi_output_samples(cohort)
    decisions = {sample.family.target: decisions_of(sample.family, points) for sample in targets}
    sources = sources_of(cohort.predictions)
    measures = _measures(cohort, points, tuple(prevalences), targets, decisions, sources)
    computed = compute(measures, cohort.resampling)
    rankings = {output: computed["output", output, RANKING] for output in cohort.samples}
    has_several = len(cohort.samples) > 1
    return Evaluation(
        scope=cohort.name,
        remarks=(*cohort.remarks, *fold_remarks(cohort.predictions), *contradictions, *_optimism(points)),
        photos=cohort.photos,
        patients=cohort.patients,
        outputs=tuple(
            _output_evaluation(
                output, cohort, _part(computed, "output", output), points[output], why_not[output], prevalences
            )
            for output in cohort.samples
        ),
        macro=_macro(computed, cohort, sources is not None) if has_several else (),
        resamples=resamples,
        seed=seed,
        stratified=stratified,
        patients_known=patients_known(cohort.predictions),
        micro=intervals(computed[MICRO]) if has_several else (),
        families=tuple(
            evaluate_multi_output(
                sample,
                decisions[sample.family.target],
                _part(computed, "target", sample.family.target),
                {output: rankings[output] for output in sample.family.outputs},
                cohort,
            )
            for sample in targets
        ),
    )


def _macro(computed: Mapping[Key, Values], cohort: Cohort, has_sources: bool) -> tuple[Estimate, ...]:
    areas = (WITHIN_SOURCE, RANKING) if has_sources else (RANKING,)
    by_output = ({output: computed["output", output, area] for output in cohort.samples} for area in areas)
    return tuple(estimate for values in by_output for estimate in macro(values, cohort.name))


def _measures(
    cohort: Cohort,
    points: Mapping[str, Sequence[OperatingPoint]],
    prevalences: tuple[float, ...],
    targets: Sequence[MultiOutputSample],
    decisions: Mapping[str, Sequence[Decision]],
    sources: Sources | None,
) -> dict[Key, Measure]:
    """Everything to compute: of single outputs, of targets of several classes, and of all pairs of photo and output."""
    samples = cohort.samples
    measures: dict[Key, Measure] = {}
    for output, sample in samples.items():
        of_output = _output_measures(sample, points[output], prevalences)
        if sources is not None:
            of_output[WITHIN_SOURCE] = within_source_measure(sample, sources, cohort.known(output))
            note = "; ".join(filter(None, [of_output[RANKING].note, pooled_note(sources)]))
            of_output[RANKING] = replace(of_output[RANKING], note=note)
        measures |= {("output", output, what): measure for what, measure in of_output.items()}
    for sample_of_target in targets:
        target, steps = sample_of_target.family.target, [samples[output] for output in sample_of_target.family.outputs]
        of_target = multi_output_measures(sample_of_target, decisions[target], steps, cohort.photos)
        measures |= {("target", target, what): measure for what, measure in of_target.items()}
    if len(samples) > 1:
        measures[MICRO] = micro_measure(list(samples.values()), cohort.photos)
    return measures


def _part(computed: Mapping[Key, Values], kind: str, name: str) -> dict[str, Values]:
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
    cohort: Cohort,
    computed: Mapping[str, Values],
    points: Sequence[OperatingPoint],
    why_not: str,
    prevalences: Sequence[float],
) -> OutputEvaluation:
    sample = cohort.samples[output]
    folds = evaluate_folds(sample, {number: computed[f"fold {number}"] for number in sample.by_fold()})
    return OutputEvaluation(
        output=output,
        photos=sample.photos,
        patients=sample.patients(),
        positives=sample.positives,
        negatives=sample.photos - sample.positives,
        unknown=cohort.photos - sample.photos,
        estimates=(
            *(estimate for what in WITHOUT_THRESHOLD if what in computed for estimate in intervals(computed[what])),
            *partial_estimates(sample, cohort.resampling.resamples > 0),
        ),
        at=tuple(_at(point, sample, intervals(computed[f"point {index}"])) for index, point in enumerate(points)),
        no_operating_point=why_not,
        prevalences=tuple(prevalences),
        folds=folds,
        between_folds=between_folds(folds),
    )


def _at(point: OperatingPoint, sample: Sample, found: tuple[Estimate, ...]) -> AtOperatingPoint:
    if _is_optimistic(point):
        found = tuple(noted(estimate, OPTIMISTIC) for estimate in found)
    return AtOperatingPoint(point, confusion(sample, point.threshold), found)


def _is_optimistic(point: OperatingPoint) -> bool:
    return point.chosen_on == "test"


def _optimism(points: Mapping[str, Sequence[OperatingPoint]]) -> tuple[str, ...]:
    outputs = [output for output, chosen in points.items() if any(map(_is_optimistic, chosen))]
    if not outputs:
        return ()
    return (
        f"Thresholds of {', '.join(outputs)} were chosen on the photos they are measured on: every result at them is "
        "optimistic.",
    )
