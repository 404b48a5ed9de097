"""One photo's probability map, or a second annotator's mask, against the annotated truth: counts and metrics.

Metrics of the structure (Dice, sensitivity, clDice, areas under curves) are NaN where a photo shows none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eyeground.errors import UserError
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES
from eyeground.evaluation.structures.centreline import centreline_counts, cl_dice
from eyeground.evaluation.structures.pixels import Mask, PixelCounts, auprc, auroc, check_maps, count_pixels

AT_THRESHOLD = ("dice", "cl_dice", "sensitivity", "specificity", "accuracy", "area")
OVER_THRESHOLDS = ("auroc", "auprc")


@dataclass(frozen=True)
class MeasuredPhoto:
    """What is kept of a photo. Build it with `measure_photo` or `measure_segmentation`.

    Attributes:
        decisions: Shape (4,), int64: pixels that are true positives, false positives, true negatives, false negatives.
        centreline: Shape (4,), int64, from `centreline.centreline_counts`.
        pixels: None for an annotated mask, whose pixels have no order.
    """

    photo: str
    patient: str
    decisions: npt.NDArray[np.int64]
    centreline: npt.NDArray[np.int64]
    pixels: PixelCounts | None

    @property
    def metrics(self) -> tuple[str, ...]:
        """What can be measured of it: a mask has no areas under curves."""
        return AT_THRESHOLD if self.pixels is None else (*OVER_THRESHOLDS, *AT_THRESHOLD)

    @property
    def shows(self) -> set[str]:
        """Which of `positives` (pixels of the structure) and `negatives` there are."""
        found, wrong, passed, missed = self.decisions.tolist()
        return {kind for kind, pixels in ((POSITIVES, found + missed), (NEGATIVES, wrong + passed)) if pixels}


def measure_photo(
    photo: str,
    patient: str,
    probability: npt.NDArray[np.floating],
    truth: Mask,
    inside: Mask,
    threshold: float,
) -> MeasuredPhoto:
    """Compare a probability map with the annotated structure.

    Args:
        photo: Its name.
        patient: Their name; eyes of one patient are resampled together.
        probability: Shape (h, w), 0 to 1; taken as float32.
        truth: Shape (h, w), bool: the structure as annotated.
        inside: Shape (h, w), bool: the field of view; other pixels are not counted.
        threshold: Pixels with at least this probability are called the structure; from `best_threshold`, or fixed
            beforehand.

    Raises:
        UserError: If the maps do not fit each other (see `count_pixels`), or scikit-image is not installed.
    """
    pixels = count_pixels(probability, truth, inside)
    return _measured(photo, patient, probability.astype(np.float32) >= threshold, truth, inside, pixels)


def measure_segmentation(photo: str, patient: str, segmented: Mask, truth: Mask, inside: Mask) -> MeasuredPhoto:
    """Compare a second annotator's mask with the first one's, which is taken as the truth.

    Other parameters and errors are those of `measure_photo`.

    Args:
        segmented: Shape (h, w), bool: the structure as the second annotator segmented it.
    """
    if segmented.dtype != np.bool_:
        raise UserError(f"the segmented mask is of type {segmented.dtype}; make it bool, for example with `mask > 127`")
    check_maps(segmented.astype(np.float32), truth, inside)
    return _measured(photo, patient, segmented, truth, inside, None)


def photo_metrics(
    probability: npt.NDArray[np.floating], truth: Mask, inside: Mask, threshold: float
) -> dict[str, float]:
    """Metrics of one probability map against the annotated structure.

    Parameters and errors are those of `measure_photo`.

    Returns:
        All 0 to 1, `area` from 0. `auroc` and `auprc` (average precision) over all thresholds, pixels of one bin of `pixels.EDGES`
        counting as ties; at the threshold `dice` (2 TP / (2 TP + FP + FN)), `cl_dice` (see `centreline.cl_dice`),
        `sensitivity`, `specificity`, `accuracy` and `area` (called pixels over annotated ones). NaN are all but specificity and accuracy where no pixel is of
        the structure, and `auroc`, `auprc` and `specificity` where every pixel is.
    """
    measured = measure_photo("", "", probability, truth, inside, threshold)
    return dict(zip(measured.metrics, metrics_of_photos([measured])[:, 0].tolist(), strict=True))


def metrics_at_threshold(decisions: np.ndarray, centreline: np.ndarray) -> np.ndarray:
    """Metrics of `AT_THRESHOLD` of counts of shape (rows, 4) each: shape (metrics, rows)."""
    found, wrong, passed, missed = decisions.T.astype(float)
    positives = found + missed
    dice = np.where(positives > 0, ratio(2 * found, positives + found + wrong), np.nan)
    return np.stack(
        [
            dice,
            cl_dice(centreline),
            ratio(found, positives),
            ratio(passed, passed + wrong),
            ratio(found + passed, decisions.sum(axis=1).astype(float)),
            ratio(found + wrong, positives),
        ]
    )


def metrics_of_photos(photos: Sequence[MeasuredPhoto]) -> np.ndarray:
    """Each photo's own values, shape (metrics, photos), metrics as the photos' `metrics`, which must be the same."""
    values = metrics_at_threshold(
        np.stack([photo.decisions for photo in photos]), np.stack([photo.centreline for photo in photos])
    )
    counted = [photo.pixels for photo in photos if photo.pixels is not None]
    if not counted:
        return values
    areas = [
        [area(pixels.positives[np.newaxis], pixels.negatives[np.newaxis])[0] for pixels in counted]
        for area in (auroc, auprc)
    ]
    return np.concatenate([np.array(areas), values])


def _measured(
    photo: str, patient: str, called: Mask, truth: Mask, inside: Mask, pixels: PixelCounts | None
) -> MeasuredPhoto:
    called, truth = called & inside, truth & inside
    counted = (called & truth, called & ~truth, inside & ~called & ~truth, truth & ~called)
    decisions = np.array([np.count_nonzero(mask) for mask in counted], dtype=np.int64)
    return MeasuredPhoto(photo, patient, decisions, centreline_counts(called, truth), pixels)
