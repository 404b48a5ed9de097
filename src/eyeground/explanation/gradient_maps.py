"""Gradient maps by the `grad-cam` package, at the last feature map of any backbone.

The package hooks a layer, but a feature map that is a mean over views, or made of a transformer's tokens, is not the output of
one. So the classifier is cut in two there, with an identity to hook.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eyeground.models.classifier import Classifier

GRADIENT_MAPS = ("gradcam", "gradcam++", "layercam", "eigencam")
GRADIENT_FREE = ("eigencam",)


class _CutAtTheFeatureMap(nn.Module):
    """Photos (n, 3, side, side) in, logits (n, outputs) out; `feature_map` sees what the head pools."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.feature_map = nn.Identity()

    def forward(self, photos: Tensor) -> Tensor:
        features = self.feature_map(self.classifier.features(photos.permute(0, 2, 3, 1)))
        logits: Tensor = self.classifier.head(features.mean(dim=(2, 3)))
        return logits


def gradient_map(classifier: Classifier, photo: Tensor, index: int, method: str) -> NDArray[np.float32]:
    """A gradient map as the package gives it.

    Args:
        classifier: In evaluation mode.
        photo: (1, side, side, 3), uint8 RGB.
        index: Of the logit that is explained; `eigencam` ignores it.
        method: `gradcam` (Selvaraju et al. 2017, arXiv 1610.02391), `gradcam++` (Chattopadhyay et al. 2018, arXiv
            1710.11063), `layercam` (Jiang et al. 2021, doi 10.1109/TIP.2021.3089943) or `eigencam` (Muhammad and Yeasin
            2020, arXiv 2008.00299).

    Returns:
        float32 (side, side), in 0-1.
    """
    # The package takes 2 s to import, and only these methods need it.
    import pytorch_grad_cam as package  # ships no types
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    kinds = {
        "gradcam": package.GradCAM,
        "gradcam++": package.GradCAMPlusPlus,
        "layercam": package.LayerCAM,
        "eigencam": package.EigenCAM,
    }
    cut = _CutAtTheFeatureMap(classifier)
    with torch.enable_grad(), kinds[method](model=cut, target_layers=[cut.feature_map]) as cam:
        found: NDArray[np.float32] = cam(photo.permute(0, 3, 1, 2).float(), [ClassifierOutputTarget(index)])[0]
    classifier.zero_grad(set_to_none=True)
    return found.astype(np.float32)
