"""A bundle with the head exchanged for a probe: everything else is as in the bundle it starts from, to the bit.

Weights keep their storage types. What was measured of the old head (metrics, calibration, thresholds) is left behind.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from eyeground.bundle.description import SINGLE
from eyeground.bundle.model_info import ModelInfo, write_model
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.probing.graph import BIAS, WEIGHT, graph_with_head
from eyeground.probing.regression import Head

OF_HEAD = "head."


def write_probe(source: Bundle, head: Head, targets: Sequence[Target], folder: Path, info: ModelInfo) -> Bundle:
    """Write a bundle, complete or not at all.

    Args:
        source: Whose network the head was fitted on.
        head: Width (of its weight) as the source's embedding.
        targets: With their classes known.
        folder: Where the bundle goes; a bundle already there is replaced.

    Raises:
        UserError: If the source's graph is not one that eyeground exported, or the folder holds anything but a bundle.
        RuntimeError: If the new graph differs from what numpy makes of the head.
    """
    graph = graph_with_head(source, head, targets)
    tensors = {key: tensor for key, tensor in load_file(source.weights_path).items() if not key.startswith(OF_HEAD)}
    tensors |= {WEIGHT: head.weight.astype(np.float32), BIAS: head.bias.astype(np.float32)}
    described = source.description
    return write_model(
        folder,
        info,
        write_weights=lambda path: save_file(tensors, path),
        write_graph=lambda path: path.write_bytes(graph),
        architecture=described.architecture.model_copy(update={"head": "linear"}),
        preprocessing=described.preprocessing,
        targets=tuple(targets),
        embedding_size=described.embedding_size,
        tensors={key: tensor.shape for key, tensor in tensors.items()},
        storage={key: kind for key, kind in _storage(source).items() if key in tensors}
        | {WEIGHT: SINGLE, BIAS: SINGLE},
    )


def _storage(source: Bundle) -> dict[str, str]:
    """Type of every tensor, as safetensors names them; from the file, because a bundle of format 1 does not list them."""
    with safe_open(source.weights_path, framework="numpy") as weights:
        return {name: str(weights.get_slice(name).get_dtype()) for name in source.description.tensors}
