"""A real bundle, small enough to build in milliseconds, whose every probability can be computed by hand.

Its network averages colour over cells and weighs red, green and blue, so the evidence of a cell is linear in its mean colour. The
graph obeys the ONNX contract of exported bundles exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from eyeground.bundle.calibration import Calibration
from eyeground.bundle.description import BundleDescription, TrainingRecord
from eyeground.bundle.files import CARD, ONNX, WEIGHTS
from eyeground.bundle.open import Bundle
from eyeground.bundle.write import write_bundle
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.screening.runtime import Screener, load

SIDE, CELL = 64, 16
# Logits per unit of mean R, G, B, per output; and the constant.
WEIGHTS_OF_COLOUR = np.array([[0.0, 0.0, 40.0], [0.0, 30.0, 0.0]], dtype=np.float32)
CONSTANTS = np.array([-4.0, -6.0], dtype=np.float32)
TARGETS = (Target(name="abnormal"), Target(name="drusen"))


def operating_point(output: str, threshold: float) -> OperatingPoint:
    return OperatingPoint(
        output=output, threshold=threshold, rule="youden", chosen_on="validation", positives=40, negatives=60
    )


@dataclass(frozen=True)
class Blueprint:
    """What a test bundle is made of; a test changes one thing to make it not fit."""

    name: str = "colour"
    targets: tuple[Target, ...] = TARGETS
    operating_points: tuple[OperatingPoint, ...] = (operating_point("abnormal", 0.4),)
    calibrations: tuple[Calibration, ...] = ()
    weights: np.ndarray = field(default_factory=lambda: WEIGHTS_OF_COLOUR)
    constants: np.ndarray = field(default_factory=lambda: CONSTANTS)
    described_side: int = SIDE
    input_name: str = "photos"
    input_type: int = TensorProto.UINT8
    outputs: Sequence[str] = ("probabilities", "logits", "embedding", "evidence")
    batch: int | str = "n"


def _graph_of(blueprint: Blueprint) -> onnx.ModelProto:
    """photos (N, S, S, 3) -> mean colour per cell -> evidence -> mean + constant -> probability."""
    count = len(blueprint.weights)
    constants = {
        "scale": np.float32(1 / 255),
        "weights": blueprint.weights.reshape(count, 3, 1, 1),
        "constants": blueprint.constants,
        "plane": np.array([2, 3]),
    }
    nodes = [
        helper.make_node("Cast", [blueprint.input_name], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["channels", "scale"], ["colours"]),
        helper.make_node("AveragePool", ["colours"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Conv", ["cells", "weights"], ["evidence"]),
        helper.make_node("ReduceMean", ["cells"], ["embedding"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["evidence"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["mean", "constants"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    n, cells = blueprint.batch, SIDE // CELL
    shapes = {
        "probabilities": [n, count],
        "logits": [n, count],
        "embedding": [n, 3],
        "evidence": [n, count, cells, cells],
    }
    graph = helper.make_graph(
        nodes,
        "colour",
        [helper.make_tensor_value_info(blueprint.input_name, blueprint.input_type, [n, SIDE, SIDE, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in blueprint.outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _build(folder: Path, blueprint: Blueprint) -> Bundle:
    tensors = {"head.weight": blueprint.weights, "head.bias": blueprint.constants}
    description = BundleDescription(
        name=blueprint.name,
        created="2026-01-02T03:04:05+00:00",
        made_by="test",
        architecture=Architecture(backbone="mean_colour"),
        preprocessing=Preprocessing(side=blueprint.described_side),
        targets=blueprint.targets,
        embedding_size=3,
        tensors={name: value.shape for name, value in tensors.items()},
        operating_points=blueprint.operating_points,
        calibrations=blueprint.calibrations,
        training=TrainingRecord(
            manifest_fingerprint="0" * 64,
            photos=100,
            patients=50,
            initialisation="scratch",
            method="pretrain",
            epochs=1,
            seed=0,
        ),
        licence="Apache-2.0",
    )
    writers = {
        WEIGHTS: lambda path: save_file(tensors, path),
        ONNX: lambda path: onnx.save(_graph_of(blueprint), path),
        CARD: lambda path: path.write_text("# colour\n"),
    }
    return write_bundle(folder, description, writers)


def _fundus(blue: float = 0.1, size: tuple[int, int] = (120, 160), seed: int = 0) -> np.ndarray:
    """A lit disc with vessel-like strokes on black: uint8 RGB of (height, width); `blue` (0-1) sets the blue channel."""
    height, width = size
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] + 0.5
    radius = 0.48 * min(size)
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 <= radius**2
    pixels = np.full((height, width, 3), (190, 100, 255 * blue), np.float32)
    pixels[..., :2] += random.normal(0, 12, (height, width, 1))
    for _ in range(12):
        ends = random.uniform(0, 1, (2, 2)) * (width, height)
        cv2.line(
            pixels, *(tuple(map(int, end)) for end in ends), (110, 30, 255 * blue), max(1, height // 60), cv2.LINE_AA
        )
    pixels[~inside] = 0
    return np.clip(pixels, 0, 255).astype(np.uint8)


BuildBundle = Callable[..., Bundle]
MakeFundus = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def build_bundle() -> BuildBundle:
    """Build a bundle in a folder; keywords change its `Blueprint`."""
    return lambda folder, **changes: _build(folder, Blueprint(**changes))


@pytest.fixture(scope="session")
def fundus() -> MakeFundus:
    """Make a photograph: uint8 RGB; keywords `blue`, `size`, `seed`."""
    return _fundus


@pytest.fixture(scope="session")
def logits_of() -> Callable[[np.ndarray], np.ndarray]:
    """What the bundle's network makes of a standard photo's pixels, computed by hand: one logit per output."""
    return lambda pixels: WEIGHTS_OF_COLOUR @ (pixels.reshape(-1, 3).mean(axis=0) / 255) + CONSTANTS


@pytest.fixture(scope="session")
def bundle(build_bundle: BuildBundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_bundle(tmp_path_factory.mktemp("bundles") / "colour")


@pytest.fixture(scope="session")
def screener(bundle: Bundle) -> Screener:
    return load(bundle.folder, threads=1)


@pytest.fixture
def folder_of_photos(tmp_path: Path, fundus: MakeFundus) -> Callable[[int], Path]:
    """Make a folder of n photographs in two subfolders, every second one with much blue."""

    def make(count: int) -> Path:
        folder = tmp_path / "photos"
        for index in range(count):
            path = folder / ("clinic a" if index % 3 else "clinic b") / f"eye {index:03d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = fundus(blue=0.4 if index % 2 else 0.02, seed=index)
            cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        return folder

    return make
