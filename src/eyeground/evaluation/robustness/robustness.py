"""What corruptions do to a model, from its predictions of clean and corrupted photos; see docs/statistics.md.

Clean and corrupted photos share the resamples of patients, so a loss has the interval of a pair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.estimates import Estimate, not_estimable
from eyeground.evaluation.measures import compute, intervals, ranking_measure
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.robustness.corrupted_predictions import (
    CLEAN,
    Condition,
    CorruptedPredictions,
    corrupted_in_scope,
)
from eyeground.evaluation.robustness.severity_curves import FLIPPED, TO_NEGATIVE, flip_measure, lost, mean_over_outputs
from eyeground.evaluation.sampled import Sampled, mean
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
        remarks: Sentences that a reader of the results must know.
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
    """Compare the predictions of corrupted photos with those of the clean ones.

    Args:
        predictions: Test photos are evaluated, or all of them where none is marked as test.
        operating_points: Chosen elsewhere, such as a bundle's; the first of each output counts.
        resamples: Of patients; 0 gives points without intervals.
        seed: Same seed, same results, whatever the order of the rows.

    Raises:
        UserError: If nothing is corrupted, or the tables are not of the same photos, patients, truths and outputs.
    """
    cohort = cohort_of(predictions.clean, (), resamples, seed)
    rows = corrupted_in_scope(predictions, cohort.predictions)
    samples = {CLEAN: cohort.samples}
    samples |= {condition: samples_of(of, cohort.name, cohort.column) for condition, of in rows.items()}
    points = {output: next((p for p in operating_points if p.output == output), None) for output in samples[CLEAN]}
    # Percentiles everywhere, so that an AUROC and its change agree.
    measures = {
        (AUROC, condition, output): replace(ranking_measure(sample), is_jackknifed=False)
        for condition, of in samples.items()
        for output, sample in of.items()
    }
    for output, point in points.items():
        if point is not None:
            for condition in predictions.corrupted:
                flips = flip_measure(samples[CLEAN][output], samples[condition][output], point.threshold)
                measures[FLIPPED, condition, output] = flips
    computed = compute(measures, cohort.resampling)
    aurocs = {output: {condition: computed[AUROC, condition, output][0] for condition in samples} for output in points}
    outputs = []
    for output, point in points.items():
        sample = samples[CLEAN][output]
        flips_of = {condition: computed.get((FLIPPED, condition, output)) for condition in predictions.corrupted}
        counts = sample.photos, sample.patients(), sample.positives
        outputs.append(_output_robustness(output, counts, point, aurocs[output], flips_of))
    if len(outputs) > 1:
        counts = cohort.photos, cohort.patients, 0
        no_flips = dict.fromkeys(predictions.corrupted)
        over_outputs = mean_over_outputs(list(aurocs.values()))
        outputs.insert(0, _output_robustness(MEAN_OF_OUTPUTS, counts, None, over_outputs, no_flips))
    return Robustness(
        scope=cohort.name,
        remarks=cohort.remarks,
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
    aurocs: Mapping[Condition, Sampled],
    flips: Mapping[Condition, Sequence[Sampled] | None],
) -> OutputRobustness:
    clean = aurocs[CLEAN]
    by_severity: dict[int, list[Sampled]] = {}
    for condition in flips:
        by_severity.setdefault(condition[1], []).append(aurocs[condition])
    photos, patients, positives = counts
    return OutputRobustness(
        output=output,
        photos=photos,
        patients=patients,
        positives=positives,
        point=point,
        clean=clean.interval(),
        at=tuple(
            AtSeverity(
                *condition,
                aurocs[condition].interval(),
                (aurocs[condition] - clean).named(DIFFERENCE, clean.note).interval(),
                *_flips(found, output),
            )
            for condition, found in flips.items()
        ),
        means=tuple(_mean_at(severity, found, clean) for severity, found in sorted(by_severity.items())),
    )


def _mean_at(severity: int, aurocs: Sequence[Sampled], clean: Sampled) -> MeanOverCorruptions:
    averaged = mean(aurocs).named(MEAN, clean.note)
    difference = (averaged - clean).named(MEAN_DIFFERENCE, clean.note)
    return MeanOverCorruptions(
        severity, len(aurocs), averaged.interval(), difference.interval(), lost(averaged, clean).interval()
    )


def _flips(found: Sequence[Sampled] | None, output: str) -> tuple[Estimate, ...]:
    if found is not None:
        return intervals(found)
    is_mean = output == MEAN_OF_OUTPUTS
    why = "a mean over outputs decides nothing" if is_mean else "no operating point was given"
    return not_estimable(FLIPPED, why), not_estimable(TO_NEGATIVE, why)
