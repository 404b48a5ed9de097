"""A figure with its interval, or the words that say why there is none.

Two cases need care, because the bootstrap misleads in both. Where all photos agree (40 of 40 found), every
resample agrees too and the interval has no width; a proportion then gets the Wilson interval over patients, and
anything else gets none. Where a class rests on few patients, resamples repeat the same few; the note says so.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from eyeground.evaluation.bootstrap import CONFIDENCE, percentile_interval

FEW_PATIENTS = 10
MOST_DROPPED = 0.5


@dataclass(frozen=True)
class Estimate:
    """One metric of one output.

    Attributes
    ----------
    metric : str
        Its name, such as `auroc`.
    value : float or None
        None where it is not estimable; `note` says why.
    low, high : float or None
        The 95 % interval over patients, None where there is none; `note` says why.
    note : str
        What a reader must know; often empty.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Bearing:
    """What an interval rests on: how many patients, and of what ("patients with positives")."""

    patients: int
    of: str


def not_estimable(metric: str, why: str) -> Estimate:
    """An estimate without a value."""
    return Estimate(metric, None, note=f"not estimable: {why}")


def with_interval(
    metric: str, value: float, resampled: np.ndarray, bearing: Bearing, is_proportion: bool = False
) -> Estimate:
    """Give a value its percentile interval.

    Parameters
    ----------
    metric : str
    value : float
        On the photos as they are.
    resampled : numpy.ndarray
        Shape (resamples,): the same in every resample, NaN where it could not be computed.
    bearing : Bearing
        The scarcer of the things the metric rests on.
    is_proportion : bool
        Whether a Wilson interval applies where all photos agree.
    """
    if not len(resampled):
        return Estimate(metric, value, note="no interval: no resamples were asked for")
    if bearing.patients < 2:
        return Estimate(metric, value, note=f"no interval: only {bearing.patients} {bearing.of}")
    dropped = int(np.isnan(resampled).sum())
    if dropped > MOST_DROPPED * len(resampled):
        return Estimate(metric, value, note=f"no interval: not estimable in {dropped} of {len(resampled)} resamples")
    low, high = percentile_interval(resampled)
    notes = []
    if math.isclose(low, high, abs_tol=1e-12):
        if not (is_proportion and value in (0.0, 1.0)):
            return Estimate(metric, value, note="no interval: every resample gives the same value")
        low, high = wilson_at_bound(value, bearing.patients)
        notes.append(f"all photos agree; Wilson interval over {bearing.patients} {bearing.of}")
    if bearing.patients < FEW_PATIENTS:
        notes.append(f"rests on only {bearing.patients} {bearing.of}")
    if dropped:
        notes.append(f"{dropped} of {len(resampled)} resamples dropped, in which it was not estimable")
    return Estimate(metric, value, low, high, "; ".join(notes))


def wilson_at_bound(proportion: float, patients: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion of exactly 0 or 1 among `patients` (Wilson, 1927).

    Patients, not photos, are counted: the eyes of a patient are taken to agree fully, which errs to the wide side.
    """
    square = float(ndtri((1 + CONFIDENCE) / 2)) ** 2
    width = square / (patients + square)
    return (1 - width, 1.0) if proportion == 1 else (0.0, width)
