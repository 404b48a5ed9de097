"""The three calibration maps: temperature (Guo et al., 2017), Platt scaling (Platt, 1999) and isotonic regression.

Ordinal steps share one slope or one map, so that a higher step never becomes more probable than a lower one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logsumexp
from sklearn.isotonic import IsotonicRegression

from eyeground.bundle.calibration import Calibration, FittedOn, Isotonic, Platt, Temperature, logit
from eyeground.config.targets import Target

NAMES = {"temperature": "temperature scaling", "platt": "Platt scaling", "isotonic": "isotonic regression"}
# Log of the factor on the logit. At its bounds the scores separate the photos not at all, or perfectly.
_LOG_SHARPNESS = (-3.0, 3.0)


@dataclass(frozen=True)
class Observed:
    """One target's photos whose truth is known: truth and probability (photos, outputs), patient (photos,)."""

    target: Target
    split: FittedOn
    truth: np.ndarray
    probability: np.ndarray
    patient: np.ndarray

    def rows(self, chosen: np.ndarray) -> "Observed":
        """Some of the photos."""
        return Observed(self.target, self.split, self.truth[chosen], self.probability[chosen], self.patient[chosen])

    def with_logits(self) -> "Observed":
        """The photos whose every probability has a logit: whatever stood in for that of 0 or 1 would decide the fit."""
        kept = np.all((self.probability > 0) & (self.probability < 1), axis=1)
        if not kept.any():
            raise NotFittedError(f"every photo in {self.split} has a probability of exactly 0 or 1")
        return self.rows(np.asarray(kept))


class NotFittedError(Exception):
    """A method cannot be fitted to these photos; the message says why."""


def _temperature(observed: Observed) -> Calibration:
    softmax = observed.target.kind == "multiclass"
    observed = observed.with_logits()
    scores = np.log(observed.probability) if softmax else logit(observed.probability)

    def loss(log_sharpness: float) -> float:
        scaled = np.exp(log_sharpness) * scores
        if softmax:
            return float((logsumexp(scaled, axis=1) - (observed.truth * scaled).sum(axis=1)).sum())
        return float((np.logaddexp(0, scaled) - observed.truth * scaled).sum())

    found = float(minimize_scalar(loss, bounds=_LOG_SHARPNESS, method="bounded", options={"xatol": 1e-8}).x)
    _refuse_bounds(found, observed, "temperature")
    return Temperature(
        **_fitted_on(observed), temperature=float(np.exp(-found)), family="softmax" if softmax else "sigmoid"
    )


def _platt(observed: Observed) -> Calibration:
    observed = observed.with_logits()
    scores = logit(observed.probability)
    truth = smoothed(observed.truth)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Log loss and its gradient; the parameters are the slope, the first offset, and by how much each next one is lower."""
        fitted = parameters[0] * scores + _offsets(parameters)
        residual = expit(fitted) - truth
        by_offset = residual.sum(axis=0)
        # Each step down lowers its own offset and all later ones.
        steps = -np.cumsum(by_offset[::-1])[::-1][1:]
        gradient = np.concatenate([[(residual * scores).sum(), by_offset.sum()], steps])
        return float((np.logaddexp(0, fitted) - truth * fitted).sum()), gradient

    count = observed.truth.shape[1]
    slopes = tuple(np.exp(_LOG_SHARPNESS))
    start = np.concatenate([[1.0], np.zeros(count)])
    bounds = [slopes, (None, None), *[(0.0, None)] * (count - 1)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    _refuse_bounds(float(np.log(found.x[0])), observed, "platt")
    return Platt(**_fitted_on(observed), slope=float(found.x[0]), offsets=tuple(_offsets(found.x).tolist()))


def _offsets(parameters: np.ndarray) -> np.ndarray:
    return np.asarray(parameters[1] - np.concatenate([[0.0], np.cumsum(parameters[2:])]))


def smoothed(truth: np.ndarray) -> np.ndarray:
    """Truths (photos, outputs) moved away from 0 and 1 as by a uniform prior on each class (Platt 1999, section 2.2)."""
    positives = truth.sum(axis=0)
    negatives = len(truth) - positives
    return np.asarray(np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2)))


def _isotonic(observed: Observed) -> Calibration:
    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    regression.fit(observed.probability.ravel(), observed.truth.ravel())
    return Isotonic(
        **_fitted_on(observed),
        corners=tuple(regression.X_thresholds_.tolist()),
        calibrated=tuple(regression.y_thresholds_.tolist()),
    )


def _refuse_bounds(log_sharpness: float, observed: Observed, method: str) -> None:
    low, high = _LOG_SHARPNESS
    if log_sharpness > high - 1e-3:
        raise NotFittedError(f"{observed.split} is separated so well that {NAMES[method]} finds no bound")
    if log_sharpness < low + 1e-3:
        raise NotFittedError(f"higher probabilities do not go with more positives in {observed.split}")


def _fitted_on(observed: Observed) -> dict[str, Any]:
    return {
        "outputs": observed.target.outputs,
        "fitted_on": observed.split,
        "photos": len(observed.truth),
        "positives": tuple(observed.truth.sum(axis=0).astype(int).tolist()),
    }


FITS: dict[str, Callable[[Observed], Calibration]] = {
    "temperature": _temperature,
    "platt": _platt,
    "isotonic": _isotonic,
}
