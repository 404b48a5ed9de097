"""Centre lines of vessels, and how much of each mask's centre line the other mask covers."""

import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.centrelines import centreline
from eyeground.evaluation.agreement import ratio

Mask = npt.NDArray[np.bool_]


def centreline_counts(called: Mask, truth: Mask) -> npt.NDArray[np.int64]:
    """Count pixels of centre lines, shape (4,), for `cl_dice`; counts add up over photos.

    In this order: pixels of the called centre line within the truth, all pixels of the called centre line, pixels of
    the true centre line within what is called, all pixels of the true centre line.
    """
    of_called, of_truth = centreline(called), centreline(truth)
    counted = (of_called & truth, of_called, of_truth & called, of_truth)
    return np.array([np.count_nonzero(mask) for mask in counted], dtype=np.int64)


def cl_dice(counts: np.ndarray) -> np.ndarray:
    """Centre-line Dice: the harmonic mean of topology precision and topology sensitivity, 0 to 1.

    Args:
        counts: Shape (rows, 4), from `centreline_counts`.

    Returns:
        Shape (rows,); 0 where nothing is called or no centre line is covered, NaN where the truth has no centre line.

    References:
        Shit et al., clDice - a novel topology-preserving loss function for tubular structure segmentation, CVPR 2021,
        arXiv 2003.07311, with morphological skeletons.
    """
    covered, called, found, true = counts.T.astype(float)
    precision, sensitivity = np.nan_to_num(ratio(covered, called)), ratio(found, true)
    total = precision + sensitivity
    return np.where(total == 0, 0.0, ratio(2 * precision * sensitivity, total))
