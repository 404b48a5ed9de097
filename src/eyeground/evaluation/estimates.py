"""A value with its interval, or the reason why there is none; see docs/statistics.md."""

import math
from dataclasses import dataclass, replace

import numpy as np

from eyeground.core.proportions import wilson_interval
from eyeground.evaluation.intervals import bca_interval, percentile_interval
from eyeground.evaluation.metrics import CALIBRATION_ERROR, PARTIAL_AUROC

FEW_PATIENTS = 10
MOST_DROPPED = 0.5
# Metrics whose intervals fall short with fewer patients than these, by scripts/simulate_small_studies.py.
FALLS_SHORT_BELOW = {
    PARTIAL_AUROC: 25,
    CALIBRATION_ERROR: 25,
    "f1": 40,
    "mcc": 25,
    "quadratic_weighted_kappa": 200,
}


@dataclass(frozen=True)
class Estimate:
    """One metric of one output.

    Attributes:
        metric: Its name, such as `auroc`.
        value: None where it is not estimable; `note` says why.
        low, high: The 95 % interval, over patients unless said otherwise, None where there is none; `note` says why.
        note: What a reader must know; often empty.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Limits:
    """A 95 % interval that a formula gives without resamples, and what a reader must know of it; often empty."""

    low: float
    high: float
    note: str = ""


@dataclass(frozen=True)
class Support:
    """What an interval rests on: how many patients, and of what ("patients with positives")."""

    patients: int
    of: str

    def __str__(self) -> str:
        return f"{self.patients} {self.of.replace('patients', 'patient', 1) if self.patients == 1 else self.of}"


def not_estimable(metric: str, why: str) -> Estimate:
    """An estimate without a value."""
    return Estimate(metric, None, note=f"not estimable: {why}")


def noted(estimate: Estimate, note: str) -> Estimate:
    """The estimate with a further note, in front unless there is no value: then the reason comes first."""
    notes = [note, estimate.note] if estimate.value is not None else [estimate.note, note]
    return replace(estimate, note="; ".join(filter(None, notes)))


def few_patients_note(support: Support, metric: str = "") -> str:
    """What to say of an interval that rests on few patients; empty where there are enough."""
    few = f"rests on only {support}" if support.patients < FEW_PATIENTS else ""
    if support.patients >= FALLS_SHORT_BELOW.get(metric, 0):
        return few
    short = "such intervals held the truth in 91 to 93 of 100 simulated studies"
    return f"{few}; {short}" if few else f"rests on {support}; {short}"


def with_interval(
    metric: str,
    value: float,
    resampled: np.ndarray,
    support: Support,
    is_proportion: bool = False,
    jackknifed: np.ndarray | None = None,
    limits: Limits | None = None,
) -> Estimate:
    """Give a value its percentile interval, its BCa interval where it was jackknifed, or the limits of a formula.

    Args:
        value: On the photos as they are.
        resampled: Shape (resamples,): the same in every resample, NaN where it could not be computed.
        support: The scarcer of the things the metric rests on.
        is_proportion: Whether a Wilson interval applies where all photos agree.
        jackknifed: Shape (groups,): the value with each group of patients left out, from `intervals.jackknife`.
        limits: Take the place of those of the resamples.
    """
    if limits is not None or not len(resampled):
        return with_limits(metric, value, limits if len(resampled) else None, support)
    if support.patients < 2:
        return _only_one(metric, value, support)
    dropped = int(np.isnan(resampled).sum())
    if dropped > MOST_DROPPED * len(resampled):
        return Estimate(metric, value, note=f"no interval: not estimable in {dropped} of {len(resampled)} resamples")
    low, high = percentile_interval(resampled) if jackknifed is None else bca_interval(value, resampled, jackknifed)
    notes = []
    if math.isclose(low, high, abs_tol=1e-12):
        if not (is_proportion and value in (0.0, 1.0)):
            return Estimate(metric, value, note="no interval: every resample gives the same value")
        # Patients are counted, not photos: the eyes of a patient are taken to agree fully, which errs to the wide side.
        low, high = wilson_interval(value * support.patients, support.patients)
        notes.append(f"all photos agree; Wilson interval over {support}")
    if few := few_patients_note(support, metric):
        notes.append(few)
    if dropped:
        notes.append(f"{dropped} of {len(resampled)} resamples dropped, in which it was not estimable")
    return Estimate(metric, value, low, high, "; ".join(notes))


def with_limits(metric: str, value: float, limits: Limits | None, support: Support) -> Estimate:
    """Give a value the interval of a formula; None where no intervals are asked for."""
    if limits is None:
        return Estimate(metric, value, note="no interval: no resamples were asked for")
    if support.patients < 2:
        return _only_one(metric, value, support)
    note = "; ".join(filter(None, [limits.note, few_patients_note(support, metric)]))
    # Sums over patients differ in the last digit with their order, which must change no result.
    return Estimate(metric, value, round(limits.low, 12), round(limits.high, 12), note)


def _only_one(metric: str, value: float, support: Support) -> Estimate:
    return Estimate(metric, value, note=f"no interval: only {support}")


def as_text(estimate: Estimate, form: str = ".3f") -> str:
    """An estimate as people read it: `0.914 (0.889–0.936)`, without brackets where it has no interval.

    >>> as_text(Estimate("auroc", 0.9137, 0.889, 0.936))
    '0.914 (0.889–0.936)'
    >>> as_text(Estimate("mean_calibration", -0.0149, -0.043, 0.0121))
    '−0.015 (−0.043 to 0.012)'
    >>> as_text(not_estimable("auroc", "no positives in test"))
    'not estimable: no positives in test'
    """
    if estimate.value is None:
        return estimate.note
    value = _number(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return value
    # A dash between signed numbers would read as one more minus.
    between = " to " if min(estimate.low, estimate.value) < 0 else "–"
    return f"{value} ({_number(estimate.low, form)}{between}{_number(estimate.high, form)})"


def signed(estimate: Estimate) -> str:
    """A difference as people read it.

    >>> signed(Estimate("auroc_difference", -0.0121, -0.03, 0.006))
    '−0.012 (−0.030 to +0.006)'
    """
    if estimate.value is None:
        return estimate.note
    value = _signed_number(estimate.value)
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({_signed_number(estimate.low)} to {_signed_number(estimate.high)})"


def _signed_number(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−") if value else f"{value:.3f}"


def _number(value: float, form: str) -> str:
    # "z": what rounds to 0 has no sign.
    return f"{value:z{form}}".replace("-", "−")
