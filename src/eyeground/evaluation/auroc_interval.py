"""The interval of an AUROC by formula, right where few patients are ill or the AUROC is near or at 1.

DeLong's variance, from few patients, is too small as often as not, and 0 where the classes are separated. It is
therefore moderated: averaged with what Newcombe's model expects of so many patients, which counts as much as
`MODEL_FREEDOM` degrees of freedom do. With 5 ill patients the model decides, with 100 the patients do. The limits are
the AUROCs that the estimate would just be compatible with (a score interval), so they stay within 0 to 1.

References:
    Newcombe, Statistics in Medicine 25 (2006) 559, method 5 (the model and the score interval). Obuchowski, Biometrics 53
    (1997) 567 (variance over patients). Moderation: Smyth, Statistical Applications in Genetics and Molecular Biology 3
    (2004) 3. At 1: Clopper and Pearson, Biometrika 26 (1934) 404.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.delong import delong
from eyeground.evaluation.estimates import Limits

# Chosen in simulations (scripts/simulate_coverage.py): 5 is too narrow at 5 ill patients, 20 too wide at 200.
MODEL_FREEDOM = 10.0
_UPPER = (1 + CONFIDENCE) / 2


@dataclass(frozen=True)
class Area:
    """One AUROC with what its interval is made of.

    Attributes:
        variance: DeLong's over patients; NaN where a class rests on a single patient.
        freedom: Satterthwaite's degrees of freedom of the variance; NaN where there is none.
        positive, negative: Patients with positive photos, and with negative ones.
        pairs: How many pairs of a positive and a negative photo can be formed without using a patient twice.
    """

    value: float
    variance: float
    freedom: float
    positive: int
    negative: int
    pairs: int


def area(truth: np.ndarray, score: np.ndarray, patient: np.ndarray) -> Area:
    """The AUROC of photos of both classes.

    Args:
        truth: Shape (photos,), 0 or 1, with at least one of each.
        score: Shape (photos,), finite; higher means more likely positive.
        patient: Shape (photos,): each photo's patient, as any integer.
    """
    found = delong(truth, score[np.newaxis], patient)
    ill, healthy = np.unique(patient[truth == 1]), np.unique(patient[truth == 0])
    pairs = min(len(ill), len(healthy), len(np.union1d(ill, healthy)) // 2)
    return Area(
        float(found.auroc[0]),
        float(found.covariance[0, 0]),
        float(found.degrees_of_freedom[0]),
        len(ill),
        len(healthy),
        pairs,
    )


def area_interval(areas: Sequence[Area]) -> tuple[float, float]:
    """The 95 % interval of the mean of AUROCs that share no patient, such as those of folds; usually of one.

    Where every positive lies above every negative, the lower limit is exact and free of any model: of so many pairs of
    different patients, each in order with the probability that the AUROC is, all are in order. So with `pairs` of them it is
    0.025^(1/pairs). Likewise the upper limit where every positive lies below.
    """
    value = sum(one.value for one in areas) / len(areas)
    if value in (0.0, 1.0):
        limit = (1 - _UPPER) ** (1 / max(1, sum(one.pairs for one in areas)))
        return (limit, 1.0) if value else (0.0, 1 - limit)

    def expected(auroc: float) -> float:
        return sum(_model_variance(auroc, one.positive, one.negative) for one in areas) / len(areas) ** 2

    variances = np.array([one.variance for one in areas]) / len(areas) ** 2
    variance, freedom = float(variances.sum()), 0.0
    spread = float((variances**2 / np.array([one.freedom for one in areas])).sum())
    inflation = 1.0
    if spread > 0:
        freedom = variance**2 / spread
        inflation = (freedom * variance / expected(value) + MODEL_FREEDOM) / (freedom + MODEL_FREEDOM)
    reach = float(stdtrit(freedom + MODEL_FREEDOM, _UPPER)) * math.sqrt(inflation)

    def too_far(auroc: float) -> float:
        return abs(auroc - value) - reach * math.sqrt(expected(auroc))

    return _crossing(too_far, value, 0.0), _crossing(too_far, value, 1.0)


def auroc_limits(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Limits:
    """The limits of the mean AUROC of parts, each of truth, score and patient as `area`, and how they came about."""
    areas = [area(*part) for part in parts]
    low, high = area_interval(areas)
    if {one.value for one in areas} not in ({0.0}, {1.0}):
        return Limits(low, high)
    pairs = sum(one.pairs for one in areas)
    return Limits(low, high, f"the classes are separated; exact limit from {pairs} disjoint pairs of patients")


def _model_variance(auroc: float, positive: int, negative: int) -> float:
    """Hanley and McNeil's for exponential scores, made symmetric by Newcombe."""
    both = (1 - auroc) / (2 - auroc) + auroc / (1 + auroc)
    return auroc * (1 - auroc) * (1 + ((positive + negative) / 2 - 1) * both) / (positive * negative)


def _crossing(too_far: Callable[[float], float], value: float, end: float) -> float:
    """Where the limit lies between the value and an end of the scale, at which the model leaves no variance."""
    return float(brentq(too_far, value, end))
