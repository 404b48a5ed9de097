"""A classifier whose logit is the mean of its evidence map plus a constant, with every head.

See docs/decisions/0005-exact-evidence-map.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.models.backbones import area_average, as_map, create_backbone
from eyeground.models.fine_maps import FineMaps, enlarged, nest
from eyeground.models.heads import HEADS, probabilities

# Axes of (n, channels, height, width) along which further views are flipped: upside down, then both mirror images.
FLIPS = ((2, 3), (3,), (2,))


@dataclass(frozen=True)
class View:
    """One copy of a standard photo over which feature maps are averaged.

    Attributes:
        side: Pixels to which it is resized.
        flipped: Axes of (n, channels, height, width) along which it is flipped; empty for the photo upright.
    """

    side: int
    flipped: tuple[int, ...]


class Classifier(nn.Module):
    """From standard photos to logits; also embedding, probabilities and evidence maps.

    Args:
        preprocessing: Mean and standard deviation become part of the network; the side is the input size.
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
        strides = architecture.fine_strides
        self.fine = FineMaps(self.backbone, architecture.backbone, strides) if strides else None
        self._refuse_unseen_sides()
        self.head = HEADS[architecture.head](self.embedding_size, self.targets)
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(preprocessing.std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)  # 1.1-1.5 times the photos per second on CPUs, more on GPUs

    @property
    def embedding_size(self) -> int:
        """Length of the embedding."""
        return int(self.backbone.num_features) + (self.fine.channels if self.fine else 0)

    @property
    def views(self) -> tuple[View, ...]:
        """Copies of the photo that are averaged outside training; the first is the photo unchanged."""
        sides = self.architecture.sides(self.preprocessing.side)
        return tuple(View(side, flipped) for side in sides for flipped in ((), *FLIPS[: self.architecture.views - 1]))

    def features(self, photos: Tensor) -> Tensor:
        """Feature map (n, width, h, w) of standard photos (n, side, side, 3), uint8 RGB; the mean over views outside training."""
        return _on_one_grid(self.maps(photos))

    def maps(self, photos: Tensor) -> tuple[Tensor, ...]:
        """The feature maps (n, channels, h, w) whose channels make the embedding, each on its own grid, the backbone's last first."""
        # NHWC seen as NCHW is what torch calls channels-last: no copy is made.
        normalised = (photos.permute(0, 3, 1, 2).float() - self.mean) / self.std
        if self.training or len(self.views) == 1:
            return self._maps_of(normalised)
        sized = {side: self._resized(normalised, side) for side in self.architecture.sides(self.preprocessing.side)}
        seen = [
            self._maps_of(sized[view.side].flip(view.flipped) if view.flipped else sized[view.side])
            for view in self.views
        ]
        return tuple(self._mean_over_views(maps) for maps in zip(*seen, strict=True))

    def _mean_over_views(self, maps: Sequence[Tensor]) -> Tensor:
        # A flip is its own inverse, so each map is flipped back as its photo was flipped.
        upright = [one.flip(view.flipped) if view.flipped else one for one, view in zip(maps, self.views, strict=True)]
        grid = (int(maps[0].shape[-2]), int(maps[0].shape[-1]))
        return torch.stack([area_average(one, grid) for one in upright]).mean(dim=0)

    def _maps_of(self, normalised: Tensor) -> tuple[Tensor, ...]:
        if self.fine is None:
            return (as_map(self.backbone, self.backbone.forward_features(normalised)),)
        last, finer = self.backbone.forward_intermediates(normalised, indices=list(self.fine.stages))
        return (as_map(self.backbone, last), *self.fine(finer))

    def _resized(self, normalised: Tensor, side: int) -> Tensor:
        if side == self.preprocessing.side:
            return normalised
        return functional.interpolate(normalised, size=(side, side), mode="bilinear", align_corners=False)

    def _refuse_unseen_sides(self) -> None:
        """Raise now, not after an epoch, if the network cannot take one of the sides."""
        name, (side, *others) = self.architecture.backbone, self.architecture.sides(self.preprocessing.side)
        if len({side, *others}) <= len(others):
            raise UserError(f"architecture.scales give the same side twice, of {side} px and {others}; leave one out")
        self.backbone.eval()
        try:
            with torch.no_grad():
                for other in (side, *others) if self.fine else others:
                    self._refuse_odd_maps(other)
        except UserError:
            raise
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UserError(
                f"backbone '{name}' takes photos of {side} px only; leave architecture.scales out"
            ) from error
        finally:
            self.backbone.train()

    def _refuse_odd_maps(self, side: int) -> None:
        normalised = torch.zeros(1, 3, side, side)
        last, *finer = [as_map(self.backbone, self.backbone.forward_features(normalised))]
        if self.fine is not None:
            last, finer = self.backbone.forward_intermediates(normalised, indices=list(self.fine.stages))
        # Some transformers take any size, but report the grid of one.
        if last.shape[1] != self.backbone.num_features:
            raise ValueError(f"{last.shape[1]} channels at {side} px")
        if not nest([last, *finer]):
            raise UserError(
                f"at {side} px the cells of '{self.architecture.backbone}' do not lie whole in each other, as architecture.fine_strides "
                "needs; choose preprocessing.side and architecture.scales so that each side is a multiple of 32 px"
            )

    def embed(self, photos: Tensor) -> Tensor:
        """Embedding (n, width): the feature maps averaged over positions."""
        return _pooled(self.maps(photos))

    def forward(self, photos: Tensor) -> Tensor:
        """Logits (n, outputs) of standard photos (n, side, side, 3), uint8 RGB."""
        logits: Tensor = self.head(self.embed(photos))
        return logits

    def explain(self, photos: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All of it in one forward pass.

        Returns:
            probabilities: `(n, outputs)`, in 0-1.
            logits: `(n, outputs)`.
            embedding: `(n, width)`.
            evidence: `(n, outputs, h, w)`. In units of the logit; its mean over h and w plus the head's effective bias
                equals the logit.
        """
        logits, embedding, evidence = self.logits_and_evidence(photos)
        return probabilities(logits, self.targets), logits, embedding, evidence

    def logits_and_evidence(self, photos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, embedding and evidence, as `explain`."""
        maps = self.maps(photos)
        embedding = _pooled(maps)
        logits = self.head(embedding)
        weights, _ = self.head.effective(embedding)
        parts = torch.split(weights, [int(one.shape[1]) for one in maps], dim=2)
        evidence = [
            torch.matmul(part, one.flatten(2)).reshape(*logits.shape, *one.shape[2:])
            for part, one in zip(parts, maps, strict=True)
        ]
        return logits, embedding, _summed(evidence)


def _pooled(maps: Sequence[Tensor]) -> Tensor:
    return torch.cat([one.mean(dim=(2, 3)) for one in maps], dim=1)


def _finest(maps: Sequence[Tensor]) -> tuple[int, int]:
    return int(maps[-1].shape[-2]), int(maps[-1].shape[-1])


def _on_one_grid(maps: Sequence[Tensor]) -> Tensor:
    return torch.cat([enlarged(one, _finest(maps)) for one in maps], dim=1)


def _summed(maps: Sequence[Tensor]) -> Tensor:
    total = enlarged(maps[0], _finest(maps))
    for one in maps[1:]:
        total = total + enlarged(one, _finest(maps))
    return total
