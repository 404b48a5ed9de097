"""Metrics of one output as functions of patient weights, so that points and resamples are computed alike.

A measure bundles metrics that share work, such as the sorted scores.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from eyeground.core.progress import track
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.auroc_interval import auroc_limits
from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.count_metrics import COUNT_METRICS, predictive_values
from eyeground.evaluation.estimates import Estimate, Limits, Support
from eyeground.evaluation.intervals import jackknife
from eyeground.evaluation.linear_areas import linear_areas
from eyeground.evaluation.metrics import AUPRC, AUROC, BRIER, Confusion, decisions, per_patient
from eyeground.evaluation.ranking import rank
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.weighted_sums import OfSums, values_of

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Measure:
    """Metrics that are computed together.

    Attributes:
        missing: For each metric, what there is none of; empty where it is estimable.
        supports: For each metric, what its interval rests on.
        are_proportions: For each metric, whether it is a share of photos.
        of: Weights of shape (resamples, patients) to values of shape (metrics, resamples), NaN where not estimable.
        note: What a reader of each of its estimates must know; often empty.
        is_jackknifed: Whether intervals are BCa, which costs a jackknife; percentiles where resampled values are corrected
            for bias already, or only differences are of interest.
        where: Where a missing class is missing, such as `test`.
        limits: For each metric, how to work out its interval by a formula, or None for one of resamples; empty where
            all have one of resamples.
    """

    metrics: tuple[str, ...]
    missing: tuple[str, ...]
    supports: tuple[Support, ...]
    are_proportions: tuple[bool, ...]
    of: Callable[[np.ndarray], np.ndarray]
    note: str = ""
    is_jackknifed: bool = True
    where: str = ""
    limits: tuple[Callable[[], Limits | None] | None, ...] = ()


def ranking_measure(sample: Sample) -> Measure:
    """AUROC and AUPRC.

    Where the sample has folds, each is the mean of the values within the folds that have both classes. Ranking
    out-of-fold scores of different models against each other mixes their scales and biases the AUROC, downwards as
    a rule: Parker, Gunter and Bedo (2007, BMC Bioinformatics 8:326), Airola et al. (2011, Computational Statistics
    & Data Analysis 55:1828), Forman and Scholz (2010, SIGKDD Explorations 12:49). The mean of within-fold AUROCs is
    what LeDell, Petersen and van der Laan (2015, Electronic Journal of Statistics 9:1583) call cross-validated AUC.
    A resample in which a fold has lost a class counts its other folds, as the photos themselves would be counted.
    """
    folds = sample.by_fold()
    missing, note = sample.missing_class(), ""
    ranked, support = [sample], sample.scarcer_class()
    if folds and not missing:
        left_out = {number: lacking for number, part in folds.items() if (lacking := part.missing_class())}
        ranked = [part for number, part in folds.items() if number not in left_out]
        missing = "" if ranked else "fold with both positives and negatives"
        lacks = "".join(f"; no {lacking} in fold {number}" for number, lacking in left_out.items())
        note = f"mean within {len(ranked)} of {len(folds)} folds{lacks}"
    if missing:
        return Measure((AUROC, AUPRC), (missing,) * 2, (support,) * 2, (False,) * 2, _nothing(2), where=sample.where)
    limits = partial(auroc_limits, [(part.truth, part.probability, part.patient) for part in ranked])
    return Measure(
        (AUROC, AUPRC), ("", ""), (support,) * 2, (False,) * 2, _mean_areas(ranked), note, limits=(limits, None)
    )


def _mean_areas(parts: Sequence[Sample]) -> Callable[[np.ndarray], np.ndarray]:
    """AUROC and AUPRC, each the mean over the parts in which a resample has both classes."""
    linear = linear_areas(parts, with_auprc=True)
    if linear is not None:
        return OfSums(linear.sums, lambda sums: _mean_known(np.stack([linear.auroc(sums), linear.auprc(sums)], axis=1)))
    rankings = [rank(part.truth, part.probability, part.column) for part in parts]
    return lambda weights: _mean_known(
        np.array([[ranking.auroc(weights), ranking.auprc(weights)] for ranking in rankings])
    )


def _mean_known(within: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is not NaN."""
    return ratio(np.nansum(within, axis=0), np.isfinite(within).sum(axis=0))


def brier_measure(sample: Sample) -> Measure:
    """Mean squared difference of probability and truth."""
    squared = (sample.probability - sample.truth) ** 2
    sums = per_patient(np.stack([squared, np.ones_like(squared)], axis=1), sample.column, sample.columns)

    missing = "" if len(squared) else "photos with a known truth"
    return Measure(
        (BRIER,),
        (missing,),
        (Support(sample.patients(), "patients"),),
        (False,),
        OfSums(sums, lambda weighted: ratio(*weighted.T)[np.newaxis]),
        where=sample.where,
    )


def count_measure(sample: Sample, threshold: float, prevalences: tuple[float, ...] = ()) -> Measure:
    """Everything that follows from the confusion matrix at a threshold, predictive values at `prevalences` included."""
    counts = per_patient(decisions(sample.truth, sample.probability, threshold), sample.column, sample.columns)
    metrics = (*COUNT_METRICS, *predictive_values(prevalences))

    total = counts.sum(axis=0)
    return Measure(
        tuple(metric.name for metric in metrics),
        tuple(metric.missing(total) for metric in metrics),
        tuple(metric.support(counts) for metric in metrics),
        (False,) * len(metrics),
        OfSums(counts, lambda resampled: np.stack([metric.of(resampled) for metric in metrics])),
        where=sample.where,
        limits=tuple(partial(metric.limits, counts) for metric in metrics),
    )


def confusion(sample: Sample, threshold: float) -> Confusion:
    """Photos by decision and truth at a threshold."""
    return Confusion(*decisions(sample.truth, sample.probability, threshold).sum(axis=0).tolist())


def resample(measures: list[Measure], resampling: Resampling, shown: bool = True) -> list[np.ndarray]:
    """Values of every measure on every resample: one array (metrics, resamples) each, from the same resamples."""
    of_sums = [measure.of for measure in measures if isinstance(measure.of, OfSums)]
    others = {
        place: np.empty((len(measure.metrics), resampling.resamples))
        for place, measure in enumerate(measures)
        if not isinstance(measure.of, OfSums)
    }
    rows = np.hstack([of.sums for of in of_sums] or [np.empty((len(resampling.strata), 0))])
    weighted = np.empty((resampling.resamples, rows.shape[1]))
    done = 0
    chunks = resampling.weights()
    if shown:
        chunks = track(chunks, "resampling patients", total=len(resampling.chunks()), unit="chunks of resamples")
    for weights in chunks:
        here = slice(done, done + len(weights))
        weighted[here] = weights @ rows
        for place, value in others.items():
            value[:, here] = measures[place].of(weights)
        done += len(weights)
    summed = iter(values_of(of_sums, weighted))
    return [others[place] if place in others else next(summed) for place in range(len(measures))]


def compute(
    measures: Mapping[Key, Measure], resampling: Resampling, shown: bool = True
) -> dict[Key, tuple[Sampled, ...]]:
    """Every metric of many measures on the same resamples.

    Args:
        shown: Whether progress is shown; not where this is one step of many whose progress is.
    """
    columns = len(resampling.strata)
    resampled = resample(list(measures.values()), resampling, shown)
    left_out = [key for key, measure in measures.items() if resampling.resamples and _is_jackknifed(measure)]
    jackknifed = dict(zip(left_out, jackknife([measures[key].of for key in left_out], columns), strict=True))
    return {
        key: _sampled(measure, point_values(measure, columns), values, jackknifed.get(key))
        for (key, measure), values in zip(measures.items(), resampled, strict=True)
    }


def _sampled(
    measure: Measure, point: np.ndarray, resampled: np.ndarray, jackknifed: np.ndarray | None
) -> tuple[Sampled, ...]:
    where = f" in {measure.where}" if measure.where else ""
    return tuple(
        Sampled(
            metric=metric,
            point=float(point[index]),
            resampled=resampled[index],
            support=measure.supports[index],
            why_not=f"no {measure.missing[index]}{where}" if measure.missing[index] else "",
            note=measure.note,
            is_proportion=measure.are_proportions[index],
            jackknifed=None if jackknifed is None else jackknifed[index],
            limits=measure.limits[index] if measure.limits else None,
        )
        for index, metric in enumerate(measure.metrics)
    )


def intervals(values: Sequence[Sampled]) -> tuple[Estimate, ...]:
    """Each with its interval."""
    return tuple(value.interval() for value in values)


def _is_jackknifed(measure: Measure) -> bool:
    by_formula = bool(measure.limits) and None not in measure.limits
    return measure.is_jackknifed and not by_formula and not all(measure.missing)


def point_values(measure: Measure, columns: int) -> np.ndarray:
    """Values of a measure on the photos as they are, shape (metrics,)."""
    return np.asarray(measure.of(np.ones((1, columns), dtype=np.int64))[:, 0])


def _nothing(metrics: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda weights: np.full((metrics, len(weights)), np.nan)
