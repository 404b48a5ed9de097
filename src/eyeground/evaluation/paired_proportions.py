"""The difference of two models' shares of right decisions on the same photos, patients taken for independent."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from eyeground.evaluation.inversion import Contrast


@dataclass(frozen=True)
class _Counts:
    """Sums over photos and over patients of what the first model decides rightly and the second does not."""

    first_only: int
    second_only: int
    photos: int
    patients: int
    gained_squared: float
    gained_by_photos: float
    photos_squared: float

    @property
    def gained(self) -> int:
        return self.first_only - self.second_only

    def z(self, difference: float) -> float:
        """Tango's score statistic of a true difference, over the root of the design effect."""
        variance = self._variance(difference) * max(1.0, self._design_effect(difference))
        distance = self.gained - self.photos * difference
        return distance / math.sqrt(max(variance, 1e-300)) if distance else 0.0

    def _variance(self, difference: float) -> float:
        """Of the photos gained, at the most likely shares that have this difference (Tango 1998, equations 5 to 8)."""
        quadratic = 2 * self.photos
        linear = -self.first_only - self.second_only + (2 * self.photos - self.gained) * difference
        constant = -self.second_only * difference * (1 - difference)
        root = math.sqrt(max(0.0, linear**2 - 4 * quadratic * constant))
        lost = (root - linear) / (2 * quadratic)
        return self.photos * (2 * lost + difference * (1 - difference))

    def _design_effect(self, difference: float) -> float:
        """How much larger the variance is than that of as many independent photos, if that is the true difference."""
        if self.photos == self.patients:
            return 1.0
        among_patients = (
            self.gained_squared - 2 * difference * self.gained_by_photos + difference**2 * self.photos_squared
        )
        among_photos = self.first_only + self.second_only - 2 * difference * self.gained + difference**2 * self.photos
        if among_photos <= 0:
            return 1.0
        bessel = self.patients / (self.patients - 1) * (self.photos - 1) / self.photos
        return bessel * among_patients / among_photos


def paired_proportions(first_right: np.ndarray, second_right: np.ndarray, patient: np.ndarray) -> Contrast:
    """The first model's share of right decisions minus the second's, with Tango's score interval for patients.

    The interval has a width even where the models never differ: 0 of 604 patients leaves 0.0063 on either side. Its
    p-value is McNemar's chi-square without correction where every patient has one photo, and Obuchowski's where not, but
    for Bessel's factor. The design effect is not taken below 1, so that eyes that cancel out do not narrow the interval.

    Args:
        first_right, second_right: Shape (photos,), bool: whether each model decides the photo rightly.
        patient: Shape (photos,): each photo's patient as any integer; two patients at least.

    References:
        Tango, Statistics in Medicine 17 (1998) 891. Patients: the score of Yang, Sun and Hardin, Pharmaceutical
        Statistics 11 (2012) 386, whose variance is Obuchowski's, Statistics in Medicine 17 (1998) 1495.
    """
    number = np.unique(patient, return_inverse=True)[1]
    difference = first_right.astype(np.int64) - second_right.astype(np.int64)
    gained, photos = np.bincount(number, difference), np.bincount(number)
    counts = _Counts(
        first_only=int((difference > 0).sum()),
        second_only=int((difference < 0).sum()),
        photos=len(difference),
        patients=len(photos),
        gained_squared=float(gained @ gained),
        gained_by_photos=float(gained @ photos),
        photos_squared=float(photos @ photos),
    )
    value = counts.gained / counts.photos

    def limits(error: float) -> tuple[float, float]:
        quantile = -float(ndtri(error / 2))
        if not quantile > 0:
            return value, value
        low = -1.0 if value <= -1 else brentq(lambda at: counts.z(at) - quantile, -1.0, value)
        high = 1.0 if value >= 1 else brentq(lambda at: counts.z(at) + quantile, value, 1.0)
        return low, high

    return Contrast(value, limits, statistic=counts.z(0.0))
