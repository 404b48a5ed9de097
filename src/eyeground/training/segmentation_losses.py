"""The loss of a segmenter: a loss of pixels and a loss of overlap, over the pixels that are known.

Cross-entropy gives every pixel a gradient; the overlap keeps a structure of few pixels from being outweighed.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor

FOCAL_GAMMA = 2.0
MISSED = {"dice": 0.5, "tversky": 0.7}  # share of a missed pixel's weight; a false pixel has the rest
DECIDED = 0.5  # difference of two rivals' shares of a pixel from which on it is one of them
SMOOTHING = 1.0  # pixels: keeps the overlap of an empty mask defined


def segmentation_loss(
    logits: Tensor,
    target: Tensor,
    weights: Tensor,
    *,
    overlap: Literal["dice", "tversky"] = "dice",
    focal: bool = False,
    rivals: Sequence[tuple[int, int]] = (),
) -> Tensor:
    """Mean over structures of pixel loss plus one minus overlap.

    Args:
        logits: Shape (n, structures, h, w).
        target: Shape (n, structures, h, w): the share of a pixel that is covered, 0 to 1, or NaN where it is unknown.
        weights: Shape (structures,): weight of each structure.
        overlap: `dice` or `tversky` (Salehi et al. 2017, arXiv 1706.05721), each over the entire batch.
        focal: Focal loss (Lin et al. 2017, arXiv 1708.02002) with gamma 2 instead of cross-entropy.
        rivals: Pairs of structures: see `rival_loss`, the mean of which is added.

    Returns:
        A scalar; zero, with a gradient of zero, if nothing in the batch is known.
    """
    known = torch.isfinite(target).float()
    truth = torch.nan_to_num(target)
    answer = logits.float()
    pixels = functional.binary_cross_entropy_with_logits(answer, truth, reduction="none")
    probability = answer.sigmoid()
    if focal:
        pixels = pixels * (probability - truth).abs() ** FOCAL_GAMMA
    over = (0, 2, 3)
    counted = known.sum(over)
    pixel_loss = (pixels * known).sum(over) / counted.clamp(min=1)
    hit = (probability * truth * known).sum(over)
    missed = ((1 - probability) * truth * known).sum(over)
    false = (probability * (1 - truth) * known).sum(over)
    share = MISSED[overlap]
    overlaps = (hit + SMOOTHING) / (hit + share * missed + (1 - share) * false + SMOOTHING)
    there = (counted > 0).float() * weights
    losses: Tensor = ((pixel_loss + 1 - overlaps) * there).sum() / there.sum().clamp(min=1e-6)
    return losses + rival_loss(answer, target, rivals) + answer.sum() * 0.0


def rival_loss(logits: Tensor, target: Tensor, rivals: Sequence[tuple[int, int]]) -> Tensor:
    """Cross-entropy between two structures at the pixels that are one and not the other, such as artery and vein.

    The other losses are content with half a chance of each on every vessel; this one is of nothing but the difference.

    Args:
        logits, target: As of `segmentation_loss`.
        rivals: Places of both structures of each pair.

    Returns:
        A scalar, the mean over pairs; zero where no pixel is of exactly one.
    """
    total = logits.new_zeros(())
    for one, other in rivals:
        truth, opposite = target[:, one], target[:, other]
        decided = (truth - opposite).abs() >= DECIDED  # NaN is not
        if decided.any():
            apart = (logits[:, one] - logits[:, other])[decided]
            total = total + functional.binary_cross_entropy_with_logits(apart, (truth > opposite)[decided].float())
    return total / max(1, len(rivals))
