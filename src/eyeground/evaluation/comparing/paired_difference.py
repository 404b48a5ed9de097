"""The difference of two models' figures on the same photos: its interval, and what tests say of it.

Both models meet the same resamples of patients, so the difference is taken resample by resample. What makes a photo
hard for both cancels out, and the interval is narrower than two separate intervals suggest; that two intervals
overlap says nothing. Beside it stand tests that need no resampling: DeLong's for AUROC and Obuchowski's for
decisions, both over patients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.comparing.margin import verdict
from eyeground.evaluation.comparing.mcnemar import Discordance, discordance
from eyeground.evaluation.comparing.thresholds import Threshold
from eyeground.evaluation.delong import DeLong, delong, delong_test, mean_delong
from eyeground.evaluation.estimates import Estimate, Support, not_estimable, with_interval
from eyeground.evaluation.measures import Measure, compute, count_measure, ranking_measure
from eyeground.evaluation.metrics import AUPRC, AUROC
from eyeground.evaluation.samples import Sample

SENSITIVITY, SPECIFICITY = "sensitivity", "specificity"
RANKING_METRICS, DECISION_METRICS = (AUROC, AUPRC), (SENSITIVITY, SPECIFICITY)


@dataclass(frozen=True)
class Figure:
    """One metric of one model, with what differences need of it.

    Attributes:
        point: NaN where it is not estimable.
        resampled: Shape (resamples,).
    """

    estimate: Estimate
    point: float
    resampled: np.ndarray
    support: Support


@dataclass(frozen=True)
class ModelResult:
    """One model on the photos of one output.

    Attributes:
        sample: The same truths and patients for every model.
        threshold: Or why there is none.
        figures: By metric; those of decisions only where there is a threshold.
    """

    model: str
    sample: Sample
    threshold: Threshold | str
    figures: dict[str, Figure]

    def estimate(self, metric: str) -> Estimate:
        """One metric; without a threshold, sensitivity and specificity say why there is none."""
        if metric in self.figures:
            return self.figures[metric].estimate
        return not_estimable(metric, str(self.threshold))

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
        p_holm: `p`, adjusted for all tests of its family.
        p_bootstrap: The level at which the interval begins to hold 0; not adjusted.
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
    scope: str,
) -> dict[str, dict[str, ModelResult]]:
    """Measure every model on every output in one pass over the resamples.

    Args:
        samples, thresholds: By output, then by model.
        scope: Where a missing class is said to be missing ("test").
    """
    measures: dict[tuple[str, str, str], Measure] = {}
    for output, of_output in samples.items():
        for model, sample in of_output.items():
            measures[output, model, "ranking"] = ranking_measure(sample)
            threshold = thresholds[output][model]
            if isinstance(threshold, Threshold):
                measures[output, model, "decisions"] = count_measure(sample, threshold.value)
    figures: dict[tuple[str, str], dict[str, Figure]] = {}
    for (output, model, _), computed in compute(measures, resampling).items():
        of_model = figures.setdefault((output, model), {})
        for index, estimate in enumerate(computed.estimates(scope)):
            of_model[estimate.metric] = Figure(
                estimate, float(computed.point[index]), computed.resampled[index], computed.measure.supports[index]
            )
    return {
        output: {
            model: ModelResult(model, sample, thresholds[output][model], figures[output, model])
            for model, sample in of_output.items()
        }
        for output, of_output in samples.items()
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
        differences.append(_difference(AUPRC, one, other, one.figures[AUPRC].support, margin))
        differences += [_of_decisions(metric, one, other, margin) for metric in DECISION_METRICS]
    return differences


def bootstrap_p(resampled: np.ndarray) -> float:
    """The two-sided p of a difference of 0, by inversion of the percentile interval.

    It is the smallest level at which the percentile interval would leave out 0: twice the smaller share of resamples
    on either side of 0, those at 0 counting on both. One is added to either count, so that no p is below what the
    number of resamples can show: 2 / (resamples + 1).

    Args:
        resampled: Shape (resamples,): the difference in each; NaN is left out.

    References:
        Davison and Hinkley, Bootstrap Methods and their Application (1997), sections 4.2 and 5.5.

    >>> bootstrap_p(np.arange(-99, 900))
    0.202
    """
    values = resampled[~np.isnan(resampled)]
    fewer = min(int((values <= 0).sum()), int((values >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(values) + 1))


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
    metric: str, one: ModelResult, other: ModelResult, support: Support, margin: float | None
) -> Difference:
    """The difference with its interval and verdict, without any test."""
    name = f"{metric}_difference"
    for result in (one, other):
        estimate = result.estimate(metric)
        if estimate.value is None:
            return Difference(metric, one.model, other.model, Estimate(name, None, note=estimate.note))
    first, second = one.figures[metric], other.figures[metric]
    resampled = first.resampled - second.resampled
    estimate = with_interval(name, first.point - second.point, resampled, support)
    return Difference(
        metric,
        one.model,
        other.model,
        estimate,
        p_bootstrap=None if estimate.low is None else bootstrap_p(resampled),
        verdict="" if margin is None else verdict(estimate, support, margin),
    )


def _of_auroc(
    one: ModelResult, other: ModelResult, found: DeLong | None, places: tuple[int, int], margin: float | None
) -> Difference:
    difference = _difference(AUROC, one, other, one.figures[AUROC].support, margin)
    if found is None:
        return difference
    test = delong_test(found, *places)
    return replace(difference, z=test.z, p=test.p)


def _of_decisions(metric: str, one: ModelResult, other: ModelResult, margin: float | None) -> Difference:
    if not (isinstance(one.threshold, Threshold) and isinstance(other.threshold, Threshold)):
        return _difference(metric, one, other, Support(0, ""), margin)
    rows = one.sample.truth == (1 if metric == SENSITIVITY else 0)
    if not rows.any():
        return _difference(metric, one, other, Support(0, ""), margin)
    apart = discordance(one.right()[rows], other.right()[rows], one.sample.patient[rows])
    # Where the models agree there is nothing to resample, however many patients there are.
    support = Support(apart.patients, "patients decided differently")
    difference = _difference(metric, one, other, support, margin)
    return replace(difference, z=apart.z, p=apart.p, discordance=apart)
