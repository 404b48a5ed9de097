"""The sanity check of Adebayo et al. 2018 (arXiv 1810.03292): a map must change when the network's parameters are shuffled.

A map that stays the same shows the photo's edges and not what the network has learnt.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import nn

from eyeground.explanation.maps import EVIDENCE, explain
from eyeground.models.classifier import Classifier


def cascade(
    classifier: Classifier, pixels: NDArray[np.uint8], output: str, method: str = EVIDENCE, seed: int = 0
) -> dict[str, float]:
    """Rank correlation with the trained network's map after each further part has been shuffled.

    Args:
        classifier: In evaluation mode; not changed.
        pixels, output, method: As of `maps.explain`.
        seed: Of the shuffling.

    Returns:
        By part, from `head` down to the first layers: Spearman's correlation in -1 to 1, over the entire square; NaN
        where a map is flat.
    """
    trained = explain(classifier, pixels, output, method).values
    shuffled = copy.deepcopy(classifier)
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, part in _from_head_to_first_layers(shuffled):
        _shuffle(part, generator)
        values = explain(shuffled, pixels, output, method).values
        flat = np.ptp(values) == 0 or np.ptp(trained) == 0
        found[name] = float("nan") if flat else float(spearmanr(trained.ravel(), values.ravel()).statistic)
    return found


def _from_head_to_first_layers(classifier: Classifier) -> Iterator[tuple[str, nn.Module]]:
    """The head, then the backbone's children with parameters, last first; stages of blocks one by one."""
    yield "head", classifier.head
    for name, child in reversed(list(classifier.backbone.named_children())):
        stages = list(child.named_children()) if isinstance(child, nn.Sequential | nn.ModuleList) else []
        for stage, part in reversed(stages) if stages else [("", child)]:
            if any(True for _ in part.parameters()):
                yield f"{name}.{stage}".rstrip("."), part


def _shuffle(part: nn.Module, generator: torch.Generator) -> None:
    """Shuffle each tensor's values: they keep their scale, so activations neither vanish nor explode."""
    with torch.no_grad():
        for tensor in part.parameters():
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            tensor.copy_(tensor.reshape(-1)[order].reshape(tensor.shape))
