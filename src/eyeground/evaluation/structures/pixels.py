"""Pixels by truth and probability, as histograms with bins even in log-odds; see docs/structures.md.

Histograms add up over photos and patients; pixels of one bin count as ties.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from eyeground.errors import UserError
from eyeground.evaluation.agreement import ratio

Mask = npt.NDArray[np.bool_]
# 4,096 bins between log-odds of -12 and 12: the probability within a bin varies by 0.0015 at 0.5, and by 0.6 % near 0.
# Rounding to float32 lets a few edges near 1 coincide, hence `unique`.
EDGES = np.unique(expit(np.linspace(-12, 12, 4095)).astype(np.float32))


@dataclass(frozen=True)
class PixelCounts:
    """How many pixels of a photo, or of several, have each probability. Build it with `count_pixels`.

    Attributes:
        positives, negatives: Shape (bins,), int64: pixels inside the structure and outside it, by rising probability.
            Bin 0 lies below the first of `EDGES`, bin k from edge k - 1 up to edge k.
    """

    positives: npt.NDArray[np.int64]
    negatives: npt.NDArray[np.int64]


def count_pixels(probability: npt.NDArray[np.floating], truth: Mask, inside: Mask) -> PixelCounts:
    """Count the pixels of the field of view by truth and probability.

    Args:
        probability: Shape (h, w), 0 to 1; taken as float32.
        truth: Shape (h, w), bool: the structure as annotated.
        inside: Shape (h, w), bool: the field of view; other pixels are not counted.

    Raises:
        UserError: If shapes differ, a mask is not bool, nothing is inside, or a probability is not between 0 and 1.
    """
    check_maps(probability, truth, inside)
    place = np.searchsorted(EDGES, probability[inside].astype(np.float32), side="right")
    is_positive = truth[inside]
    return PixelCounts(
        np.bincount(place[is_positive], minlength=len(EDGES) + 1),
        np.bincount(place[~is_positive], minlength=len(EDGES) + 1),
    )


def best_threshold(counts: Sequence[PixelCounts]) -> float:
    """The threshold with the highest Dice over all pixels of photos on which no result is reported.

    Where several thresholds do equally well, as with a map of zeros and ones, it is the middle one.

    Args:
        counts: Of training or validation photos; on test photos the results at this threshold would be optimistic.

    Returns:
        One of `EDGES`; pixels with at least this probability are called the structure.

    Raises:
        UserError: If no pixel of these photos is in the structure.
    """
    positives = np.sum([photo.positives for photo in counts], axis=0)
    negatives = np.sum([photo.negatives for photo in counts], axis=0)
    if not np.sum(positives):
        raise UserError(
            f"a threshold cannot be chosen: in none of the {len(counts)} photos is any pixel annotated as the structure; "
            "choose it on photos that show some"
        )
    found, wrong = _at_least(positives)[1:], _at_least(negatives)[1:]
    dice = 2 * found / (found + wrong + positives.sum())
    best = np.flatnonzero(dice == dice.max())
    return float(EDGES[best[len(best) // 2]])


def auroc(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of histograms of shape (rows, bins); NaN where a class has no pixels.

    It differs from that of the unbinned probabilities by at most half the share of pairs of a positive and a negative
    pixel that share a bin.
    """
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return ratio((positives * below).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))


def auprc(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Average precision, without interpolation, of histograms of shape (rows, bins); NaN where a class has no pixels."""
    found, wrong = _at_least(positives), _at_least(negatives)
    precision = found / np.maximum(found + wrong, 1)
    area = ratio((positives * precision).sum(axis=1), positives.sum(axis=1))
    return np.where(negatives.sum(axis=1) > 0, area, np.nan)


def check_maps(probability: npt.NDArray[np.floating], truth: Mask, inside: Mask) -> None:
    """Raise a UserError unless the three maps are of one photo and can be compared."""
    shapes = {"probability": probability.shape, "truth": truth.shape, "field of view": inside.shape}
    if probability.ndim != 2 or len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(f"maps of one photo must have one shape (height, width), but these have: {listed}")
    for name, mask in (("truth", truth), ("field of view", inside)):
        if mask.dtype != np.bool_:
            raise UserError(f"the {name} mask is of type {mask.dtype}; make it bool, for example with `mask > 127`")
    if not inside.any():
        raise UserError("the field-of-view mask is empty, so there is no pixel to compare")
    seen = probability[inside]
    # Written so that NaN fails, too.
    if not (seen.min() >= 0 and seen.max() <= 1):
        raise UserError(
            f"probabilities run from {seen.min():g} to {seen.max():g}; expected 0 to 1 "
            "(are they logits, or grey values of 0 to 255?)"
        )


def _at_least(histogram: np.ndarray) -> np.ndarray:
    """Pixels in each bin and all above it."""
    return np.flip(np.cumsum(np.flip(histogram, axis=-1), axis=-1), axis=-1)
