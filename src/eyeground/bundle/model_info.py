"""What a bundle says of a model beside the network, and writing both: the one way from a fitted network to a bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyeground.bundle.description import NO_ANSWERS, AnswerRules, BundleDescription, Stacked, TrainingRecord
from eyeground.bundle.files import CARD, ONNX, WEIGHTS
from eyeground.bundle.measured import MeasuredMetric
from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import TRAINING_PHOTOS, write_training_photos
from eyeground.bundle.write import Writer, now, write_bundle


@dataclass(frozen=True)
class ModelInfo:
    """What a bundle says of its model beside the network.

    Attributes:
        name: Name of the model.
        training: What it was fitted to.
        card: Model card, Markdown with Hugging Face metadata.
        licence: Licence of the weights.
        answers: Calibrations, thresholds and decisions; the graph's probabilities stay the network's own.
        stacked: What was done to outputs after training.
        metrics: What was measured of it.
        training_photos: Hashes of the photos trained and validated on, see `eyeground.bundle.training_photos`; None for
            a bundle without a list.
    """

    name: str
    training: TrainingRecord
    card: str
    licence: str
    answers: AnswerRules = NO_ANSWERS
    stacked: tuple[Stacked, ...] = ()
    metrics: tuple[MeasuredMetric, ...] = ()
    training_photos: Sequence[str] | None = None


def write_model(
    folder: Path,
    info: ModelInfo,
    write_weights: Writer,
    write_graph: Writer,
    **network: Any,
) -> Bundle:
    """Write a network as a bundle, complete or not at all.

    Args:
        folder: Where the bundle goes; a bundle already there is replaced.
        write_weights: Writes `model.safetensors`.
        write_graph: Writes `model.onnx`.
        network: The fields of `BundleDescription` that describe the network, such as `architecture`.

    Raises:
        UserError: If `folder` holds anything but a bundle, or the disk is full.
    """
    description = BundleDescription(
        name=info.name,
        created=now(),
        made_by="",
        stacked=info.stacked,
        **vars(info.answers),
        training=info.training,
        metrics=info.metrics,
        licence=info.licence,
        **network,
    )
    writers: dict[str, Writer] = {
        WEIGHTS: write_weights,
        ONNX: write_graph,
        CARD: lambda path: path.write_text(info.card, encoding="utf-8"),
    }
    if (hashes := info.training_photos) is not None:
        writers[TRAINING_PHOTOS] = lambda path: write_training_photos(hashes, path)
    return write_bundle(folder, description, writers)
