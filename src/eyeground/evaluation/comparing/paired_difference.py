"""The difference of two models on the same photos: DeLong's for AUROC, Tango's for decisions, patients as the unit.

Interval, p-value and verdict are of that one method. AUPRC has no such method: it is described by an interval of resamples,
which are the same for both models, and not tested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.comparing.mcnemar import Discordance, discordance
from eyeground.evaluation.comparing.thresholds import Threshold
from eyeground.evaluation.delong import DeLong, delong_difference, delong_within_folds
from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate, Support, few_patients_note, noted
from eyeground.evaluation.inversion import Contrast
from eyeground.evaluation.measures import Measure, compute, count_measure, ranking_measure
from eyeground.evaluation.metrics import AUPRC, AUROC
from eyeground.evaluation.paired_proportions import paired_proportions
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample

SENSITIVITY, SPECIFICITY = "sensitivity", "specificity"
# Patients of the scarcer class below which DeLong's interval of AUROCs 0.12 apart covered 0.91 to 0.93: docs/statistics.md.
NARROW_BELOW = 25
RANKING_METRICS, DECISION_METRICS = (AUROC, AUPRC), (SENSITIVITY, SPECIFICITY)


@dataclass(frozen=True)
class ModelResult:
    """One model on the photos of one output.

    Attributes:
        sample: The same truths and patients for every model.
        threshold: Or why there is none.
        values: By metric; without a threshold, sensitivity and specificity say why there is none.
    """

    model: str
    sample: Sample
    threshold: Threshold | str
    values: dict[str, Sampled]

    def right(self) -> np.ndarray:
        """Whether each photo is decided rightly at the threshold, shape (photos,)."""
        assert isinstance(self.threshold, Threshold)
        return np.asarray((self.sample.probability >= self.threshold.value) == (self.sample.truth == 1))


@dataclass(frozen=True)
class Difference:
    """One metric of two models: the first minus the second.

    Attributes:
        metric: `auroc`, `auprc`, `sensitivity` or `specificity`.
        first, second: The models.
        estimate: The difference with its 95 % interval over patients.
        support: What the interval rests on.
        contrast: What interval and p are of; None where nothing is tested.
        z: The difference over its standard error: DeLong's for AUROC, Tango's for decisions.
        p: Two-sided, where the interval begins to hold 0.
        p_adjusted: `p`, adjusted for all tests of its kind.
        discordance: Behind sensitivity and specificity.
        verdict: What is shown against the margin; empty where there was none, or nothing was tested.
    """

    metric: str
    first: str
    second: str
    estimate: Estimate
    support: Support
    contrast: Contrast | None = field(default=None, compare=False, repr=False)
    z: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    discordance: Discordance | None = None
    verdict: str = ""


def model_results(
    samples: Mapping[str, Mapping[str, Sample]],
    thresholds: Mapping[str, Mapping[str, Threshold | str]],
    resampling: Resampling,
) -> dict[str, dict[str, ModelResult]]:
    """Measure every model on every output in one pass over the resamples.

    Args:
        samples, thresholds: By output, then by model.
    """
    measures: dict[tuple[str, str, str], Measure] = {}
    for output, of_output in samples.items():
        for model, sample in of_output.items():
            measures[output, model, "ranking"] = ranking_measure(sample)
            threshold = thresholds[output][model]
            if isinstance(threshold, Threshold):
                measures[output, model, "decisions"] = count_measure(sample, threshold.value)
    computed = compute(measures, resampling)
    return {
        output: {
            model: ModelResult(
                model, sample, thresholds[output][model], _by_metric(computed, output, model, thresholds)
            )
            for model, sample in of_output.items()
        }
        for output, of_output in samples.items()
    }


def _by_metric(
    computed: Mapping[tuple[str, str, str], tuple[Sampled, ...]],
    output: str,
    model: str,
    thresholds: Mapping[str, Mapping[str, Threshold | str]],
) -> dict[str, Sampled]:
    threshold = thresholds[output][model]
    found = {value.metric: value for value in computed[output, model, "ranking"]}
    if isinstance(threshold, Threshold):
        return found | {value.metric: value for value in computed[output, model, "decisions"]}
    nothing = np.empty(0)
    return found | {
        metric: Sampled(metric, np.nan, nothing, Support(0, ""), why_not=threshold) for metric in DECISION_METRICS
    }


def differences_of(comparison: Mapping[str, ModelResult], pairs: Sequence[tuple[str, str]]) -> list[Difference]:
    """All differences of all pairs of models on one output: AUROC, AUPRC, sensitivity, specificity."""
    found = _delong(list(comparison.values()))
    place = {model: index for index, model in enumerate(comparison)}
    differences = []
    for first, second in pairs:
        one, other = comparison[first], comparison[second]
        differences.append(_of_auroc(one, other, found, (place[first], place[second])))
        differences.append(_described(AUPRC, one, other))
        differences += [_of_decisions(metric, one, other) for metric in DECISION_METRICS]
    return differences


def _delong(models: Sequence[ModelResult]) -> DeLong | None:
    """DeLong's covariance of all models; None where there is no AUROC."""
    sample = models[0].sample
    return delong_within_folds(sample, np.stack([result.sample.probability for result in models]))


def _described(metric: str, one: ModelResult, other: ModelResult) -> Difference:
    """The difference resample by resample, or why there is none; not tested."""
    apart = (one.values[metric] - other.values[metric]).named(_name(metric))
    return Difference(metric, one.model, other.model, apart.interval(), apart.support)


def _tested(metric: str, one: ModelResult, other: ModelResult, contrast: Contrast, support: Support) -> Difference:
    return Difference(
        metric,
        one.model,
        other.model,
        contrast.interval(_name(metric), few_patients_note(support)),
        support,
        contrast,
        z=contrast.statistic,
        p=contrast.p(),
    )


def _of_auroc(one: ModelResult, other: ModelResult, found: DeLong | None, places: tuple[int, int]) -> Difference:
    if found is None:
        return _described(AUROC, one, other)
    contrast = delong_difference(found, *places)
    support = one.sample.scarcer_class()
    if isinstance(contrast, Contrast):
        tested = _tested(AUROC, one, other, contrast, support)
        return replace(tested, estimate=noted(tested.estimate, _narrow_note(support)))
    value = float(found.auroc[places[0]] - found.auroc[places[1]])
    estimate = Estimate(_name(AUROC), value, note=f"no interval: {contrast}")
    return Difference(AUROC, one.model, other.model, estimate, support)


def _narrow_note(support: Support) -> str:
    if not FEW_PATIENTS <= support.patients < NARROW_BELOW:
        return ""
    return (
        f"{support.patients} {support.of}: if the AUROCs lie far apart, the interval is too narrow (holds it in 91 %)"
    )


def _of_decisions(metric: str, one: ModelResult, other: ModelResult) -> Difference:
    rows = one.sample.truth == (1 if metric == SENSITIVITY else 0)
    if not (isinstance(one.threshold, Threshold) and isinstance(other.threshold, Threshold) and rows.any()):
        return _described(metric, one, other)
    first, second, patient = one.right()[rows], other.right()[rows], one.sample.patient[rows]
    apart = discordance(first, second, patient)
    contrast = paired_proportions(first, second, patient)
    support = one.values[metric].support
    if support.patients < 2:
        note = f"no interval: only {support.patients} {support.of}"
        estimate = Estimate(_name(metric), contrast.value, note=note)
        return Difference(metric, one.model, other.model, estimate, support, discordance=apart)
    return replace(_tested(metric, one, other, contrast, support), discordance=apart)


def _name(metric: str) -> str:
    return f"{metric}_difference"
