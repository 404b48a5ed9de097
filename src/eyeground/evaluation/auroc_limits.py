"""The two ends of an interval of one AUROC at any error, also where few patients are ill or the AUROC is 1."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, stdtrit

from eyeground.evaluation.delong import ROUNDING, DeLong
from eyeground.evaluation.inversion import Contrast, Limits, mover

# As many patients as the variance expected from the AUROC alone is worth, beside DeLong's degrees of freedom.
EXPECTED_IS_WORTH = 20


def auroc_limits(found: DeLong, model: int = 0) -> Limits:
    """DeLong's interval on the logit scale with Student's t, its variance moderated.

    Near 1, a few patients with positives by chance lie so well that DeLong's variance of them is far too small. So it is
    averaged, on the log scale, with the variance that the AUROC and the numbers of patients let expect, DeLong's
    weighted by its degrees of freedom and the expected one by 20, and never below DeLong's own. (The means of moderating variances
    is Smyth's, Statistical Applications in Genetics and Molecular Biology 3 (2004) 3; the 20 comes from simulation.)
    Where DeLong's is 0, as at an AUROC of 1, the score interval of the expected variance alone is given.

    Args:
        found: With two patients or more in either class.

    References:
        The expected variance and its score interval: Newcombe, Statistics in Medicine 25 (2006) 559, method 5, after
        Hanley and McNeil, Radiology 143 (1982) 29.
    """
    value, variance = float(found.auroc[model]), float(found.covariance[model, model])
    expected = _expected_variance(value, *found.carriers)
    if value in (0.0, 1.0) or variance <= ROUNDING * expected:
        return _score_limits(value, *found.carriers)
    freedom = float(found.degrees_of_freedom[model])
    share = EXPECTED_IS_WORTH / (EXPECTED_IS_WORTH + freedom)
    error = math.sqrt(variance * max(1.0, expected / variance) ** share) / (value * (1 - value))

    def limits(level: float) -> tuple[float, float]:
        reach = -float(stdtrit(freedom, level / 2)) * error
        low, high = expit(logit(value) + np.array([-reach, reach])).tolist()
        return low, high

    return limits


def auroc_gap(one: DeLong, other: DeLong, *, share_patients: bool) -> Contrast:
    """One group's AUROC minus another's, from the intervals of both.

    Args:
        one, other: Of one model each, with two patients or more in either class.
        share_patients: Whether a patient of the same number in both is the same, as the two eyes of a patient are.
    """
    correlation = _correlation(one, other) if share_patients else 0.0
    return mover((float(one.auroc[0]), auroc_limits(one)), (float(other.auroc[0]), auroc_limits(other)), correlation)


def _correlation(one: DeLong, other: DeLong) -> float:
    _, here, there = np.intersect1d(one.patient, other.patient, return_indices=True)
    variances = float(one.covariance[0, 0] * other.covariance[0, 0])
    if not len(here) or variances <= 0:
        return 0.0
    covariance = float(one.influence[0, here] @ other.influence[0, there])
    return max(-1.0, min(1.0, covariance / math.sqrt(variances)))


def _expected_variance(auroc: float, positive: int, negative: int) -> float:
    """Of exponentially distributed scores, which is about that of normal ones (Hanley and McNeil)."""
    mean = (positive + negative) / 2 - 1
    spread = 1 + mean * ((1 - auroc) / (2 - auroc) + auroc / (1 + auroc))
    return auroc * (1 - auroc) * spread / (positive * negative)


def _score_limits(value: float, positive: int, negative: int) -> Limits:
    freedom = min(positive, negative) - 1

    def limits(level: float) -> tuple[float, float]:
        quantile = -float(stdtrit(freedom, level / 2))
        if not quantile > 0:
            return value, value

        def excess(auroc: float) -> float:
            return (value - auroc) ** 2 - quantile**2 * _expected_variance(auroc, positive, negative)

        # At 0 and 1 the expected variance is 0, so only a value there has its own end there.
        low = 0.0 if value == 0 else brentq(excess, 0.0, min(value, 1 - 1e-12))
        high = 1.0 if value == 1 else brentq(excess, max(value, 1e-12), 1.0)
        return low, high

    return limits
