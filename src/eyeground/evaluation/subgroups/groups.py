"""Groups of photos (subgroups of one study, or entire datasets) and the metrics by which they are compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.auroc_interval import auroc_limits
from eyeground.evaluation.auroc_limits import auroc_gap
from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.comparing.multiplicity import holm
from eyeground.evaluation.count_metrics import share_limits
from eyeground.evaluation.delong import DeLong, delong_within_folds
from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.linear_areas import linear_areas
from eyeground.evaluation.measures import Measure, compute
from eyeground.evaluation.metrics import AUROC, BRIER, NEGATIVES, POSITIVES, TITLES, per_patient
from eyeground.evaluation.proportion_gap import Share, proportion_gap, share_of
from eyeground.evaluation.ranking import rank
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.gaps import Gap, apart, gap_between, tested_gap
from eyeground.evaluation.weighted_sums import OfSums

SENSITIVITY, SPECIFICITY = "sensitivity", "specificity"
CALIBRATION, PREVALENCE = "mean_calibration", "prevalence"
GROUP_TITLES = TITLES | {CALIBRATION: "Mean calibration", PREVALENCE: "Prevalence"}


@dataclass(frozen=True)
class GroupEstimate:
    """One metric of a group, the operating point it needs (or None), and its gap (None where there is none)."""

    estimate: Estimate
    point: OperatingPoint | None = None
    gap: Gap | None = None


@dataclass(frozen=True)
class Group:
    """All results of a group of photos.

    Attributes:
        photos, patients, positives: Those whose truth is known.
        metrics: In the same order for every group of an analysis.
    """

    name: str
    photos: int
    patients: int
    positives: int
    metrics: tuple[GroupEstimate, ...]

    def metric(self, metric: str, point: OperatingPoint | None = None) -> GroupEstimate:
        """One metric, at one operating point where it needs one (the first by default).

        Raises:
            KeyError: If there is no such metric.
        """
        for found in self.metrics:
            if found.estimate.metric == metric and point in (None, found.point):
                return found
        raise KeyError(metric)


@dataclass(frozen=True)
class Measured:
    """A group's values on the resamples, one for each metric, the operating points that they need, and DeLong's AUROC."""

    sample: Sample
    points: tuple[OperatingPoint | None, ...]
    values: tuple[Sampled, ...]
    delong: DeLong | None


def auroc_measure(sample: Sample) -> Measure:
    """The AUROC of `ranking_measure` without the AUPRC, which differs between groups with the prevalence."""
    folds = list(sample.by_fold().values()) or [sample]
    ranked = [part for part in folds if not part.missing_class()]
    missing = sample.missing_class() or ("" if ranked else "fold with both positives and negatives")
    note = f"mean within {len(ranked)} of {len(folds)} folds" if sample.fold is not None else ""
    limits = (
        partial(auroc_limits, [(part.truth, part.probability, part.patient) for part in ranked]) if ranked else None
    )
    of = _mean_auroc(ranked)
    return Measure(
        (AUROC,), (missing,), (sample.scarcer_class(),), (False,), of, note, where=sample.where, limits=(limits,)
    )


def _mean_auroc(parts: Sequence[Sample]) -> Callable[[np.ndarray], np.ndarray]:
    """The mean of the parts' AUROCs, NaN where a resample lacks a class in one of them."""
    linear = linear_areas(parts)
    if linear is not None:
        return OfSums(linear.sums, lambda sums: np.mean(linear.auroc(sums), axis=0, keepdims=True))
    ranked = [rank(part.truth, part.probability, part.column) for part in parts]
    return lambda weights: np.mean(
        [ranking.auroc(weights) for ranking in ranked] or [np.full(len(weights), np.nan)], axis=0, keepdims=True
    )


def shares_measure(sample: Sample, points: Sequence[OperatingPoint]) -> Measure:
    """Prevalence, Brier score, mean calibration, then sensitivity and specificity at each operating point.

    Mean calibration is the mean probability minus the share of positives: above 0, the model predicts more disease
    than there is (van Calster et al., Journal of Clinical Epidemiology 74 (2016) 167). The intercept of a recalibration
    says the same on the scale of logits, but needs a fit in every resample of every group.
    """
    truth, probability = sample.truth, sample.probability
    positive = truth == 1
    everyone = np.ones(len(truth))
    numerators, denominators = [truth, (probability - truth) ** 2, probability - truth], [everyone] * 3
    names, lacking = [PREVALENCE, BRIER, CALIBRATION], ["photos with a known truth"] * 3
    for point in points:
        called = probability >= point.threshold
        numerators += [called & positive, ~called & ~positive]
        denominators += [positive, ~positive]
        names += [SENSITIVITY, SPECIFICITY]
        lacking += [POSITIVES, NEGATIVES]
    sums = per_patient(np.stack([*numerators, *denominators], axis=1), sample.column, sample.columns)
    patients = (sums[:, len(names) :] > 0).sum(axis=0).tolist()
    supports = tuple(Support(number, _patients_with(what)) for number, what in zip(patients, lacking, strict=True))
    counted, photos = np.split(sums.T, 2)
    return Measure(
        metrics=tuple(names),
        missing=tuple("" if number else what for number, what in zip(patients, lacking, strict=True)),
        supports=supports,
        are_proportions=(False,) * len(names),
        of=OfSums(sums, lambda weighted: ratio(*np.split(weighted.T, 2))),
        where=sample.where,
        limits=tuple(
            None if name in (BRIER, CALIBRATION) else partial(share_limits, counted[place], photos[place], support)
            for place, (name, support) in enumerate(zip(names, supports, strict=True))
        ),
    )


def measure_groups(
    samples: Sequence[Sample],
    points: Sequence[tuple[OperatingPoint, ...]],
    resampling: Resampling,
    area: Callable[[Sample], Measure] = auroc_measure,
) -> list[Measured]:
    """Measure groups over one set of patients in one pass over the resamples.

    Args:
        samples: One for each group.
        points: Those of each group's output.
        resampling: Of the patients that all samples are numbered by.
        area: The measure of ranking: `auroc_measure`, or `measures.ranking_measure` to have the AUPRC too.
    """
    pairs = [(area(sample), shares_measure(sample, of)) for sample, of in zip(samples, points, strict=True)]
    computed = compute(dict(enumerate(measure for pair in pairs for measure in pair)), resampling)
    found = []
    for number, (sample, of) in enumerate(zip(samples, points, strict=True)):
        values = computed[2 * number] + computed[2 * number + 1]
        at = [point for point in of for _ in (SENSITIVITY, SPECIFICITY)]
        ranked = delong_within_folds(sample, sample.probability[np.newaxis])
        found.append(Measured(sample, (*[None] * (len(values) - len(at)), *at), values, ranked))
    return found


def group(name: str, measured: Measured, against: Measured | None = None, share_patients: bool = True) -> Group:
    """Put a group together, with the gaps to another one, if given, of all metrics but the prevalence.

    Args:
        share_patients: Whether a patient of the same number in both groups is the same patient.
    """
    metrics = []
    for index, (value, point) in enumerate(zip(measured.values, measured.points, strict=True)):
        between = None
        if against is not None and value.metric != PREVALENCE:
            between = _gap(index, measured, against, share_patients)
        metrics.append(GroupEstimate(value.interval(), point, between))
    sample = measured.sample
    return Group(name, sample.photos, sample.patients(), sample.positives, tuple(metrics))


def _gap(index: int, measured: Measured, against: Measured, share_patients: bool) -> Gap:
    """Of one metric: AUROC and shares by the intervals of both groups, the others resample by resample."""
    one, other = measured.values[index], against.values[index]
    point = measured.points[index]
    difference = apart(one, other)
    if difference.why_not or (one.metric != AUROC and point is None):
        return gap_between(one, other)
    if point is not None:
        shares = (_share(of.sample, one.metric, point) for of in (measured, against))
        return tested_gap(difference, proportion_gap(*shares, share_patients=share_patients))
    first, second = measured.delong, against.delong
    if first is None or second is None:
        return tested_gap(difference, None)
    why = first.why_no_variance() or second.why_no_variance()
    return tested_gap(difference, why or auroc_gap(first, second, share_patients=share_patients))


def _share(sample: Sample, metric: str, point: OperatingPoint) -> Share:
    """Sensitivity or specificity, by patient."""
    positive, called = sample.truth == 1, sample.probability >= point.threshold
    counted, among = (called, positive) if metric == SENSITIVITY else (~called, ~positive)
    return share_of(counted, among, sample.column, sample.columns)


def holm_adjusted(groups: Sequence[Group], mirrors: Mapping[int, int] | None = None) -> tuple[Group, ...]:
    """The groups with the p-values of every metric's gaps adjusted for their number.

    Args:
        groups: With the same metrics in the same order.
        mirrors: Places of groups whose gap is that of another group with its sign turned (left minus right, right minus
            left): one question, so one test.
    """
    mirrors = mirrors or {}
    metrics = [list(one.metrics) for one in groups]
    for index in range(len(metrics[0]) if metrics else 0):
        gaps = [of_group[index].gap for of_group in metrics]
        p_holm = list(holm([None if gap is None or place in mirrors else gap.p for place, gap in enumerate(gaps)]))
        for place, gap in enumerate(gaps):
            if gap is not None:
                adjusted = replace(gap, p_holm=p_holm[mirrors.get(place, place)])
                metrics[place][index] = replace(metrics[place][index], gap=adjusted)
    return tuple(replace(one, metrics=tuple(adjusted)) for one, adjusted in zip(groups, metrics, strict=True))


def _patients_with(lacking: str) -> str:
    return "patients" if lacking not in (POSITIVES, NEGATIVES) else f"patients with {lacking}"
