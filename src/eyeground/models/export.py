"""A trained classifier to a bundle: safetensors weights, an ONNX graph, and the description of both.

The ONNX graph takes standard photos as they are (uint8 RGB) and normalises them inside, so that no caller can
get that step wrong, and yields probabilities, logits, embedding and evidence maps in one pass. Before the
bundle is kept, its graph is run and compared with the torch network. A bundle in 16 bits is exported from the
rounded weights, so that torch and ONNX still agree.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from eyeground.bundle.description import NO_ANSWERS, AnswerRules, BundleDescription, Stacked, TrainingRecord
from eyeground.bundle.files import CARD, ONNX, WEIGHTS
from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import TRAINING_PHOTOS, write_training_photos
from eyeground.bundle.write import now, write_bundle
from eyeground.models.classifier import Classifier
from eyeground.models.rounding import TYPE_NAMES, round_weights

OPSET = 17
OUTPUT_NAMES = ("probabilities", "logits", "embedding", "evidence")
LARGEST_DIFFERENCE = 1e-3


class _OnePass(nn.Module):
    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.classifier.explain(photos)


def export_bundle(
    classifier: Classifier,
    folder: Path,
    *,
    name: str,
    training: TrainingRecord,
    card: str,
    licence: str,
    answers: AnswerRules = NO_ANSWERS,
    stacked: tuple[Stacked, ...] = (),
    training_photos: Sequence[str] | None = None,
    half: bool = False,
) -> Bundle:
    """Write a classifier as a bundle, whole or not at all.

    Args:
        classifier: Moved to the CPU and put in evaluation mode.
        folder: Where the bundle goes; a bundle already there is replaced.
        name: Name of the model.
        training: What it was fitted to.
        card: Model card, Markdown with Hugging Face metadata.
        licence: Licence of the weights.
        answers: Kept in bundle.json; the graph's probabilities stay the network's own.
        stacked: What was done to outputs after training, for bundle.json.
        training_photos: Hashes of the photos trained and validated on, see `eyeground.bundle.training_photos`; without,
            the bundle has no list.
        half: Round the classifier's weights, in place, and store them in 16 bits where `models.rounding` does.

    Raises:
        RuntimeError: If the ONNX graph and the torch network differ by more than 0.001.
    """
    classifier = classifier.cpu().eval()
    stored = round_weights(classifier) if half else classifier.state_dict()
    state = {key: tensor.contiguous() for key, tensor in stored.items()}
    description = BundleDescription(
        name=name,
        created=now(),
        made_by="",
        architecture=classifier.architecture,
        preprocessing=classifier.preprocessing,
        targets=classifier.targets,
        embedding_size=classifier.embedding_size,
        tensors={key: tuple(tensor.shape) for key, tensor in state.items()},
        storage={key: TYPE_NAMES[tensor.dtype] for key, tensor in state.items()},
        stacked=stacked,
        **vars(answers),
        training=training,
        licence=licence,
    )
    writers: dict[str, Callable[[Path], None]] = {
        WEIGHTS: lambda path: save_file(state, path),
        ONNX: lambda path: export_onnx(classifier, path),
        CARD: lambda path: write_card(card, path),
    }
    if training_photos is not None:
        hashes = training_photos
        writers[TRAINING_PHOTOS] = lambda path: write_training_photos(hashes, path)
    return write_bundle(folder, description, writers)


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
    """Write a network of photos as an ONNX graph with an open number of photos, and check the one against the other.

    Args:
        network: Of an input `photos`; gives a tuple of tensors.
        photos: Examples to trace and to compare.
        outputs: Names of what it gives.

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
        # One photo more than was traced: a graph in which their number got stuck must not pass.
        photos = torch.cat([photos, photos[:1]])
        expected = network(photos)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(list(outputs), {"photos": photos.numpy()})
    for output, torch_value, onnx_value in zip(outputs, expected, found, strict=True):
        scale = max(1.0, float(torch_value.abs().max()))
        difference = float(np.abs(torch_value.numpy() - onnx_value).max()) / scale
        if not difference <= LARGEST_DIFFERENCE:
            raise RuntimeError(f"the ONNX graph's {output} differs from the network's by {difference:.2g}")


def write_card(card: str, path: Path) -> None:
    """Write a model card."""
    path.write_text(card, encoding="utf-8")
