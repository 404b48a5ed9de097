"""Calibration maps from a network's probabilities to calibrated ones, one for each target.

They act after the network, so the ONNX graph, its logits and its evidence maps stay unchanged. See docs/bundle.md.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from eyeground.config.settings import Settings

# The largest float32 below 1 is 1 - 2^-24; a probability that a network rounded to 1 lies above it.
LARGEST = 1 - 2**-25
SMALLEST = float(np.finfo(np.float32).tiny)

Probability = Annotated[float, Field(ge=0, le=1)]
Probabilities = NDArray[np.float64]
FittedOn = Literal["validation", "train", "cross-validation", "site"]


class _OfTarget(Settings):
    outputs: tuple[str, ...] = Field(min_length=1, description="Outputs it applies to: all of one target, in order.")


class _Fitted(_OfTarget):
    fitted_on: FittedOn = Field(
        description="Split it was fitted on, never test; 'cross-validation': all photos, each predicted out of its fold; or 'site': "
        "photos of the site where it is used."
    )
    photos: int = Field(ge=1, description="Photos it was fitted on.")
    positives: tuple[int, ...] = Field(description="Positive photos it was fitted on, for each output.")

    @model_validator(mode="after")
    def _counts_fit(self) -> "_Fitted":
        if len(self.positives) != len(self.outputs):
            raise ValueError(f"{len(self.outputs)} outputs have {len(self.positives)} numbers of positives")
        return self


class Uncalibrated(_OfTarget):
    """The probabilities stay as the network gives them."""

    kind: Literal["none"] = Field("none", description="The method.")
    reason: str = Field(min_length=1, description="Why nothing was fitted.")

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """The same probabilities, shape (photos, outputs)."""
        return probabilities


class Temperature(_Fitted):
    """All logits divided by one number (Guo et al. 2017, arXiv 1706.04599)."""

    kind: Literal["temperature"] = Field("temperature", description="The method.")
    temperature: float = Field(gt=0, description="What logits are divided by: above 1 the network was overconfident.")
    family: Literal["sigmoid", "softmax"] = Field(
        description="softmax for exclusive classes, whose probabilities sum to 1; sigmoid for all others."
    )

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """Calibrated probabilities, shape (photos, outputs)."""
        if self.family == "softmax":
            scores = np.log(np.clip(probabilities, SMALLEST, 1)) / self.temperature
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares: Probabilities = scores / scores.sum(axis=1, keepdims=True)
            return shares
        return sigmoid(logit(probabilities) / self.temperature)


class Platt(_Fitted):
    """Logistic regression on the logit (Platt 1999): one slope for the target, one offset for each output."""

    kind: Literal["platt"] = Field("platt", description="The method.")
    slope: float = Field(gt=0, description="Factor on the logit: below 1 the network was overconfident.")
    offsets: tuple[float, ...] = Field(
        description="Added to the scaled logit, for each output; never higher for a higher ordinal step, which keeps the steps in order."
    )

    @model_validator(mode="after")
    def _offsets_fit(self) -> "Platt":
        if len(self.offsets) != len(self.outputs):
            raise ValueError(f"{len(self.outputs)} outputs have {len(self.offsets)} offsets")
        if any(later > earlier for earlier, later in zip(self.offsets, self.offsets[1:], strict=False)):
            raise ValueError("the offsets rise from one step to the next, so that steps could change places")
        return self

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """Calibrated probabilities, shape (photos, outputs)."""
        return sigmoid(self.slope * logit(probabilities) + np.array(self.offsets))


class Isotonic(_Fitted):
    """The best-fitting map that never falls (Zadrozny & Elkan 2002): linear between its corners, constant beyond them."""

    kind: Literal["isotonic"] = Field("isotonic", description="The method.")
    corners: tuple[Probability, ...] = Field(min_length=1, description="Probabilities of the network, rising.")
    calibrated: tuple[Probability, ...] = Field(min_length=1, description="What each corner becomes, never falling.")

    @model_validator(mode="after")
    def _never_falls(self) -> "Isotonic":
        if len(self.corners) != len(self.calibrated):
            raise ValueError(f"{len(self.corners)} corners have {len(self.calibrated)} calibrated probabilities")
        if (np.diff(self.corners) <= 0).any() or (np.diff(self.calibrated) < 0).any():
            raise ValueError("the corners do not rise, or the calibrated probabilities fall")
        return self

    def apply(self, probabilities: Probabilities) -> Probabilities:
        """Calibrated probabilities, shape (photos, outputs)."""
        return np.interp(probabilities, self.corners, self.calibrated)


Calibration = Annotated[Uncalibrated | Temperature | Platt | Isotonic, Field(discriminator="kind")]


def calibrated(
    probabilities: NDArray[np.floating], outputs: Sequence[str], calibrations: Sequence[Calibration]
) -> Probabilities:
    """Apply calibrations to the probabilities of a model.

    Args:
        probabilities: Shape (photos, outputs), in 0-1.
        outputs: Names of the columns; those without a calibration stay as they are.
        calibrations: Each for outputs that are among the columns.

    Returns:
        Shape (photos, outputs), float64, in 0-1.

    >>> halved = Platt(outputs=("dr",), fitted_on="validation", photos=9, positives=(4,), slope=0.5, offsets=(0.0,))
    >>> calibrated(np.array([[0.5], [0.9]]), ("dr",), [halved]).round(3).tolist()
    [[0.5], [0.75]]
    """
    result = np.array(probabilities, dtype=np.float64)
    for calibration in calibrations:
        columns = [outputs.index(output) for output in calibration.outputs]
        result[:, columns] = calibration.apply(result[:, columns])
    return result


def describe_calibration(calibration: Calibration) -> str:
    """What is done to the probabilities and on which photos it was fitted, or why nothing is done."""
    if isinstance(calibration, Uncalibrated):
        return f"none ({calibration.reason})"
    if isinstance(calibration, Temperature):
        done = f"temperature scaling, logits divided by {calibration.temperature:.3g}"
    elif isinstance(calibration, Platt):
        offsets = " or ".join(f"{offset:+.3g}" for offset in calibration.offsets)
        done = f"Platt scaling, logits times {calibration.slope:.3g} {offsets}"
    else:
        done = f"isotonic regression with {len(calibration.corners)} corners"
    positives = " / ".join(f"{count:,}" for count in calibration.positives)
    which = "photos of the site" if calibration.fitted_on == "site" else f"{calibration.fitted_on} photos"
    return f"{done}; fitted on {calibration.photos:,} {which} ({positives} positive)"


def refuse_misfits(calibrations: Sequence[Calibration], exclusive: Mapping[tuple[str, ...], bool]) -> None:
    """Raise a `ValueError` if a calibration does not cover one entire target, does not suit its kind, or is its second.

    Args:
        exclusive: The outputs of every target, and whether they are exclusive classes.
    """
    left = dict(exclusive)
    for calibration in calibrations:
        names = ", ".join(calibration.outputs)
        if calibration.outputs not in left:
            raise ValueError(f"a calibration is for {names}: not the outputs of one target, or calibrated already")
        of_classes = left.pop(calibration.outputs)
        is_softmax = isinstance(calibration, Temperature) and calibration.family == "softmax"
        if is_softmax != of_classes and not isinstance(calibration, Uncalibrated):
            kind = "exclusive classes" if of_classes else "outputs that do not sum to 1"
            raise ValueError(f"the calibration of {names} does not suit {kind}")


def logit(probabilities: Probabilities) -> Probabilities:
    """Log odds; a 0 or 1 that float32 was rounded to gets those of the nearest number that rounds to it."""
    clipped = np.clip(probabilities, SMALLEST, LARGEST)
    odds: Probabilities = np.log(clipped) - np.log1p(-clipped)
    return odds


def sigmoid(logits: Probabilities) -> Probabilities:
    """The probability (0-1) of log odds."""
    probabilities: Probabilities = np.exp(-np.logaddexp(0.0, -logits))
    return probabilities
