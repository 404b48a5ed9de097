"""timm backbones without pooling and classifier, and their features as maps (n, width, height, width)."""

from typing import Any

import timm
import torch
from torch import Tensor, nn

from eyeground.config.training_recipe import Architecture
from eyeground.errors import UserError, did_you_mean


def create_backbone(architecture: Architecture, side: int) -> nn.Module:
    """A timm backbone without pooling and classifier, for photos of `side` pixels."""
    options = dict(architecture.backbone_options)
    if architecture.output_stride != 32:
        options["output_stride"] = architecture.output_stride
    name = architecture.backbone
    if not timm.is_model(name):
        raise UserError(f"timm {timm.__version__} has no model '{name}'{did_you_mean(name, timm.list_models())}")
    try:
        return timm_backbone(name, side, **options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"backbone '{name}' cannot be made with {options} at {side} px: {error}") from error


def timm_backbone(name: str, side: int, **options: object) -> nn.Module:
    """As `create_backbone`, with timm's own errors."""
    # Transformers fix their position embedding at construction; convolutional networks reject `img_size`.
    try:
        backbone: nn.Module = timm.create_model(name, num_classes=0, global_pool="", img_size=side, **options)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        backbone = timm.create_model(name, num_classes=0, global_pool="", **options)
    return backbone


def as_map(backbone: Any, features: Tensor) -> Tensor:
    """Bring a backbone's features to (n, width, h, w): tokens (n, tokens, width) and NHWC maps included.

    Raises:
        UserError: If the features have no position on the photo.
    """
    if features.ndim == 3 and hasattr(getattr(backbone, "patch_embed", None), "grid_size"):
        tokens = features[:, int(getattr(backbone, "num_prefix_tokens", 0)) :]
        height, width = backbone.patch_embed.grid_size
        # shape[0], not len(), which the export would store as a constant.
        return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, int(height), int(width))
    if features.ndim != 4:
        raise UserError(
            f"backbone '{type(backbone).__name__}' gives no feature map, so it can have no evidence map; choose a convolutional "
            "network or a plain vision transformer"
        )
    if str(getattr(backbone, "output_fmt", "NCHW")).endswith("NHWC"):
        return features.permute(0, 3, 1, 2)
    return features


def area_average(features: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps (n, width, h, w) on another grid: each new cell is the average over the area it covers, so the mean is kept.

    torch's own adaptive pooling lets the areas of neighbouring cells overlap where grids do not nest, which changes the mean.
    """
    height, width = int(features.shape[-2]), int(features.shape[-1])
    if (height, width) == grid:
        return features
    down, across = _shares(height, grid[0]).to(features), _shares(width, grid[1]).to(features)
    return torch.matmul(torch.matmul(down, features), across.T)


def _shares(cells: int, new: int) -> Tensor:
    """(new, cells): the share of each new cell along an axis that lies in each old one."""
    old_edges, new_edges = torch.arange(cells + 1) / cells, torch.arange(new + 1) / new
    overlap = torch.minimum(new_edges[1:, None], old_edges[1:]) - torch.maximum(new_edges[:-1, None], old_edges[:-1])
    return overlap.clamp(min=0) * new
