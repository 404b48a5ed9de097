"""Parameter groups, update rule and learning-rate schedule."""

import math
from typing import Any, Protocol

import torch
from lightning.pytorch import Trainer
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from eyeground.config.training_recipe import Optimisation

MOMENTUM = 0.9


class Network(Protocol):
    """A classifier or a segmenter: a backbone that may hold pretrained weights, and a head that starts fresh."""

    @property
    def backbone(self) -> Any: ...
    @property
    def head(self) -> nn.Module: ...


def optimiser_with_schedule(network: Network, settings: Optimisation, trainer: Trainer) -> dict[str, Any]:
    """Update rule and learning-rate schedule of a network, as Lightning's `configure_optimizers` gives them."""
    rule = update_rule(network, settings)
    steps = int(trainer.estimated_stepping_batches)
    return {
        "optimizer": rule,
        "lr_scheduler": {"scheduler": _schedule(rule, steps, settings.warmup), "interval": "step"},
    }


def update_rule(network: Network, settings: Optimisation) -> Optimizer:
    """The update rule over the network's parameters.

    The head learns at `learning_rate`; with a layer decay below 1 each group of backbone layers (timm's own
    grouping) learns at that factor of the one above it. Biases and normalisation layers have no weight decay.
    """
    groups = _groups(network, settings)
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=MOMENTUM, nesterov=True)
    if settings.optimiser == "adam":
        return torch.optim.Adam(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _groups(network: Network, settings: Optimisation) -> list[dict[str, Any]]:
    if settings.layer_decay < 1:
        groups = param_groups_layer_decay(
            network.backbone, weight_decay=settings.weight_decay, layer_decay=settings.layer_decay
        )
    else:
        groups = param_groups_weight_decay(network.backbone, weight_decay=settings.weight_decay)
    groups += param_groups_weight_decay(network.head, weight_decay=settings.weight_decay)
    return [
        {
            "params": group["params"],
            "weight_decay": group["weight_decay"],
            "lr": settings.learning_rate * group.get("lr_scale", 1.0),
        }
        for group in groups
    ]


def _schedule(optimizer: Optimizer, steps: int, warmup: float) -> LambdaLR:
    """Learning rate from zero to its peak over the first `warmup` share of `steps`, then down a cosine to zero."""
    rising = max(1, round(steps * warmup)) if warmup else 0

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))

    return LambdaLR(optimizer, factor)
