"""Metrics of one output as functions of patient weights, so that points and resamples are computed alike.

A measure bundles the metrics that share work: those of the ranking share the sorted scores, those at a
threshold one matrix product. With all weights 1 it gives the points; with a chunk of resample weights, the
values from which intervals are taken.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.estimates import Bearing, Estimate, not_estimable, with_interval
from eyeground.evaluation.metrics import (
    AUPRC,
    AUROC,
    BRIER,
    COUNT_METRICS,
    NEGATIVES,
    POSITIVES,
    Confusion,
    decisions,
    per_patient,
)
from eyeground.evaluation.ranking import rank
from eyeground.evaluation.samples import Sample
from eyeground.progress import track


@dataclass(frozen=True)
class Measure:
    """Metrics that are computed together.

    Attributes
    ----------
    metrics : tuple of str
    missing : tuple of str
        For each metric, what there is none of; empty where it is estimable.
    bearings : tuple of Bearing
        For each metric, what its interval rests on.
    are_proportions : tuple of bool
        For each metric, whether it is a share of photos.
    of : callable
        Weights of shape (resamples, patients) to values of shape (metrics, resamples), NaN where not estimable.
    """

    metrics: tuple[str, ...]
    missing: tuple[str, ...]
    bearings: tuple[Bearing, ...]
    are_proportions: tuple[bool, ...]
    of: Callable[[np.ndarray], np.ndarray]


def ranking_measure(sample: Sample) -> Measure:
    """AUROC and AUPRC."""
    missing = sample.missing_class()
    classes = (
        Bearing(sample.patients(1), f"patients with {POSITIVES}"),
        Bearing(sample.patients(0), f"patients with {NEGATIVES}"),
    )
    scarcer = min(classes, key=lambda bearing: bearing.patients)
    if missing:
        return Measure((AUROC, AUPRC), (missing,) * 2, (scarcer,) * 2, (False,) * 2, _nothing(2))
    ranking = rank(sample.truth, sample.probability, sample.patient)
    return Measure(
        (AUROC, AUPRC),
        ("", ""),
        (scarcer,) * 2,
        (False,) * 2,
        lambda weights: np.stack([ranking.auroc(weights), ranking.auprc(weights)]),
    )


def brier_measure(sample: Sample) -> Measure:
    """Mean squared difference of probability and truth."""
    squared = (sample.probability - sample.truth) ** 2
    sums = per_patient(np.stack([squared, np.ones_like(squared)], axis=1), sample.patient, sample.columns)

    def of(weights: np.ndarray) -> np.ndarray:
        total, photos = (weights @ sums).T
        mean: np.ndarray = np.divide(total, photos, out=np.full(len(total), np.nan), where=photos > 0)
        return mean[np.newaxis]

    missing = "" if len(squared) else "photos with a known truth"
    return Measure((BRIER,), (missing,), (Bearing(sample.patients(), "patients"),), (False,), of)


def count_measure(sample: Sample, threshold: float) -> Measure:
    """Everything that follows from the confusion matrix at a threshold."""
    counts = per_patient(decisions(sample.truth, sample.probability, threshold), sample.patient, sample.columns)

    def of(weights: np.ndarray) -> np.ndarray:
        resampled = weights @ counts
        return np.stack([metric.of(resampled) for metric in COUNT_METRICS])

    total = counts.sum(axis=0)
    return Measure(
        tuple(metric.name for metric in COUNT_METRICS),
        tuple(metric.missing(total) for metric in COUNT_METRICS),
        tuple(metric.bearing(counts) for metric in COUNT_METRICS),
        tuple(metric.is_proportion for metric in COUNT_METRICS),
        of,
    )


def confusion(sample: Sample, threshold: float) -> Confusion:
    """Photos by decision and truth at a threshold."""
    return Confusion(*decisions(sample.truth, sample.probability, threshold).sum(axis=0).tolist())


def resample(measures: list[Measure], resampling: Resampling) -> list[np.ndarray]:
    """Values of every measure on every resample: one array (metrics, resamples) each, from the same resamples."""
    values = [np.empty((len(measure.metrics), resampling.resamples)) for measure in measures]
    done = 0
    for weights in track(
        resampling.weights(), "resampling patients", total=len(resampling.chunks()), unit="chunks of resamples"
    ):
        for measure, value in zip(measures, values, strict=True):
            value[:, done : done + len(weights)] = measure.of(weights)
        done += len(weights)
    return values


def point_values(measure: Measure, columns: int) -> np.ndarray:
    """Values of a measure on the photos as they are, shape (metrics,)."""
    return np.asarray(measure.of(np.ones((1, columns), dtype=np.int64))[:, 0])


def estimates(measure: Measure, point: np.ndarray, resampled: np.ndarray, scope: str) -> tuple[Estimate, ...]:
    """Put points and resamples together; `scope` is where a missing class is said to be missing ("test")."""
    found = []
    for index, (metric, missing) in enumerate(zip(measure.metrics, measure.missing, strict=True)):
        if missing:
            found.append(not_estimable(metric, f"no {missing} in {scope}"))
            continue
        bearing, is_proportion = measure.bearings[index], measure.are_proportions[index]
        found.append(with_interval(metric, float(point[index]), resampled[index], bearing, is_proportion))
    return tuple(found)


def _nothing(metrics: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda weights: np.full((metrics, len(weights)), np.nan)
