"""A trained classifier to a bundle: weights, an ONNX graph of the same that normalises photos itself, and the description.

The graph is run and compared with the torch network before the bundle is kept.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from eyeground.bundle.model_info import ModelInfo, write_model
from eyeground.bundle.open import Bundle
from eyeground.models.classifier import Classifier
from eyeground.models.rounding import TYPE_NAMES, round_weights

if TYPE_CHECKING:  # a classifier is exported without segmentation-models-pytorch
    from eyeground.models.segmenter import SegmentationNetwork

OPSET = 17
OUTPUT_NAMES = ("probabilities", "logits", "embedding", "evidence")
LARGEST_DIFFERENCE = 1e-3


class _OnePass(nn.Module):
    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.classifier.explain(photos)


def export_bundle(classifier: Classifier, folder: Path, info: ModelInfo, *, half: bool = False) -> Bundle:
    """Write a classifier as a bundle, complete or not at all.

    Args:
        classifier: Moved to the CPU and put in evaluation mode.
        folder: Where the bundle goes; a bundle already there is replaced.
        half: Round the classifier's weights, in place, and store them in 16 bits where `models.rounding` does.

    Raises:
        RuntimeError: If the ONNX graph and the torch network differ by more than 0.001.
    """
    classifier = classifier.cpu().eval()
    stored = round_weights(classifier) if half else classifier.state_dict()
    return write_network(folder, info, stored, partial(export_onnx, classifier), classifier, targets=classifier.targets)


def write_network(
    folder: Path,
    info: ModelInfo,
    stored: Mapping[str, Tensor],
    export_graph: Callable[[Path], object],
    network: "Classifier | SegmentationNetwork",
    **further: Any,
) -> Bundle:
    """`write_model` of a torch network.

    Args:
        stored: Its tensors as they are stored.
        further: Fields of `BundleDescription` that the two kinds of networks do not share.
    """
    state = {key: tensor.contiguous() for key, tensor in stored.items()}
    return write_model(
        folder,
        info,
        write_weights=lambda path: save_file(state, path),
        write_graph=export_graph,
        architecture=network.architecture,
        preprocessing=network.preprocessing,
        embedding_size=network.embedding_size,
        tensors={key: tuple(tensor.shape) for key, tensor in state.items()},
        storage={key: TYPE_NAMES[tensor.dtype] for key, tensor in state.items()},
        **further,
    )


def export_onnx(classifier: Classifier, path: Path) -> None:
    """Write the ONNX graph and check it against the network on a mid-grey and a random photo.

    Raises:
        RuntimeError: If any output differs by more than 0.001.
    """
    photos = example_photos(classifier.preprocessing.side)
    write_graph(_OnePass(classifier), photos, OUTPUT_NAMES, path)


def example_photos(side: int) -> Tensor:
    """Two photos (2, side, side, 3), uint8: a mid-grey one and a random one, the same at every call."""
    photos = torch.full((2, side, side, 3), 128, dtype=torch.uint8)
    photos[1] = torch.randint(0, 256, (side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return photos


def write_graph(network: nn.Module, photos: Tensor, outputs: Sequence[str], path: Path) -> None:
    """Write a network as an ONNX graph with an open number of photos, and compare the two.

    Args:
        network: From photos to a tuple of tensors.
        photos: Examples to trace and to compare.
        outputs: Names of these tensors.

    Raises:
        RuntimeError: If any output differs by more than 0.001, relative to its largest value where that is above 1.
    """
    names = ("photos", *outputs)
    network = network.eval()  # the exporter restores the wrapper's mode on everything inside it
    with warnings.catch_warnings(), torch.inference_mode():
        # The tracing exporter is the one that keeps dynamic batches for every timm backbone; torch calls it legacy.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (photos,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["photos"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in names},
        )
        # One photo more than was traced, to find a graph in which their number became a constant.
        photos = torch.cat([photos, photos[:1]])
        expected = network(photos)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(list(outputs), {"photos": photos.numpy()})
    for output, torch_value, onnx_value in zip(outputs, expected, found, strict=True):
        scale = max(1.0, float(torch_value.abs().max()))
        difference = float(np.abs(torch_value.numpy() - onnx_value).max()) / scale
        if not difference <= LARGEST_DIFFERENCE:
            raise RuntimeError(f"the ONNX graph's {output} differs from the network's by {difference:.2g}")
