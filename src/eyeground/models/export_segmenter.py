"""A trained segmenter to a bundle: 16-bit safetensors weights, an ONNX graph of the same, and the description of both."""

from pathlib import Path

from torch import Tensor, nn

from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.models.export import example_photos, write_graph, write_network
from eyeground.models.rounding import round_weights
from eyeground.models.segmenter import SegmentationNetwork

SEGMENTED = "drawn"  # the graph's output: probabilities (n, structures, side, side)


class OneOutput(nn.Module):
    def __init__(self, segmenter: SegmentationNetwork) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(self, photos: Tensor) -> tuple[Tensor]:
        return (self.segmenter.probabilities(photos),)


def export_segmenter(segmenter: SegmentationNetwork, folder: Path, info: ModelInfo) -> Bundle:
    """Write a segmenter as a bundle, complete or not at all; its weights are rounded to 16 bits, in place, before that.

    Args:
        segmenter: Moved to the CPU and put in evaluation mode.
        folder: Where the bundle goes; a bundle already there is replaced.
        info: Its operating points say from which probability on a pixel belongs to each structure.

    Raises:
        RuntimeError: If the ONNX graph and the torch network differ by more than 0.001.
    """
    segmenter = segmenter.cpu().eval()
    stored, photos = round_weights(segmenter), example_photos(segmenter.preprocessing.side)
    return write_network(
        folder,
        info,
        stored,
        lambda path: write_graph(OneOutput(segmenter), photos, (SEGMENTED,), path),
        segmenter,
        decoder=segmenter.decoder,
        targets=tuple(Target(name=structure) for structure in segmenter.structures),
    )
