"""Evidence traced back to a finer feature map: gradient times activation there splits the logit among its cells.

Cells are placed at the pixels that they see, and views averaged after that: see "Methods" in docs/explanation.md.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eyeground.errors import UserError
from eyeground.models.classifier import Classifier, View

TRACED_STRIDE = 8
SMOOTHING = 0.5
"""Standard deviation of the blur between cells, in cells; chosen on the training photos of IDRiD part A."""


@dataclass(frozen=True)
class Traced:
    """A logit split among cells.

    Attributes:
        cells: float32 (h, w) for each view, flipped back, in logits: the mean over views of their means is the part of
            the logit that was traced.
        views: The view of each.
        stride: Pixels of a view from cell to cell.
        centre: Pixel of the upright view, counted from 0 at the centre of the first, on which the first cell is centred.
    """

    cells: tuple[NDArray[np.float32], ...]
    views: tuple[View, ...]
    stride: float
    centre: float

    @property
    def traced(self) -> float:
        """The part of the logit that was traced."""
        return float(np.mean([cells.mean() for cells in self.cells]))

    def placed(self, side: int) -> NDArray[np.float32]:
        """The map at the photo's resolution, float32 (side, side): each cell at its centre, smoothed by half a largest cell."""
        enlarged = []
        for view, cells in zip(self.views, self.cells, strict=True):
            # The centres of the photo's pixels, in pixels of the view.
            pixels = (np.arange(side) + 0.5) * view.side / side - 0.5
            rows, columns = (
                np.float32((pixels - self._first(axis in view.flipped, view.side, cells.shape[axis - 2])) / self.stride)
                for axis in (2, 3)
            )
            grid = np.meshgrid(columns, rows)
            enlarged.append(cv2.remap(cells, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        mean = np.mean(enlarged, axis=0, dtype=np.float32)
        widest = self.stride * side / min(view.side for view in self.views)
        return np.asarray(cv2.GaussianBlur(mean, (0, 0), SMOOTHING * widest))

    def _first(self, is_flipped: bool, side: int, cells: int) -> float:
        return side - 1 - self.centre - self.stride * (cells - 1) if is_flipped else self.centre


def trace(classifier: Classifier, photo: Tensor, index: int, stride: int = TRACED_STRIDE) -> Traced:
    """Trace a logit back to a finer feature map.

    Args:
        classifier: In evaluation mode.
        photo: (1, side, side, 3), uint8 RGB.
        index: Of the logit.
        stride: Of the feature map, in pixels.

    Raises:
        UserError: If the backbone has no feature map of that stride, such as a vision transformer with larger patches.
    """
    module = _stage(classifier, stride)
    activations: list[Tensor] = []
    strided: list[_Strided] = []

    def cut(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        activations.append(output.detach().requires_grad_())
        return activations[-1]

    def note(layer: Any, inputs: Any, output: Tensor) -> None:
        if not activations:
            strided.append(_Strided.of(layer, inputs[0].shape[-1], output.shape[-1]))

    learnt = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
    hooks = [module.register_forward_hook(cut)]
    hooks += [layer.register_forward_hook(note) for layer in classifier.backbone.modules() if _is_strided(layer)]
    try:
        # Gradients of weights cost as much as the rest of the backward pass.
        for parameter in learnt:
            parameter.requires_grad_(False)
        with torch.enable_grad():
            gradients = torch.autograd.grad(classifier(photo)[0, index], activations)
    finally:
        for hook in hooks:
            hook.remove()
        for parameter in learnt:
            parameter.requires_grad_(True)
    cells = []
    for view, activation, gradient in zip(classifier.views, activations, gradients, strict=True):
        product = (activation.detach() * gradient).sum(dim=1)[0]
        upright = product.flip([axis - 2 for axis in view.flipped]) if view.flipped else product
        cells.append((len(activations) * product.numel() * upright).float().cpu().numpy())
    return Traced(tuple(cells), classifier.views, float(stride), _first_centre(strided))


@dataclass(frozen=True)
class _Strided:
    """One axis of a layer with a stride above 1."""

    size: int
    stride: int
    before: float

    @classmethod
    def of(cls, layer: Any, size: int, found: int) -> "_Strided":
        kernel, stride, padding = (_along_one_axis(value) for value in (layer.kernel_size, layer.stride, layer.padding))
        if (size + 2 * padding - kernel) // stride + 1 < found:  # padded as TensorFlow does, more after than before
            padding = max((found - 1) * stride + kernel - size, 0) // 2
        return cls(size, stride, (kernel - 1) / 2 - padding)


def _first_centre(layers: list[_Strided]) -> float:
    """The pixel on which the first cell is centred; of parallel branches, with one input size, the first counts."""
    centre, step = 0.0, 1
    seen: set[int] = set()
    for layer in layers:
        if layer.size not in seen:
            seen.add(layer.size)
            centre += layer.before * step
            step *= layer.stride
    return centre


def _is_strided(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) and _along_one_axis(layer.stride) > 1


def _along_one_axis(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple | list) else value)


def _stage(classifier: Classifier, stride: int) -> nn.Module:
    """The module after which timm says that the feature map has this stride."""
    backbone = classifier.backbone
    stages = [stage for stage in getattr(backbone, "feature_info", []) if stage.get("reduction") == stride]
    if not stages:
        raise UserError(
            f"backbone '{classifier.architecture.backbone}' has no feature map of stride {stride}, so evidence cannot be traced; "
            "leave out the method 'traced'"
        )
    module: nn.Module = backbone.get_submodule(stages[-1]["module"])
    return module
