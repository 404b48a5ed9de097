"""Limits of agreement of repeated measurements (Bland and Altman), with intervals over patients.

Differences of probabilities have long tails, which few patients do not show, so the variance of their standard deviation is
moderated: averaged with that of a distribution with such tails.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.estimates import Limits
from eyeground.evaluation.inversion import ERROR, mover

# Standard deviations around the mean that hold 95 % of normal differences.
REACH = 1.959963984540054
# Chosen by simulation (scripts/simulate_repeats.py): patients that the expectation is worth, and its kurtosis (normal: 3).
EXPECTED_IS_WORTH, EXPECTED_KURTOSIS = 40, 9
_UPPER = (1 + CONFIDENCE) / 2


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Where 95 % of normally distributed differences lie.

    Attributes:
        mean, low, high: The mean difference, and it minus and plus 1.96 standard deviations.
        of_mean, of_low, of_high: Their intervals; None where all differences are of one patient.
    """

    mean: float
    low: float
    high: float
    of_mean: Limits | None
    of_low: Limits | None
    of_high: Limits | None


def limits_of_agreement(differences: np.ndarray, patient: np.ndarray) -> LimitsOfAgreement:
    """The limits of differences of which several may be of one patient.

    The interval of a limit combines (MOVER) that of the mean, by Student's t and the variance between patients, and that of the
    standard deviation, likewise on the log scale; both are correlated where differences are skew.

    Args:
        differences: Shape (pairs,), -1 to 1, two or more.
        patient: Shape (pairs,): each pair's patient, as any integer.

    References:
        Bland and Altman, Statistical Methods in Medical Research 8 (1999) 135. MOVER of the limits: Zou, Statistical Methods
        in Medical Research 22 (2013) 630.
    """
    mean, deviation = float(differences.mean()), float(differences.std(ddof=1))
    low, high = mean - REACH * deviation, mean + REACH * deviation
    number = np.unique(patient, return_inverse=True)[1]
    patients = int(number.max()) + 1
    if patients < 2:
        return LimitsOfAgreement(mean, low, high, None, None, None)
    if deviation == 0:
        exact = Limits(mean, mean, "all differences are the same")
        return LimitsOfAgreement(mean, low, high, exact, exact, exact)
    of_mean, of_deviation, correlation = _spreads(differences - mean, deviation, number, patients)
    student = float(stdtrit(patients - 1, _UPPER))
    ends = mean - student * of_mean, mean + student * of_mean
    factor = math.exp(student * of_deviation)

    def of_limit(sign: int) -> Limits:
        # The limit is the mean minus what is taken off, whose ends change places with its sign.
        away = -sign * REACH * deviation
        taken = mover(
            (mean, _always(ends)), (away, _always(_sorted(away / factor, away * factor))), -sign * correlation
        )
        return Limits(*taken.limits(ERROR))

    return LimitsOfAgreement(mean, low, high, Limits(*ends), of_limit(-1), of_limit(1))


def _spreads(centred: np.ndarray, deviation: float, patient: np.ndarray, patients: int) -> tuple[float, float, float]:
    """Standard errors of the mean and of the logarithm of the standard deviation, and their correlation."""
    pairs, bessel = len(centred), patients / (patients - 1)
    on_mean = np.bincount(patient, centred) / pairs
    on_deviation = np.bincount(patient, (centred / deviation) ** 2 - 1) / (2 * pairs)
    of_mean, of_deviation = float(on_mean @ on_mean), float(on_deviation @ on_deviation)
    spread = math.sqrt(of_mean * of_deviation)
    correlation = float(on_mean @ on_deviation) / spread if spread else 0.0
    expected = (EXPECTED_KURTOSIS - 1) / (4 * pairs)
    freedom = patients - 1
    moderated = (freedom * bessel * of_deviation + EXPECTED_IS_WORTH * expected) / (freedom + EXPECTED_IS_WORTH)
    of_normal = 1 / (2 * (pairs - 1))
    return math.sqrt(bessel * of_mean), math.sqrt(max(moderated, of_normal)), max(-1.0, min(1.0, correlation))


def _always(ends: tuple[float, float]) -> Callable[[float], tuple[float, float]]:
    return lambda error: ends


def _sorted(one: float, other: float) -> tuple[float, float]:
    return min(one, other), max(one, other)
