"""The part of a ROC curve that screening works in: sensitivity at a fixed specificity, and the partial AUROC.

Both intervals are by formula and over patients. The score at which the specificity is reached is itself estimated, and
that is part of them.
"""

import numpy as np
from scipy.integrate import trapezoid

from eyeground.evaluation.auroc_interval import Area, area_interval
from eyeground.evaluation.count_metrics import share_part
from eyeground.evaluation.delong import midranks
from eyeground.evaluation.estimates import Estimate, Limits, not_estimable, with_limits
from eyeground.evaluation.metrics import PARTIAL_AUROC, SENSITIVITY_AT, SPECIFICITY_HELD, per_patient
from eyeground.evaluation.mover import Part, function_interval
from eyeground.evaluation.samples import Sample


def partial_estimates(sample: Sample, has_intervals: bool) -> tuple[Estimate, ...]:
    """Both, at the specificity that `metrics.SPECIFICITY_HELD` says."""
    asked = ((SENSITIVITY_AT, sensitivity_at), (PARTIAL_AUROC, partial_auroc))
    if missing := sample.missing_class():
        where = f" in {sample.where}" if sample.where else ""
        return tuple(not_estimable(metric, f"no {missing}{where}") for metric, _ in asked)
    if sample.fold is not None:
        return tuple(
            not_estimable(metric, "scores of models of different folds have no common scale") for metric, _ in asked
        )
    found = []
    for metric, measure in asked:
        value, limits = measure(sample.truth, sample.probability, sample.patient, SPECIFICITY_HELD)
        found.append(with_limits(metric, value, limits if has_intervals else None, sample.scarcer_class()))
    return tuple(found)


def sensitivity_at(
    truth: np.ndarray, score: np.ndarray, patient: np.ndarray, specificity: float
) -> tuple[float, Limits]:
    """The highest sensitivity of a threshold whose specificity is at least this, and its interval.

    The interval adds two uncertainties, as MOVER does: Wilson's of the sensitivity at the threshold, and what the sensitivity
    would be at the ends of Wilson's interval of the specificity there. No density has to be estimated.

    Args:
        truth: Shape (photos,), 0 or 1, with at least one of each.
        score: Shape (photos,), finite; higher means more likely positive.
        patient: Shape (photos,): each photo's patient, numbered from 0.
        specificity: Above 0 and below 1.

    References:
        Why a binomial interval alone is too narrow: Linnet, Clinical Chemistry 33 (1987) 1379. Platt, Hanley and Yang,
        Statistics in Medicine 19 (2000) 313 compare intervals.
    """
    is_positive = truth == 1
    positive, falling = score[is_positive], -np.sort(-score[~is_positive])

    def threshold(share: float) -> float:
        allowed = min(int((1 - share) * len(falling) + 1e-9), len(falling) - 1)
        return float(falling[allowed])

    def found(share: float) -> float:
        return float((positive > threshold(share)).mean())

    at = threshold(specificity)
    counts = per_patient(
        np.stack([is_positive & (score > at), is_positive, ~is_positive & (score <= at), ~is_positive], axis=1),
        patient,
        int(patient.max()) + 1,
    )
    above, whole, passed, negatives = counts.T
    sensitivity, reached = share_part(above, whole), share_part(passed, negatives)
    if sensitivity is None or reached is None:
        raise ValueError("there are no positives or no negatives")
    moved = Part(sensitivity.value, found(reached.high), max(sensitivity.value, found(reached.low)))
    low, high = function_interval(lambda one, other: one + other - sensitivity.value, [sensitivity, moved])
    return sensitivity.value, Limits(max(0.0, low), min(1.0, high))


def partial_auroc(
    truth: np.ndarray, score: np.ndarray, patient: np.ndarray, specificity: float
) -> tuple[float, Limits]:
    """The AUROC of specificities from this to 1, 0.5 by chance and 1 at best, and its interval; arguments as `sensitivity_at`.

    Its variance is that of its placements, as DeLong's is of all: no positive is placed below the specificity.

    References:
        McClish, Medical Decision Making 9 (1989) 190 (the scale). Zhang, Zhou, Freeman and Freeman, Statistics in Medicine
        21 (2002) 701 (the variance).
    """
    width = 1 - specificity
    found = _partial_area(truth == 1, score, np.unique(patient, return_inverse=True)[1], width)
    low, high = area_interval([found])
    value, low, high = ((1 + (share - width / 2) / (1 - width / 2)) / 2 for share in (found.value, low, high))
    return value, Limits(low, high)


def _partial_area(is_positive: np.ndarray, score: np.ndarray, patient: np.ndarray, width: float) -> Area:
    """The mean height of the ROC curve over the false-positive rates up to `width`, 0 to 1."""
    positive, negative = score[is_positive], score[~is_positive]
    # The rate of false positives above each positive, ties half.
    both = midranks(np.concatenate([negative, positive]))[len(negative) :] - midranks(positive)
    rate = 1 - both / len(negative)
    of_positive = np.maximum(0.0, 1 - rate / width)
    # What each negative costs: positives that are counted and lie below it, ties half.
    counted = np.sort(positive[rate < width])
    below = (np.searchsorted(counted, negative, "left") + np.searchsorted(counted, negative, "right")) / 2
    of_negative = -below / (len(positive) * width)
    value = _height(positive, negative, width)
    patients = int(patient.max()) + 1
    ill = np.bincount(patient[is_positive], of_positive - of_positive.mean(), patients) / len(positive)
    well = np.bincount(patient[~is_positive], of_negative - of_negative.mean(), patients) / len(negative)
    at_most = -np.partition(-negative, int(width * len(negative)))[int(width * len(negative))]
    carriers, top = np.unique(patient[is_positive]), np.unique(patient[~is_positive][negative >= at_most])
    variances = float(ill @ ill), float(well @ well)
    spread = variances[0] ** 2 / max(1, len(carriers) - 1) + variances[1] ** 2 / max(1, len(top) - 1)
    return Area(
        value=value,
        variance=sum(variances) + 2 * float(ill @ well),
        freedom=sum(variances) ** 2 / spread if spread > 0 else np.nan,
        positive=len(carriers),
        negative=len(top),
        pairs=min(len(carriers), len(top), len(np.union1d(carriers, top)) // 2),
    )


def _height(positive: np.ndarray, negative: np.ndarray, width: float) -> float:
    """The mean height of the empirical curve, whose corners are joined by straight lines."""
    scores = -np.unique(-np.concatenate([positive, negative]))
    hits = 1 - np.searchsorted(np.sort(positive), scores, "left") / len(positive)
    alarms = 1 - np.searchsorted(np.sort(negative), scores, "left") / len(negative)
    hits, alarms = np.append(0.0, hits), np.append(0.0, alarms)
    kept = alarms <= width
    end = np.interp(width, alarms, hits) if alarms[kept][-1] < width else hits[kept][-1]
    return float(trapezoid(np.append(hits[kept], end), np.append(alarms[kept], width)) / width)
