"""Deletion and insertion (Petsiuk et al. 2018, arXiv 1806.07421): does what the map marks change the network's probability?

See "Measure it" in docs/explanation.md.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.uint8]], NDArray[np.floating]]

BLUR = 1 / 32
"""Standard deviation of the blur that insertion starts from, as a share of the side: only the largest lesions remain."""


def deletion_curve(
    score: Score, pixels: NDArray[np.uint8], values: NDArray[np.floating], field_of_view: NDArray[np.bool_], steps: int
) -> NDArray[np.float64]:
    """The score while the map's highest pixels are replaced by the mean colour, equally many per step.

    Args:
        score: From standard photos (n, side, side, 3), uint8, to a score for each, such as the probability of an
            output.
        pixels: uint8 (side, side, 3), a standard photo.
        values: (side, side), the map.
        field_of_view: Boolean (side, side).
        steps: At least 1.

    Returns:
        (steps + 1,): from the unchanged photo to one without content.
    """
    flat = pixels.copy()
    flat[field_of_view] = np.rint(pixels[field_of_view].mean(axis=0)).astype(np.uint8)
    return _curve(score, pixels, flat, values, field_of_view, steps)


def insertion_curve(
    score: Score, pixels: NDArray[np.uint8], values: NDArray[np.floating], field_of_view: NDArray[np.bool_], steps: int
) -> NDArray[np.float64]:
    """The score while the map's highest pixels are brought into the blurred photo; arguments as of `deletion_curve`."""
    blurred = cv2.GaussianBlur(pixels, (0, 0), BLUR * len(pixels)).astype(np.uint8)
    blurred[~field_of_view] = pixels[~field_of_view]
    return _curve(score, blurred, pixels, values, field_of_view, steps)


def area_under(curve: NDArray[np.floating]) -> float:
    """The area under a curve over 0-1 by trapezoids; the lower the better for deletion, the higher for insertion.

    >>> area_under(np.array([1.0, 0.5, 0.0]))
    0.5
    """
    return float((curve[1:] + curve[:-1]).mean() / 2)


def _curve(
    score: Score,
    first: NDArray[np.uint8],
    last: NDArray[np.uint8],
    values: NDArray[np.floating],
    field_of_view: NDArray[np.bool_],
    steps: int,
) -> NDArray[np.float64]:
    rows, columns = np.nonzero(field_of_view)
    order = np.argsort(-values[rows, columns], kind="stable")
    current, scores = first.copy(), [float(score(first[None])[0])]
    for part in np.array_split(order, steps):
        place = rows[part], columns[part]
        current[place] = last[place]
        scores.append(float(score(current[None])[0]))
    return np.array(scores)
