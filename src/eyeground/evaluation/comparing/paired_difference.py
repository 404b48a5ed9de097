"""The difference of two models on the same photos: its interval, and the tests of DeLong and Obuchowski.

Both models have the same resamples of patients, so the difference is taken resample by resample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.comparing.margin import verdict
from eyeground.evaluation.comparing.mcnemar import Discordance, discordance
from eyeground.evaluation.comparing.thresholds import Threshold
from eyeground.evaluation.delong import DeLong, delong, delong_test, mean_delong
from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.measures import Measure, compute, count_measure, ranking_measure
from eyeground.evaluation.metrics import AUPRC, AUROC
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample

SENSITIVITY, SPECIFICITY = "sensitivity", "specificity"
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
        z, p: Over patients: DeLong's for AUROC, Obuchowski's for decisions; none for AUPRC, which has no such test.
        p_holm: `p`, adjusted for all tests of its kind.
        p_bootstrap: The level at which the interval begins to contain 0; not adjusted.
        discordance: Behind sensitivity and specificity.
        verdict: What the interval shows against the margin; empty where there was none.
    """

    metric: str
    first: str
    second: str
    estimate: Estimate
    z: float | None = None
    p: float | None = None
    p_holm: float | None = None
    p_bootstrap: float | None = None
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


def differences_of(
    comparison: Mapping[str, ModelResult], pairs: Sequence[tuple[str, str]], margin: float | None
) -> list[Difference]:
    """All differences of all pairs of models on one output: AUROC, AUPRC, sensitivity, specificity."""
    found = _delong(list(comparison.values()))
    place = {model: index for index, model in enumerate(comparison)}
    differences = []
    for first, second in pairs:
        one, other = comparison[first], comparison[second]
        differences.append(_of_auroc(one, other, found, (place[first], place[second]), margin))
        differences.append(_difference(AUPRC, one, other, margin))
        differences += [_of_decisions(metric, one, other, margin) for metric in DECISION_METRICS]
    return differences


def _delong(models: Sequence[ModelResult]) -> DeLong | None:
    """DeLong's covariance of all models; None where there is no AUROC.

    The AUROC of cross-validated predictions is a mean over folds, which share no patient, and so is its covariance.
    """
    sample = models[0].sample
    scores = np.stack([result.sample.probability for result in models])
    folds = np.zeros(len(sample.truth)) if sample.fold is None else sample.fold
    within = [folds == number for number in np.unique(folds)]
    found = [
        delong(sample.truth[rows], scores[:, rows], sample.patient[rows])
        for rows in within
        if np.ptp(sample.truth[rows])
    ]
    return mean_delong(found) if found else None


def _difference(
    metric: str, one: ModelResult, other: ModelResult, margin: float | None, support: Support | None = None
) -> Difference:
    """The difference with its interval and verdict, without any test; it rests on `support`, or on the scarcer of the two."""
    apart = (one.values[metric] - other.values[metric]).named(f"{metric}_difference")
    apart = replace(apart, support=support or apart.support)
    estimate = apart.interval()
    return Difference(
        metric,
        one.model,
        other.model,
        estimate,
        p_bootstrap=apart.p(),
        verdict="" if margin is None or estimate.value is None else verdict(estimate, apart.support, margin),
    )


def _of_auroc(
    one: ModelResult, other: ModelResult, found: DeLong | None, places: tuple[int, int], margin: float | None
) -> Difference:
    difference = _difference(AUROC, one, other, margin)
    if found is None:
        return difference
    test = delong_test(found, *places)
    return replace(difference, z=test.z, p=test.p)


def _of_decisions(metric: str, one: ModelResult, other: ModelResult, margin: float | None) -> Difference:
    if not (isinstance(one.threshold, Threshold) and isinstance(other.threshold, Threshold)):
        return _difference(metric, one, other, margin)
    rows = one.sample.truth == (1 if metric == SENSITIVITY else 0)
    if not rows.any():
        return _difference(metric, one, other, margin)
    apart = discordance(one.right()[rows], other.right()[rows], one.sample.patient[rows])
    # Where the models agree there is nothing to resample, however many patients there are.
    support = Support(apart.patients, "patients decided differently")
    difference = _difference(metric, one, other, margin, support)
    return replace(difference, z=apart.z, p=apart.p, discordance=apart)
