"""The difference of the shares of two groups of photos, which may have patients in common."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from eyeground.core.proportions import wilson_interval
from eyeground.evaluation.intervals import effective_trials
from eyeground.evaluation.inversion import Contrast, Limits, mover


@dataclass(frozen=True)
class Share:
    """A share of a group's photos, by patient.

    Attributes:
        successes, trials: Shape (patients,): photos that count, and all photos of the group, of each patient.
    """

    successes: np.ndarray
    trials: np.ndarray

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return float(self.successes.sum() / self.trials.sum())

    def limits(self) -> Limits:
        """Wilson's, with the effective number of photos."""
        effective = effective_trials(self.successes, self.trials)
        return lambda error: wilson_interval(*effective, quantile=-float(ndtri(error / 2)))

    def influence(self) -> np.ndarray:
        """How far each patient moves the share, shape (patients,)."""
        return np.asarray((self.successes - self.trials * self.value) / self.trials.sum())


def share_of(counted: np.ndarray, among: np.ndarray, patient: np.ndarray, patients: int) -> Share:
    """The share of the photos `among` that are `counted`, both bool of shape (photos,).

    Args:
        patient: Shape (photos,): the number of each photo's patient.
        patients: How many numbers there are.
    """
    return Share(
        np.bincount(patient[counted & among], minlength=patients), np.bincount(patient[among], minlength=patients)
    )


def proportion_gap(one: Share, other: Share, *, share_patients: bool) -> Contrast:
    """One group's share minus another's, from Wilson's intervals of both.

    Args:
        one, other: Of one photo or more each.
        share_patients: Whether a patient of the same number in both is the same, as the two eyes of a patient are.
    """
    correlation = 0.0
    if share_patients:
        first, second = one.influence(), other.influence()
        spread = math.sqrt(float(first @ first) * float(second @ second))
        correlation = max(-1.0, min(1.0, float(first @ second) / spread)) if spread else 0.0
    return mover((one.value, one.limits()), (other.value, other.limits()), correlation)
