"""A bundle with the head exchanged for a probe: everything else is as in the bundle it starts from, to the bit.

Weights keep the types they are stored in, so a probe of a bundle in 16 bits is one, too, with its own head in 32. What was
measured of the old head (figures, calibration, thresholds, 8-bit graph) is left behind.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from eyeground.bundle.description import NO_ANSWERS, SINGLE, AnswerRules, BundleDescription, TrainingRecord
from eyeground.bundle.files import CARD, ONNX, WEIGHTS
from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import TRAINING_PHOTOS, write_training_photos
from eyeground.bundle.write import now, write_bundle
from eyeground.config.targets import Target
from eyeground.probing.graph import BIAS, WEIGHT, graph_with_head
from eyeground.probing.regression import Head

OF_HEAD = "head."


def write_probe(
    source: Bundle,
    head: Head,
    targets: Sequence[Target],
    folder: Path,
    *,
    name: str,
    training: TrainingRecord,
    card: str,
    licence: str,
    answers: AnswerRules = NO_ANSWERS,
    training_photos: Sequence[str] = (),
) -> Bundle:
    """Write a bundle, whole or not at all; parameters and result are those of `models.export.export_bundle`.

    Args:
        source: Whose network the head was fitted on.
        head: Width (of its weight) as the source's embedding.
        targets: With their classes known.

    Raises:
        UserError: If the source's graph is not one that eyeground exported, or the folder holds anything but a bundle.
        RuntimeError: If the new graph differs from what numpy makes of the head.
    """
    graph = graph_with_head(source, head, targets)
    tensors = {key: tensor for key, tensor in load_file(source.weights_path).items() if not key.startswith(OF_HEAD)}
    tensors |= {WEIGHT: head.weight.astype(np.float32), BIAS: head.bias.astype(np.float32)}
    described = source.description
    description = BundleDescription(
        name=name,
        created=now(),
        made_by="",
        architecture=described.architecture.model_copy(update={"head": "linear"}),
        preprocessing=described.preprocessing,
        targets=tuple(targets),
        embedding_size=described.embedding_size,
        tensors={key: tensor.shape for key, tensor in tensors.items()},
        storage={key: storage for key, storage in _storage(source).items() if key in tensors}
        | {WEIGHT: SINGLE, BIAS: SINGLE},
        **vars(answers),
        training=training,
        licence=licence,
    )
    return write_bundle(
        folder,
        description,
        {
            WEIGHTS: lambda path: save_file(tensors, path),
            ONNX: lambda path: _write(graph, path),
            CARD: lambda path: _write(card.encode(), path),
            TRAINING_PHOTOS: lambda path: write_training_photos(training_photos, path),
        },
    )


def _storage(source: Bundle) -> dict[str, str]:
    """Type of every tensor, as safetensors names them; from the file, because a bundle of format 1 does not list them."""
    with safe_open(source.weights_path, framework="numpy") as weights:
        return {name: str(weights.get_slice(name).get_dtype()) for name in source.description.tensors}


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
