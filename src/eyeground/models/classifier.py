"""A classifier whose decision can be read off its evidence map.

The head acts on the global average of the backbone's feature map. A linear head and an average commute, so
applying the head at every position first gives a map per output whose mean, plus the head's bias, *is* the
logit: the map is the decision, costs one matrix product, and needs no backward pass. The same holds where the
feature map is a mean over several views of a photo, since a mean commutes, too. This is the class
activation mapping of Zhou et al. 2016 (arXiv 1512.04150) before its normalisation, which would break the
identity. So does one over several sizes, once maps are brought to one grid by averaging over area, which keeps their
mean. The paper's hidden layer with ReLU (Jang et al. 2024, arXiv 2408.08790) is linear for each photo
once its active units are known, so its map is exact as well, with a bias that depends on the photo. So is the map of
an ordinal step, which is never more probable than the steps below it: it takes logit, map and bias of the least
probable of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from eyeground.config.targets import Target, later_steps
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError, did_you_mean

HIDDEN_UNITS = 512
# Axes of (n, channels, height, width) along which further views are flipped: upside down, then the two mirrored ones.
FLIPS = ((2, 3), (3,), (2,))


@dataclass(frozen=True)
class Look:
    """One look at a standard photo.

    Attributes:
        side: Pixels to which it is resized.
        turned: Axes of (n, channels, height, width) along which it is flipped; none of them for the photo upright.
    """

    side: int
    turned: tuple[int, ...]


class _Head(nn.Module):
    """What all heads share: the logits of a last layer `output`, with the steps of ordinal targets in order."""

    output: nn.Linear

    def __init__(self, targets: Sequence[Target]) -> None:
        super().__init__()
        self._targets = tuple(targets)
        self._outputs = sum(len(target.outputs) for target in targets)

    def forward(self, embedding: Tensor) -> Tensor:
        """(n, width) to (n, outputs)."""
        own = self._own(embedding)
        logits = in_order(own, self._targets)[0]
        # In training each step learns from the logit that it shows as if it were its own. Through the minimum alone, a step
        # whose own logit lies above a lower step's for all photos would never learn.
        return own + (logits - own).detach() if self.training else logits

    def effective(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (n, outputs, width) and bias (n, outputs) that give the logits of these embeddings."""
        return self._effective_of(embedding, in_order(self._own(embedding), self._targets)[1])

    def _own(self, embedding: Tensor) -> Tensor:
        """Logits (n, outputs) of the last layer, each by itself."""
        raise NotImplementedError

    def _effective_of(self, embedding: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """As `effective`, where `chosen` (n, outputs) tells whose own logit each output has."""
        raise NotImplementedError


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


class Classifier(nn.Module):
    """Standard photos in, logits out; embedding, probabilities and evidence maps on the way.

    Args:
        preprocessing: Its mean and standard deviation become part of the network; its side fixes the input size.
        targets: With their classes known.

    Raises:
        UserError: If timm does not know the backbone, or the backbone cannot take the options, side, scales or output
            stride.
    """

    backbone: Any  # a timm model: what it offers beyond nn.Module is not typed
    mean: Tensor
    std: Tensor

    def __init__(self, architecture: Architecture, preprocessing: Preprocessing, targets: Sequence[Target]) -> None:
        super().__init__()
        for target in targets:
            if not target.outputs:
                raise UserError(f"target '{target.name}' ({target.kind}) has no classes; list them in the recipe")
        self.architecture = architecture
        self.preprocessing = preprocessing
        self.targets = tuple(targets)
        self.backbone = create_backbone(architecture, preprocessing.side)
        self._refuse_unseen_sides()
        self.head = HEADS[architecture.head](self.embedding_size, self.targets)
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(preprocessing.std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)  # 1.1-1.5 times the photos per second on CPUs, more on GPUs

    @property
    def embedding_size(self) -> int:
        """Length of the embedding."""
        return int(self.backbone.num_features)

    @property
    def looks(self) -> tuple[Look, ...]:
        """What the network looks at when it answers, in this order; the first is the photo as it is."""
        sides = self.architecture.sides(self.preprocessing.side)
        return tuple(Look(side, turned) for side in sides for turned in ((), *FLIPS[: self.architecture.views - 1]))

    def features(self, photos: Tensor) -> Tensor:
        """Feature map (n, width, h, w) of standard photos (n, side, side, 3), uint8 RGB: a mean over views, but in training."""
        # NHWC seen as NCHW is what torch calls channels-last: no copy is made.
        normalised = (photos.permute(0, 3, 1, 2).float() - self.mean) / self.std
        if self.training or len(self.looks) == 1:
            return self._map_of(normalised)
        sized = {side: self._resized(normalised, side) for side in self.architecture.sides(self.preprocessing.side)}
        maps = [
            self._map_of(sized[look.side].flip(look.turned) if look.turned else sized[look.side]) for look in self.looks
        ]
        # A flip is its own inverse, so each map is turned back by what turned its photo.
        upright = [one.flip(look.turned) if look.turned else one for one, look in zip(maps, self.looks, strict=True)]
        grid = (int(maps[0].shape[-2]), int(maps[0].shape[-1]))
        return torch.stack([area_average(one, grid) for one in upright]).mean(dim=0)

    def _map_of(self, normalised: Tensor) -> Tensor:
        return as_map(self.backbone, self.backbone.forward_features(normalised))

    def _resized(self, normalised: Tensor, side: int) -> Tensor:
        if side == self.preprocessing.side:
            return normalised
        return functional.interpolate(normalised, size=(side, side), mode="bilinear", align_corners=False)

    def _refuse_unseen_sides(self) -> None:
        """Raise now, not after an epoch, where the network cannot take one of the sides."""
        name, (side, *others) = self.architecture.backbone, self.architecture.sides(self.preprocessing.side)
        if len({side, *others}) <= len(others):
            raise UserError(f"architecture.scales give the same side twice, of {side} px and {others}; leave one out")
        self.backbone.eval()
        try:
            with torch.no_grad():
                for other in others:
                    width = self._map_of(torch.zeros(1, 3, other, other)).shape[1]
                    # Some transformers take any size, but state the grid of one.
                    if width != self.embedding_size:
                        raise ValueError(f"{width} channels at {other} px")
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UserError(
                f"backbone '{name}' sees photos of {side} px only; leave architecture.scales out"
            ) from error
        finally:
            self.backbone.train()

    def embed(self, photos: Tensor) -> Tensor:
        """Embedding (n, width): the feature map averaged over positions."""
        return self.features(photos).mean(dim=(2, 3))

    def forward(self, photos: Tensor) -> Tensor:
        """Logits (n, outputs) of standard photos (n, side, side, 3), uint8 RGB."""
        logits: Tensor = self.head(self.embed(photos))
        return logits

    def explain(self, photos: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Everything in one forward pass.

        Returns:
            probabilities: `(n, outputs), in 0-1`.
            logits: `(n, outputs)`.
            embedding: `(n, width)`.
            evidence: `(n, outputs, h, w)`. In units of the logit; its mean over h and w plus the head's effective bias
                equals the logit.
        """
        features = self.features(photos)
        embedding = features.mean(dim=(2, 3))
        logits = self.head(embedding)
        weights, _ = self.head.effective(embedding)
        evidence = torch.matmul(weights, features.flatten(2)).reshape(*logits.shape, *features.shape[2:])
        return probabilities(logits, self.targets), logits, embedding, evidence


def create_backbone(architecture: Architecture, side: int) -> nn.Module:
    """A timm backbone without pooling and classifier, for photos of `side` pixels."""
    options = dict(architecture.backbone_options)
    if architecture.output_stride != 32:
        options["output_stride"] = architecture.output_stride
    name = architecture.backbone
    if not timm.is_model(name):
        raise UserError(f"timm {timm.__version__} has no model '{name}'{did_you_mean(name, timm.list_models())}")
    try:
        return _with_side(name, side, options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"backbone '{name}' cannot be made with {options} at {side} px: {error}") from error


def _with_side(name: str, side: int, options: dict[str, object]) -> nn.Module:
    # Transformers fix their position embedding at construction; convolutional networks reject `img_size`.
    try:
        backbone: nn.Module = timm.create_model(name, num_classes=0, global_pool="", img_size=side, **options)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        backbone = timm.create_model(name, num_classes=0, global_pool="", **options)
    return backbone


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
    """(new, cells): which share of each new cell along an axis lies in each old one."""
    old_edges, new_edges = torch.arange(cells + 1) / cells, torch.arange(new + 1) / new
    overlap = torch.minimum(new_edges[1:, None], old_edges[1:]) - torch.maximum(new_edges[:-1, None], old_edges[:-1])
    return overlap.clamp(min=0) * new


def as_map(backbone: Any, features: Tensor) -> Tensor:
    """Bring a backbone's features to (n, width, h, w): tokens (n, tokens, width) and NHWC maps included.

    Raises:
        UserError: If the features have no places on the photo.
    """
    if features.ndim == 3 and hasattr(getattr(backbone, "patch_embed", None), "grid_size"):
        tokens = features[:, int(getattr(backbone, "num_prefix_tokens", 0)) :]
        height, width = backbone.patch_embed.grid_size
        # shape[0], not len(): the export would take that for a constant.
        return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, int(height), int(width))
    if features.ndim != 4:
        raise UserError(
            f"backbone '{type(backbone).__name__}' yields no feature map, so it can have no evidence map; choose a convolutional "
            "network or a plain vision transformer"
        )
    if str(getattr(backbone, "output_fmt", "NCHW")).endswith("NHWC"):
        return features.permute(0, 3, 1, 2)
    return features


def in_order(values: Tensor, targets: Sequence[Target]) -> tuple[Tensor, Tensor]:
    """Put the steps of ordinal targets in order: each takes the smallest of its own value and those of the steps below it.

    Args:
        values: Shape (n, outputs): logits or probabilities.

    Returns:
        values: `(n, outputs)`. Within an ordinal target never rising; those of all other outputs as they were.
        chosen: `(n, outputs), int64`. The place of the output whose value was taken.
    """
    outputs = int(values.shape[1])
    columns = list(values.chunk(outputs, dim=1))
    chosen = list(torch.arange(outputs, device=values.device).expand(values.shape[0], -1).chunk(outputs, dim=1))
    # Not torch.cummin, which ONNX does not have.
    for step in later_steps(targets):
        lower = columns[step - 1] <= columns[step]  # false for NaN, which must not be passed over
        columns[step] = torch.where(lower, columns[step - 1], columns[step])
        chosen[step] = torch.where(lower, chosen[step - 1], chosen[step])
    return torch.cat(columns, dim=1), torch.cat(chosen, dim=1)


def probabilities(logits: Tensor, targets: Sequence[Target]) -> Tensor:
    """Probabilities (n, outputs), never calibrated: softmax within a multiclass target, sigmoid elsewhere, steps in order."""
    parts = []
    first = 0
    for target in targets:
        part = logits[:, first : first + len(target.outputs)]
        parts.append(part.softmax(dim=1) if target.kind == "multiclass" else part.sigmoid())
        first += len(target.outputs)
    # Logits in order are not enough: sigmoids are approximations, in which close or equal ones may change places.
    return in_order(torch.cat(parts, dim=1), targets)[0]
