"""A trained segmenter to a bundle: 16-bit safetensors weights, an ONNX graph of the same, and the description of both."""

from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from eyeground.bundle.description import BundleDescription, OperatingPoint, TrainingRecord
from eyeground.bundle.files import CARD, ONNX, WEIGHTS
from eyeground.bundle.measured import MeasuredMetric
from eyeground.bundle.open import Bundle, open_segmenter
from eyeground.bundle.training_photos import TRAINING_PHOTOS, write_training_photos
from eyeground.bundle.write import now, write_bundle
from eyeground.config.targets import Target
from eyeground.models.checkpoints import read_tensors
from eyeground.models.export import example_photos, write_card, write_graph
from eyeground.models.rounding import TYPE_NAMES, round_weights
from eyeground.models.segmenter import SegmentationNetwork

DRAWN = "drawn"  # the graph's output: probabilities (n, structures, side, side)


class _Draw(nn.Module):
    def __init__(self, segmenter: SegmentationNetwork) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(self, photos: Tensor) -> tuple[Tensor]:
        return (self.segmenter.draw(photos),)


def export_segmenter(
    segmenter: SegmentationNetwork,
    folder: Path,
    *,
    name: str,
    training: TrainingRecord,
    thresholds: tuple[OperatingPoint, ...],
    metrics: tuple[MeasuredMetric, ...],
    card: str,
    licence: str,
    training_photos: Sequence[str],
) -> Bundle:
    """Write a segmenter as a bundle, whole or not at all. Its weights are rounded to 16 bits, in place, before anything else.

    Args:
        segmenter: Moved to the CPU and put in evaluation mode.
        folder: Where the bundle goes; a bundle already there is replaced.
        thresholds: From which probability on a pixel counts as drawn, per structure; never chosen on test photos.
        metrics: What was measured on test photos.
        card: Model card, Markdown with Hugging Face metadata.
        licence: Licence of the weights.
        training_photos: Hashes of the photos that it has seen, see `eyeground.bundle.training_photos`.

    Raises:
        RuntimeError: If the ONNX graph and the torch network differ by more than 0.001.
    """
    segmenter = segmenter.cpu().eval()
    state = {key: tensor.contiguous() for key, tensor in round_weights(segmenter).items()}
    description = BundleDescription(
        name=name,
        created=now(),
        made_by="",
        architecture=segmenter.architecture,
        decoder=segmenter.decoder,
        preprocessing=segmenter.preprocessing,
        targets=tuple(Target(name=structure) for structure in segmenter.structures),
        embedding_size=segmenter.embedding_size,
        tensors={key: tuple(tensor.shape) for key, tensor in state.items()},
        storage={key: TYPE_NAMES[tensor.dtype] for key, tensor in state.items()},
        operating_points=thresholds,
        training=training,
        metrics=metrics,
        licence=licence,
    )
    photos = example_photos(segmenter.preprocessing.side)
    writers: dict[str, Callable[[Path], None]] = {
        WEIGHTS: lambda path: save_file(state, path),
        ONNX: lambda path: write_graph(_Draw(segmenter), photos, (DRAWN,), path),
        CARD: lambda path: write_card(card, path),
        TRAINING_PHOTOS: lambda path: write_training_photos(training_photos, path),
    }
    return write_bundle(folder, description, writers)


def load_segmentation_network(name_or_path: str | Path) -> SegmentationNetwork:
    """Open a segmenter's bundle as a torch module in evaluation mode, to train on or to look inside.

    Raises:
        UserError: If the bundle is missing, damaged, or of a classifier.
    """
    bundle = open_segmenter(name_or_path)
    description = bundle.description
    assert description.decoder is not None  # open_segmenter saw to it
    segmenter = SegmentationNetwork(
        description.architecture, description.decoder, description.preprocessing, description.outputs
    )
    segmenter.load_state_dict({name: tensor.float() for name, tensor in read_tensors(bundle.weights_path).items()})
    return segmenter.eval()
