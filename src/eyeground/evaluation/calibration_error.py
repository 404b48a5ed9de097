"""The expected calibration error (ECE) of binned probabilities, without what chance alone adds to it.

No bin's share of positives is exact, so the ECE of a study is above 0 even where every probability is right, and
resampling adds the same again. Here the gaps of the bins are normal around true gaps, with the covariance between
patients; simulated studies show which true ECEs the observed one is compatible with. That of 0 is tested on the way, so
interval and p never disagree.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtri

SIMULATED = 4096
LEVEL = 0.05
# Halvings of the search for a limit, which leave a thousandth of the first step.
HALVINGS = 12


@dataclass(frozen=True)
class CalibrationError:
    """An ECE and what is known of it.

    Attributes:
        value: Of the photos as they are, 0 to 1.
        by_chance: Its mean where every probability is right.
        low, high: The 95 % interval of the true ECE, which may lie below `value`.
        p: Two-sided, against every bin's probability being right; not below 2 / (`SIMULATED` + 1).
    """

    value: float
    by_chance: float
    low: float
    high: float
    p: float


def calibration_error(gaps: np.ndarray, variance: np.ndarray) -> CalibrationError:
    """Estimate the ECE from the gaps of patients.

    Args:
        gaps: Shape (patients, bins): for each patient and bin, the sum over photos of truth minus probability, divided by
            the number of all photos. At least two patients.
        variance: Shape (bins,): of the gaps' sums if every probability were right and no two photos went together. A
            variance between patients is not taken to be below it: a bin without positives shows none.

    References:
        Gruber and Buettner, NeurIPS 2022, on the bias; test inversion: Carpenter, Journal of the Royal Statistical
        Society B 61 (1999) 159. Perfect calibration as the hypothesis: Vaicenavicius et al., AISTATS 2019.
    """
    patients = len(gaps)
    observed = gaps.sum(axis=0)
    value = float(np.abs(observed).sum())
    between = gaps.T @ gaps * patients / (patients - 1)
    spread = np.sqrt(np.diag(between))
    error = np.sqrt(np.maximum(np.diag(between), variance))
    scale = np.divide(error, spread, out=np.zeros_like(error), where=spread > 0)
    covariance = between * np.outer(scale, scale)
    np.fill_diagonal(covariance, error**2)
    noise = _correlated(covariance)
    # True gaps are like those observed but evener: of all true gaps with the same ECE, even ones are inflated the most.
    pattern = np.where(observed < 0, -1, 1) * (np.abs(observed) + error)
    by_chance = np.abs(noise).sum(axis=1)

    def limit(share: float) -> float:
        """The true ECE at which a share of studies have an ECE below the observed one; 0 where not even chance has."""
        below, above = 0.0, 1.0
        if np.quantile(by_chance, share) >= value:
            return 0.0
        while _quantile(noise + above * pattern, share) < value:
            above *= 2
        for _ in range(HALVINGS):
            middle = (below + above) / 2
            is_below = _quantile(noise + middle * pattern, share) < value
            below, above = (middle, above) if is_below else (below, middle)
        return (below + above) / 2 * float(np.abs(pattern).sum())

    as_large, as_small = int((by_chance >= value).sum()), int((by_chance <= value).sum())
    p = min(1.0, 2 * (min(as_large, as_small) + 1) / (SIMULATED + 1))
    # Below what chance leaves of perfect calibration, no true ECE fits; the observed one is then an upper limit.
    return CalibrationError(value, float(by_chance.mean()), limit(1 - LEVEL / 2), limit(LEVEL / 2) or value, p)


def _correlated(covariance: np.ndarray) -> np.ndarray:
    """Normal draws of shape (`SIMULATED`, bins)."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(_normal(len(covariance)) @ (vectors * np.sqrt(np.maximum(values, 0))).T)


@cache
def _normal(bins: int) -> np.ndarray:
    """Independent standard normals, evenly spread in every bin (a Latin hypercube: McKay, Beckman and Conover, Technometrics 21
    (1979) 239): their tails are right with few draws, and the same on every machine."""
    cells = np.tile(np.arange(SIMULATED), (bins, 1))
    return np.asarray(ndtri((np.random.default_rng(0).permuted(cells, axis=1).T + 0.5) / SIMULATED))


def _quantile(gaps: np.ndarray, share: float) -> float:
    return float(np.quantile(np.abs(gaps).sum(axis=1), share))
