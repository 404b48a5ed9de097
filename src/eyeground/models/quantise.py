"""A bundle's ONNX graph in 8-bit arithmetic, by static quantisation, in several ways from most to least quantised.

The head stays in float32, so that evidence map and logit agree. Whether a way is good enough is decided by `workflows.release`,
on validation photos: see "A release" in docs/bundle.md.
"""

import io
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

EMBEDDING = "embedding"
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# Operators between weighted layers; no other gains by 8 bits.
QUANTISED = (*WEIGHTED, "Add", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool")
PERCENTILE = 99.99
PHOTOS_AT_ONCE = 8

Method = Literal["minmax", "percentile", "entropy"]
_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
_DESCRIPTIONS = {
    "minmax": "ranges from least to largest",
    "percentile": f"ranges by percentile {PERCENTILE:g}",
    "entropy": "ranges by least loss of entropy",
}


@dataclass(frozen=True)
class Way:
    """One way of quantising.

    Attributes:
        method: How ranges are set: `minmax`, `percentile` or `entropy`.
        kept: Share of the weighted layers, counted from the photo, that stay in float32. Later layers hold most of the
            weights, and their errors pass through the fewest layers.
    """

    method: Method
    kept: float = 0.0

    def __str__(self) -> str:
        first = f", and the first {self.kept:.0%} of the layers" if self.kept else ""
        return f"{_DESCRIPTIONS[self.method]}; in 32 bits: the head{first}"


# From most to least quantised. Percentile and entropy cut outliers. Leaving depthwise convolutions alone in 32 bits is not
# among them: ONNX Runtime 1.31 computes such a mixture wrongly once it optimises the graph.
WAYS = (Way("minmax"), Way("percentile"), Way("entropy"), Way("minmax", kept=0.5), Way("minmax", kept=0.75))


def quantise(graph: Path, target: Path, photos: NDArray[np.uint8], way: Way) -> None:
    """Write an 8-bit version of a graph.

    Args:
        graph: ONNX graph of a bundle, in float32.
        target: Where the 8-bit graph goes.
        photos: Standard photos (n, side, side, 3), uint8 RGB, by which ranges are set: of the training split.
        way: What is quantised, and how.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        prepared = Path(folder) / "prepared.onnx"
        # Shapes of our graphs are known from tracing; the symbolic pass would add a dependency and finds nothing more.
        quant_pre_process(graph, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        quantize_static(
            prepared,
            target,
            _Reader(photos),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept_in_float(model.graph, way),
            calibrate_method=_METHODS[way.method],
            # In strides, because all layers' activations of all photos at once are gigabytes.
            extra_options={
                "CalibStridedMinMax": 1,
                "CalibPercentile": PERCENTILE,
                # Else a clip after a layer that stays in float32 is removed with nothing in its place.
                "QDQKeepRemovableActivations": True,
            },
        )


def kept_in_float(graph: Any, way: Way) -> list[str]:
    """Names of the nodes of a graph that stay in float32."""
    features = _below(graph, EMBEDDING)
    order = [node.name for node in graph.node]
    weighted = [order.index(node.name) for node in graph.node if node.name in features and node.op_type in WEIGHTED]
    if not weighted:
        return order
    # Before the first weighted layer stands the normalisation of the photo.
    first = weighted[min(int(way.kept * len(weighted)), len(weighted) - 1)]
    return sorted({name for place, name in enumerate(order) if place < first or name not in features})


def _below(graph: Any, output: str) -> set[str]:
    """Names of the nodes that a tensor is computed from, without the one that yields it."""
    makers = {name: node for node in graph.node for name in node.output}
    waiting = list(makers[output].input) if output in makers else []
    found: set[str] = set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            waiting += node.input
    return found


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime's base class has no types
    """Gives photos to the quantiser, a few at once, and again for each stride."""

    def __init__(self, photos: NDArray[np.uint8]) -> None:
        self._batches = [photos[start : start + PHOTOS_AT_ONCE] for start in range(0, len(photos), PHOTOS_AT_ONCE)]
        self._next: Iterator[NDArray[np.uint8]] = iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._next = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._next, None)
        return None if batch is None else {"photos": batch}


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantiser, which logs and prints each step."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
