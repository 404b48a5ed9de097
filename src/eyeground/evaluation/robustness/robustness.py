"""What a model's figures become when photographs get worse, corruption by corruption and severity by severity.

Every corrupted photo is held against the same photo as it was, and all severities of all corruptions are weighed with the
same resamples of patients. So a loss has the interval of a pair, which is much narrower than the intervals of the
two AUROCs. Where photos come from and how they were corrupted is not known here: predictions of the clean and of the
corrupted photos are enough, of whatever model.

A ranking can survive what decisions do not: if every probability falls alike in the dark, the AUROC stays and the
fixed threshold misses disease. So the share of decisions that flip stands beside the AUROC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation.estimates import Estimate, not_estimable
from eyeground.evaluation.evaluating import resampling_of
from eyeground.evaluation.measures import Computed, compute, ranking_measure
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.robustness.corrupted_predictions import (
    CLEAN,
    Condition,
    CorruptedPredictions,
    photos_in_scope,
)
from eyeground.evaluation.robustness.severity_curves import FLIPPED, TO_NEGATIVE, Aurocs, flip_measure
from eyeground.evaluation.samples import samples_of

DIFFERENCE, MEAN, MEAN_DIFFERENCE = "auroc_difference", "mean_auroc", "mean_auroc_difference"
MEAN_OF_OUTPUTS = "mean over outputs"


@dataclass(frozen=True)
class AtSeverity:
    """One output under one corruption at one severity.

    Attributes:
        difference: AUROC of the corrupted photos minus that of the clean ones: negative is worse.
        flipped, flipped_to_negative: Share of photos whose decision at the operating point is another than on the clean
            photo, and of photos called positive only when clean.
    """

    corruption: str
    severity: int
    auroc: Estimate
    difference: Estimate
    flipped: Estimate
    flipped_to_negative: Estimate


@dataclass(frozen=True)
class MeanOverCorruptions:
    """One output at one severity, all corruptions weighing the same.

    Attributes:
        corruptions: How many have this severity.
        auroc, difference: Means of the AUROCs and of the differences.
        lost: Share of the clean AUROC's excess over chance (0.5) that is lost: 0 nothing, 1 all of it.
    """

    severity: int
    corruptions: int
    auroc: Estimate
    difference: Estimate
    lost: Estimate


@dataclass(frozen=True)
class OutputRobustness:
    """One output under all corruptions.

    Attributes:
        output: Or `MEAN_OF_OUTPUTS`.
        photos, patients, positives: With a known truth; for the mean over outputs, all photos and patients, and no
            positives.
        point: At which decisions are made.
        clean: AUROC of the clean photos.
        means: By rising severity.
    """

    output: str
    photos: int
    patients: int
    positives: int
    point: OperatingPoint | None
    clean: Estimate
    at: tuple[AtSeverity, ...]
    means: tuple[MeanOverCorruptions, ...]


@dataclass(frozen=True)
class Robustness:
    """All outputs under all corruptions.

    Attributes:
        scope: `test`, or `all photos` where none is marked as test.
        remarks: Sentences that a reader of the figures must know.
        corruptions: In the order in which they were given.
        severities: Rising.
        outputs: In the table's order; with several, their mean comes first.
        resamples, seed: Of the patient bootstrap.
    """

    scope: str
    remarks: tuple[str, ...]
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    outputs: tuple[OutputRobustness, ...]
    resamples: int
    seed: int


def robustness(
    predictions: CorruptedPredictions,
    operating_points: Sequence[OperatingPoint] = (),
    resamples: int = 2000,
    seed: int = 0,
) -> Robustness:
    """Hold the predictions of corrupted photos against those of the clean ones.

    Args:
        predictions: Test photos are evaluated, or all of them where none is marked as test.
        operating_points: Chosen elsewhere, such as a bundle's; the first of each output counts.
        resamples: Of patients; 0 gives points without intervals.
        seed: Same seed, same figures, whatever the order of the rows.

    Raises:
        UserError: If nothing is corrupted, or the tables are not of the same photos, patients, truths and outputs.
    """
    scope, rows = photos_in_scope(predictions)
    samples = {condition: samples_of(of) for condition, of in rows.items()}
    points = {output: next((p for p in operating_points if p.output == output), None) for output in samples[CLEAN]}
    resampling = resampling_of(scope.predictions, resamples, seed, stratified=False)
    measures = {(AUROC, c, o): ranking_measure(sample) for c, of in samples.items() for o, sample in of.items()}
    for output, point in points.items():
        if point is not None:
            for condition in predictions.corrupted:
                flips = flip_measure(samples[CLEAN][output], samples[condition][output], point.threshold)
                measures[FLIPPED, condition, output] = flips
    computed = compute(measures, resampling)
    aurocs = {output: Aurocs.of(output, samples, computed, scope.name) for output in points}
    outputs = []
    for output, point in points.items():
        sample = samples[CLEAN][output]
        flips_of = {condition: computed.get((FLIPPED, condition, output)) for condition in predictions.corrupted}
        counts = len(sample.truth), sample.patients(), int((sample.truth == 1).sum())
        outputs.append(_output_robustness(output, counts, point, aurocs[output], flips_of, scope.name))
    if len(outputs) > 1:
        counts = len(scope.predictions.table), resampling.strata.size, 0
        no_flips = dict.fromkeys(predictions.corrupted)
        mean = Aurocs.mean(list(aurocs.values()))
        outputs.insert(0, _output_robustness(MEAN_OF_OUTPUTS, counts, None, mean, no_flips, scope.name))
    return Robustness(
        scope=scope.name,
        remarks=scope.remarks,
        corruptions=tuple(dict.fromkeys(corruption for corruption, _ in predictions.corrupted)),
        severities=tuple(sorted({severity for _, severity in predictions.corrupted})),
        outputs=tuple(outputs),
        resamples=resamples,
        seed=seed,
    )


def _output_robustness(
    output: str,
    counts: tuple[int, int, int],
    point: OperatingPoint | None,
    aurocs: Aurocs,
    flips: Mapping[Condition, Computed | None],
    scope: str,
) -> OutputRobustness:
    by_severity: dict[int, list[Condition]] = {}
    for condition in flips:
        by_severity.setdefault(condition[1], []).append(condition)
    photos, patients, positives = counts
    return OutputRobustness(
        output=output,
        photos=photos,
        patients=patients,
        positives=positives,
        point=point,
        clean=aurocs.estimate(AUROC, [CLEAN]),
        at=tuple(
            AtSeverity(
                *condition,
                aurocs.estimate(AUROC, [condition]),
                aurocs.estimate(DIFFERENCE, [condition], minus_clean=True),
                *_flips(found, output, scope),
            )
            for condition, found in flips.items()
        ),
        means=tuple(
            MeanOverCorruptions(
                severity,
                len(conditions),
                aurocs.estimate(MEAN, conditions),
                aurocs.estimate(MEAN_DIFFERENCE, conditions, minus_clean=True),
                aurocs.lost(conditions),
            )
            for severity, conditions in sorted(by_severity.items())
        ),
    )


def _flips(found: Computed | None, output: str, scope: str) -> tuple[Estimate, Estimate]:
    if found is None:
        is_mean = output == MEAN_OF_OUTPUTS
        why = "a mean over outputs decides nothing" if is_mean else "no operating point was given"
        return not_estimable(FLIPPED, why), not_estimable(TO_NEGATIVE, why)
    flipped, to_negative = found.estimates(scope)
    return flipped, to_negative
