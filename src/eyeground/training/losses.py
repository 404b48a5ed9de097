"""The loss of a classifier with several targets and missing labels.

Each target's loss is the mean over its known truths, so a disease with few labels weighs as much as one with many.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor

from eyeground.config.targets import Target, columns_of

FOCAL_GAMMA = 2.0


def masked_loss(
    logits: Tensor,
    truth: Tensor,
    targets: Sequence[Target],
    *,
    label_smoothing: float = 0.0,
    focal: bool = False,
    output_weights: Tensor | None = None,
    counts: Tensor | None = None,
) -> Tensor:
    """Weighted mean over targets of the mean loss over known truths.

    Args:
        logits: Shape (n, outputs).
        truth: Shape (n, outputs): 0, 1 or NaN (unknown); one-hot within a multiclass target.
        targets: In the order of the outputs.
        label_smoothing: Share of the truth that is spread over the other answers, 0 to 0.5.
        focal: Focal loss (Lin et al. 2017, arXiv 1708.02002) with gamma 2 instead of cross-entropy.
        output_weights: Shape (2, outputs): weight of a negative and of a positive truth of each output.
        counts: Shape (targets,): by how many known truths to divide each target's sum, where these logits are one of several
            shares of a step: those of the step divided by the number of shares, so that the mean over the shares is the
            loss of the step. Those of these logits if not given.

    Returns:
        A scalar; zero (with a gradient of zero) if nothing in the batch is known.
    """
    total = logits.sum() * 0.0
    weight_sum = 0.0
    numbers = known_truths(truth, targets)
    counts = numbers.sum(dim=0) if counts is None else counts
    for place, (target, columns) in enumerate(columns_of(targets)):
        if not counts[place]:
            continue
        weights = None if output_weights is None else output_weights[:, columns]
        of_kind = _softmax_loss if target.kind == "multiclass" else _sigmoid_loss
        loss = of_kind(logits[:, columns].float(), truth[:, columns], label_smoothing, focal, weights)
        known = ~torch.isnan(truth[:, columns])
        counted = known.any(dim=1) if target.kind == "multiclass" else known
        # Not loss[counted]: on a GPU the host would wait for how many there are.
        total = total + target.weight * torch.where(counted, loss, 0.0).sum() / counts[place]
        weight_sum += target.weight
    return total / weight_sum if weight_sum else total


def known_truths(truth: Tensor, targets: Sequence[Target]) -> Tensor:
    """How many truths of each target a photo has, shape (n, targets); exclusive classes are one truth."""
    known = ~torch.isnan(truth)
    numbers = [
        known[:, columns].any(dim=1) if target.kind == "multiclass" else known[:, columns].sum(dim=1)
        for target, columns in columns_of(targets)
    ]
    return torch.stack(numbers, dim=1).float()


def _sigmoid_loss(logits: Tensor, truth: Tensor, smoothing: float, focal: bool, weights: Tensor | None) -> Tensor:
    """Loss (n, outputs) of independent outputs; meaningless where the truth is unknown."""
    answer = torch.nan_to_num(truth)
    smooth = answer * (1 - smoothing) + (1 - answer) * smoothing
    loss = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    if focal:
        loss = loss * (logits.sigmoid() - answer).abs() ** FOCAL_GAMMA
    if weights is not None:
        loss = loss * torch.where(answer > 0.5, weights[1], weights[0])
    return loss


def _softmax_loss(logits: Tensor, truth: Tensor, smoothing: float, focal: bool, weights: Tensor | None) -> Tensor:
    """Loss (n,) of exclusive classes; meaningless where the truth is unknown."""
    answer = torch.nan_to_num(truth)
    classes = logits.shape[1]
    smooth = answer * (1 - smoothing) + smoothing / classes
    terms = -smooth * logits.log_softmax(dim=1)
    if focal:
        terms = terms * (1 - logits.softmax(dim=1)) ** FOCAL_GAMMA
    if weights is not None:
        terms = terms * (answer * weights[1]).sum(dim=1, keepdim=True)
    return terms.sum(dim=1)


def balancing_weights(truth: Tensor, targets: Sequence[Target]) -> Tensor:
    """Weights (2, outputs) of negative and positive truths, so that both count equally within an output.

    For a multiclass target the positive weights make every class count equally. Weights average 1 over the known
    truths of the output or target.
    """
    known = (~torch.isnan(truth)).sum(dim=0).clamp(min=1).float()
    positives = torch.nan_to_num(truth).sum(dim=0).clamp(min=1)
    negatives = (known - torch.nan_to_num(truth).sum(dim=0)).clamp(min=1)
    weights = torch.stack([known / (2 * negatives), known / (2 * positives)])
    for target, columns in columns_of(targets):
        if target.kind == "multiclass":
            weights[1, columns] = known[columns] / (len(target.outputs) * positives[columns])
    return weights
