"""Keeping the lowest layers of a backbone as they start: they find edges and colours, cost the most and learn the least.

Frozen layers keep their normalisation statistics as well.
"""

from typing import Any

from timm.models import group_parameters
from torch import nn

from eyeground.errors import UserError


def freeze_lowest(backbone: Any, groups: int) -> tuple[nn.Module, ...]:
    """Stop the lowest layers from learning.

    Args:
        backbone: Its own coarse grouping of layers is used: the stem is the first group, each stage or block a further
            one.
        groups: How many groups to freeze, from the photo on; 0 freezes nothing.

    Returns:
        The frozen layers, which must be kept in evaluation mode.

    Raises:
        UserError: If the backbone has no more groups than that, so that nothing would be left to learn.
    """
    if not groups:
        return ()
    grouped = group_parameters(backbone, backbone.group_matcher(coarse=True))
    if groups >= len(grouped):
        raise UserError(
            f"optimisation.freeze is {groups}, but this backbone has {len(grouped)} groups of layers; freeze fewer"
        )
    for name in (name for group in range(groups) for name in grouped[group]):
        backbone.get_parameter(name).requires_grad = False
    # Entire blocks, so that stochastic depth within them stays off too.
    return tuple(layer for layer in backbone.modules() if layer is not backbone and _is_frozen(layer))


def _is_frozen(layer: nn.Module) -> bool:
    learning = [parameter.requires_grad for parameter in layer.parameters()]
    return bool(learning) and not any(learning)
