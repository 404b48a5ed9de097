"""Heads on the embedding, whose weights also act at each position of the feature map, and probabilities of their logits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eyeground.config.targets import Target, columns_of, later_steps

HIDDEN_UNITS = 512


class _Head(nn.Module):
    """The logits of a last layer `output`, with the steps of ordinal targets in order."""

    output: nn.Linear

    def __init__(self, targets: Sequence[Target]) -> None:
        super().__init__()
        self._targets = tuple(targets)
        self._outputs = sum(len(target.outputs) for target in targets)

    def forward(self, embedding: Tensor) -> Tensor:
        """(n, width) to (n, outputs)."""
        own = self._own(embedding)
        logits = in_order(own, self._targets)[0]
        # In training, gradients pass to each step's own logit as if no minimum were taken: else a step whose own logit is
        # above a lower step's for all photos would never learn.
        return own + (logits - own).detach() if self.training else logits

    def effective(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (n, outputs, width) and bias (n, outputs) that give the logits of these embeddings."""
        return self._effective_of(embedding, in_order(self._own(embedding), self._targets)[1])

    def _own(self, embedding: Tensor) -> Tensor:
        """Logits (n, outputs) of the last layer, each by itself."""
        raise NotImplementedError  # each kind of head has its own

    def _effective_of(self, embedding: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """As `effective`; `chosen` (n, outputs) is the output whose own logit each output takes."""
        raise NotImplementedError  # each kind of head has its own


class LinearHead(_Head):
    """One linear layer on the embedding."""

    def __init__(self, width: int, targets: Sequence[Target]) -> None:
        super().__init__(targets)
        self.output = nn.Linear(width, self._outputs)

    def _own(self, embedding: Tensor) -> Tensor:
        logits: Tensor = self.output(embedding)
        return logits

    def _effective_of(self, embedding: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        return self.output.weight[chosen], self.output.bias[chosen]


class HiddenLayerHead(_Head):
    """The paper's head: 512 hidden units with ReLU, then one linear layer."""

    def __init__(self, width: int, targets: Sequence[Target]) -> None:
        super().__init__(targets)
        self.hidden = nn.Linear(width, HIDDEN_UNITS)
        self.output = nn.Linear(HIDDEN_UNITS, self._outputs)

    def _own(self, embedding: Tensor) -> Tensor:
        logits: Tensor = self.output(torch.relu(self.hidden(embedding)))
        return logits

    def _effective_of(self, embedding: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        active = (self.hidden(embedding) > 0).to(embedding.dtype)
        gated = self.output.weight[chosen] * active[:, None]
        return gated @ self.hidden.weight, gated @ self.hidden.bias + self.output.bias[chosen]


HEADS: dict[str, type[LinearHead] | type[HiddenLayerHead]] = {"linear": LinearHead, "jang2024": HiddenLayerHead}


def in_order(values: Tensor, targets: Sequence[Target]) -> tuple[Tensor, Tensor]:
    """Put the steps of ordinal targets in order: each takes the smallest of its own value and those of the steps below it.

    Args:
        values: Shape (n, outputs): logits or probabilities.

    Returns:
        values: `(n, outputs)`. Within an ordinal target never rising; other outputs are unchanged.
        chosen: `(n, outputs)`, int64. The place of the output whose value was taken.
    """
    outputs = int(values.shape[1])
    columns = list(values.chunk(outputs, dim=1))
    chosen = list(torch.arange(outputs, device=values.device).expand(values.shape[0], -1).chunk(outputs, dim=1))
    # Not torch.cummin, which ONNX does not have.
    for step in later_steps(targets):
        lower = columns[step - 1] <= columns[step]  # false for NaN, which must not be replaced
        columns[step] = torch.where(lower, columns[step - 1], columns[step])
        chosen[step] = torch.where(lower, chosen[step - 1], chosen[step])
    return torch.cat(columns, dim=1), torch.cat(chosen, dim=1)


def probabilities(logits: Tensor, targets: Sequence[Target]) -> Tensor:
    """Uncalibrated probabilities (n, outputs): softmax within a multiclass target, sigmoid elsewhere, steps in order."""
    parts = [
        logits[:, columns].softmax(dim=1) if target.kind == "multiclass" else logits[:, columns].sigmoid()
        for target, columns in columns_of(targets)
    ]
    # Logits in order are not enough: sigmoids are approximations, in which close or equal ones may swap.
    return in_order(torch.cat(parts, dim=1), targets)[0]
