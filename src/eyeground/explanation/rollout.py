"""Attention rollout (Abnar and Zuidema 2020, arXiv 2005.00928) for plain vision transformers of timm.

Our head pools patches, so a patch's share is its mean influence on all patches; the map is the same for every output.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyeground.errors import UserError
from eyeground.models.classifier import Classifier


def attention_rollout(classifier: Classifier, photo: Tensor) -> NDArray[np.float32]:
    """Roll out the attention of one photo, without further views.

    Args:
        classifier: With a plain vision transformer as backbone; in evaluation mode.
        photo: (1, side, side, 3), uint8 RGB.

    Returns:
        float32 (h, w) over the patches, in 0-1, its largest value 1.

    Raises:
        UserError: If the backbone has no blocks of self-attention over a grid of patches.
    """
    backbone = classifier.backbone
    layers = [getattr(block, "attn", None) for block in getattr(backbone, "blocks", [])]
    grid = getattr(getattr(backbone, "patch_embed", None), "grid_size", None)
    if not layers or grid is None or not all(hasattr(layer, "attn_drop") for layer in layers):
        raise UserError(
            f"backbone '{classifier.architecture.backbone}' has no attention to roll out; leave out the method 'rollout'"
        )
    rolled = _rolled(_attentions(classifier, photo, layers))
    first = int(getattr(backbone, "num_prefix_tokens", 0))
    influence = rolled[first:, first:].mean(dim=0).reshape(int(grid[0]), int(grid[1]))
    found: NDArray[np.float32] = (influence / influence.max()).float().cpu().numpy()
    return found


def _attentions(classifier: Classifier, photo: Tensor, layers: list[Any]) -> list[Tensor]:
    """Attention (tokens, tokens) of each layer, averaged over heads."""
    seen: list[Tensor] = []
    # Fused attention never forms the matrix; the plain one hands it to its dropout.
    fused = [layer.fused_attn for layer in layers]
    hooks = [
        layer.attn_drop.register_forward_hook(lambda _module, _inputs, output: seen.append(output[0].mean(dim=0)))
        for layer in layers
    ]
    try:
        for layer in layers:
            layer.fused_attn = False
        with torch.inference_mode():
            normalised = (photo.permute(0, 3, 1, 2).float() - classifier.mean) / classifier.std
            classifier.backbone.forward_features(normalised)
    finally:
        for layer, was_fused, hook in zip(layers, fused, hooks, strict=True):
            layer.fused_attn = was_fused
            hook.remove()
    return seen


def _rolled(attentions: list[Tensor]) -> Tensor:
    identity = torch.eye(len(attentions[0]), device=attentions[0].device)
    rolled = identity
    for attention in attentions:
        mixed = (attention + identity) / 2
        rolled = mixed / mixed.sum(dim=1, keepdim=True) @ rolled
    return rolled
