"""Averages over photos as measures: pooled pixels, or the mean of the photos' own values; see docs/structures.md."""

from collections.abc import Callable, Sequence

import numpy as np

from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.estimates import Support
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES, per_patient
from eyeground.evaluation.structures.photos import MeasuredPhoto, metrics_at_threshold, metrics_of_photos
from eyeground.evaluation.structures.pixels import auprc, auroc

POOLED, MEAN, WITHOUT = "pooled", "mean", "without"
FALSE_ALARM, FALSE_AREA = "false_alarm", "false_area"  # over photos without the structure
Photos = Sequence[MeasuredPhoto]
# Resamples whose histograms are in memory at once.
_ROWS = 64
_NEEDS = {
    "auroc": (POSITIVES, NEGATIVES),
    "auprc": (POSITIVES, NEGATIVES),
    "dice": (POSITIVES,),
    "cl_dice": (POSITIVES,),
    "sensitivity": (POSITIVES,),
    "specificity": (NEGATIVES,),
    "accuracy": (),
    "area": (POSITIVES,),
}


def pooled(photos: Photos, patient: np.ndarray, metrics: tuple[str, ...]) -> Measure:
    """Metrics of all pixels of all photos.

    Args:
        patient: Shape (photos,): each photo's patient, numbered from 0 without gaps.
        metrics: Some of the photos' metrics.
    """
    patients = int(patient.max()) + 1
    decisions = per_patient(np.stack([photo.decisions for photo in photos]), patient, patients)
    centreline = per_patient(np.stack([photo.centreline for photo in photos]), patient, patients)
    counted = [photo.pixels for photo in photos if photo.pixels is not None]
    if counted:
        positives = per_patient(np.stack([pixels.positives for pixels in counted]), patient, patients)
        negatives = per_patient(np.stack([pixels.negatives for pixels in counted]), patient, patients)

    def of(weights: np.ndarray) -> np.ndarray:
        parts = []
        # As floats, which are exact here, the products are far faster than as integers.
        for rows in np.split(weights.astype(float), range(_ROWS, len(weights), _ROWS)):
            areas = [area(rows @ positives, rows @ negatives) for area in (auroc, auprc)] if counted else []
            parts.append(np.stack([*areas, *metrics_at_threshold(rows @ decisions, rows @ centreline)]))
        return np.concatenate(parts, axis=1)[_places(photos, metrics)]

    shown = {kind: [photo for photo in photos if kind in photo.shows] for kind in (POSITIVES, NEGATIVES)}
    missing = [next((kind for kind in _NEEDS[metric] if not shown[kind]), "") for metric in metrics]
    supports = []
    for metric in metrics:
        needed = [_support(shown[kind], f"patients with {kind}") for kind in _NEEDS[metric]]
        supports.append(min(needed, key=lambda one: one.patients) if needed else _support(photos, "patients"))
    return _measure(metrics, missing, supports, of)


def mean(photos: Photos, patient: np.ndarray, metrics: tuple[str, ...]) -> Measure:
    """Means of the photos' own values, over the photos that have one; parameters are those of `pooled`."""
    values = metrics_of_photos(photos)[_places(photos, metrics)]
    patients = int(patient.max()) + 1
    sums = per_patient(np.nan_to_num(values).T, patient, patients)
    defined = per_patient(~np.isnan(values).T, patient, patients)

    def of(weights: np.ndarray) -> np.ndarray:
        return ratio(weights @ sums, weights @ defined).T

    supports = [
        _support(with_metric(metric, photos), f"patients with {needed(metric) or 'photos'}") for metric in metrics
    ]
    missing = ["" if with_metric(metric, photos) else f"photo with {needed(metric)}" for metric in metrics]
    return _measure(metrics, missing, supports, of)


def without(photos: Photos, patient: np.ndarray) -> Measure:
    """What is called where there is nothing: over the photos that show none of the structure, which no Dice counts.

    Returns:
        `false_alarm`, the share of these photos in which any pixel is called, and `false_area`, the mean share of their
        field of view that is called.
    """
    bare = np.array([POSITIVES not in photo.shows for photo in photos])
    decisions = np.stack([photo.decisions for photo in photos]).astype(float)
    called = ratio(decisions[:, 1], decisions.sum(axis=1))
    columns = np.stack([called > 0, np.nan_to_num(called), np.ones(len(photos))], axis=1) * bare[:, None]
    sums = per_patient(columns, patient, int(patient.max()) + 1)

    def of(weights: np.ndarray) -> np.ndarray:
        alarms, area, number = (weights @ sums).T
        return np.stack([ratio(alarms, number), ratio(area, number)])

    support = _support([photo for photo, is_bare in zip(photos, bare, strict=True) if is_bare], "patients")
    return Measure((FALSE_ALARM, FALSE_AREA), ("", ""), (support,) * 2, (True, False), of)


def with_metric(metric: str, photos: Photos) -> list[MeasuredPhoto]:
    """The photos of which a metric is defined by itself."""
    return [photo for photo in photos if set(_NEEDS[metric]) <= photo.shows]


def needed(metric: str) -> str:
    """Which pixels a metric needs, such as `positives`; empty where it needs none."""
    return " and ".join(_NEEDS[metric])


def _measure(
    metrics: tuple[str, ...], missing: list[str], supports: list[Support], of: Callable[[np.ndarray], np.ndarray]
) -> Measure:
    # A share of pixels is no share of photos, so Wilson's interval does not apply.
    return Measure(metrics, tuple(missing), tuple(supports), (False,) * len(metrics), of, where="these photos")


def _support(photos: Photos, of: str) -> Support:
    return Support(len({photo.patient for photo in photos}), of)


def _places(photos: Photos, metrics: tuple[str, ...]) -> list[int]:
    return [photos[0].metrics.index(metric) for metric in metrics]
