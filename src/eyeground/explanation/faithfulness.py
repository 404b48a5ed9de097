"""Agreement of maps with outlined lesions, within the field of view, beside what chance gives; see docs/explanation.md.

This is plausibility: whether a map is true to its network is measured in `perturbation` and `randomisation`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

BORDER = 0.05
"""Width of the border of the field of view, as a share of the photo's side."""


def pointing(values: Floats, lesion: Mask, field_of_view: Mask, tolerance: float = 0.0) -> float:
    """The pointing game: whether the map's highest point in the field of view lies on a lesion.

    Where several points are the highest, it is the share of them that hit, so a flat map scores chance.

    Args:
        values: (side, side), the map.
        lesion, field_of_view: Boolean (side, side).
        tolerance: Pixels that a point may miss a lesion by.

    Returns:
        In 0-1.

    References:
        Zhang et al., International Journal of Computer Vision 126 (2018) 1084 (arXiv 1608.00507).

    >>> everywhere, lesion = np.ones((1, 4), bool), np.array([[False, True, False, False]])
    >>> pointing(np.array([[0.0, 2.0, 1.0, 0.0]]), lesion, everywhere)
    1.0
    >>> pointing(np.zeros((1, 4)), lesion, everywhere)
    0.25
    """
    inside = values[field_of_view]
    return float(widened(lesion, tolerance)[field_of_view][inside == inside.max()].mean())


def widened(region: Mask, by: float) -> Mask:
    """A region and everything within `by` pixels of it: where a point with that tolerance is a hit."""
    if by <= 0 or not region.any():
        return region
    distance = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= by)


def area_share(region: Mask, field_of_view: Mask) -> float:
    """The share of the field of view that a region covers, in 0-1: `pointing` and `evidence_share` by chance."""
    return float(region[field_of_view].mean())


def evidence_share(values: Floats, region: Mask, field_of_view: Mask) -> float:
    """The share of a map's positive values that lies in a region of the field of view.

    Returns:
        In 0-1; NaN if the map has no positive value in the field of view.

    References:
        Energy-based pointing game: Wang et al. 2020 (arXiv 1910.01279).
    """
    positive = np.maximum(values[field_of_view].astype(np.float64), 0)
    total = float(positive.sum())
    return float(positive[region[field_of_view]].sum()) / total if total > 0 else float("nan")


def lesion_average_precision(values: Floats, lesion: Mask, field_of_view: Mask) -> float:
    """Average precision (area under precision and recall) of a map as a detector of lesion pixels.

    Pixels of equal value are taken together, so a flat map scores the lesions' share of area.

    Returns:
        In 0-1; NaN if there is no lesion in the field of view.
    """
    inside, truth = values[field_of_view], lesion[field_of_view]
    if not truth.any():
        return float("nan")
    order = np.argsort(-inside, kind="stable")
    last_of_value = np.append(np.flatnonzero(np.diff(inside[order])), len(order) - 1)
    found = np.cumsum(truth[order])[last_of_value]
    return float((np.diff(found, prepend=0) / found[-1] * found / (last_of_value + 1)).sum())


def border(field_of_view: Mask) -> Mask:
    """The outermost ring of the field of view, `BORDER` of the side wide, which differs between cameras, not eyes."""
    padded = np.pad(field_of_view, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.asarray(field_of_view & (distance <= BORDER * len(field_of_view)))
