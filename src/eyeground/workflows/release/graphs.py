"""Calibrated probabilities of any graph, to compare a network as trained, in 16 bits and in 8 bits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from eyeground.bundle.calibration import calibrated
from eyeground.bundle.description import BundleDescription
from eyeground.core.machine import usable_cores
from eyeground.core.progress import track
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.packed import StandardFile
from eyeground.screening.graph import INPUT, PROBABILITIES
from eyeground.screening.inputs import BATCH_SIZE


def probabilities_of(
    graph: Path, description: BundleDescription, standard: Sequence[StandardFile], what: str
) -> NDArray[np.float64]:
    """Calibrated probabilities (n, outputs) of cached standard photos.

    Args:
        graph: ONNX graph with the inputs and outputs of a bundle's.
        description: Its calibrations are applied.
        standard: Standard photos, n of them.
        what: Name on the progress bar.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    parts, batch = [], []
    for index, path in enumerate(track(standard, what), start=1):
        batch.append(read_prepared(path))
        if len(batch) == BATCH_SIZE or index == len(standard):
            parts.append(session.run([PROBABILITIES], {INPUT: np.stack(batch)})[0])
            batch = []
    empty = np.empty((0, len(description.outputs)), np.float32)
    return calibrated(np.concatenate([empty, *parts]), description.outputs, description.calibrations)
