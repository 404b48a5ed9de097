"""Two models' decisions on the same photos, counted, with McNemar's test.

McNemar's test takes the two eyes of a patient for independent; rely on `paired_proportions`. See docs/statistics.md.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr

EXACT_BELOW = 25


@dataclass(frozen=True)
class Discordance:
    """Photos of one class on which exactly one of two models is right, and what they say of a difference.

    Attributes:
        first_only, second_only: Photos that only the first, or only the second model decides rightly.
        patients: Who have such a photo.
        p_photos: McNemar's two-sided p, every photo taken for independent; None where the models never differ.
    """

    first_only: int
    second_only: int
    patients: int
    p_photos: float | None


def discordance(first_right: np.ndarray, second_right: np.ndarray, patient: np.ndarray) -> Discordance:
    """Compare the decisions of two models on the photos of one class.

    Args:
        first_right, second_right: Shape (photos,), bool: whether each model decides the photo rightly. On positives
            this compares sensitivities, on negatives specificities.
        patient: Shape (photos,): each photo's patient as any integer.
    """
    gained = first_right.astype(np.int64) - second_right.astype(np.int64)
    number = np.unique(patient, return_inverse=True)[1]
    first_only, second_only = int((gained > 0).sum()), int((gained < 0).sum())
    return Discordance(
        first_only=first_only,
        second_only=second_only,
        patients=int((np.bincount(number, weights=np.abs(gained)) > 0).sum()),
        p_photos=mcnemar(first_only, second_only) if first_only + second_only else None,
    )


def mcnemar(first_only: int, second_only: int) -> float:
    """McNemar's two-sided p, for photos that are independent.

    Exact (binomial) below 25 discordant photos and mid-p from there: the exact test gives p-values that are too
    large, the chi-square with continuity correction larger ones still, and mid-p keeps its level in all cases that
    Fagerland and others computed.

    References:
        Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013) 91.

    >>> mcnemar(1, 7)
    0.0703125
    """
    fewer, both = min(first_only, second_only), first_only + second_only
    reached = float(bdtr(fewer, both, 0.5))
    if both < EXACT_BELOW:
        return min(1.0, 2 * reached)
    return min(1.0, reached + (float(bdtr(fewer - 1, both, 0.5)) if fewer else 0.0))
