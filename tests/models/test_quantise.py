"""The graph in 8 bits: the same inputs and outputs, nearly the same numbers, and an evidence map that is still exact."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.models.classifier import Classifier
from eyeground.models.export import OUTPUT_NAMES, export_onnx
from eyeground.models.quantise import WAYS, Way, kept_in_float, quantise

SIDE = 64
PHOTOS = np.random.default_rng(1).integers(0, 256, (12, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    classifier = Classifier(Architecture(backbone="test_resnet"), Preprocessing(side=SIDE), [Target(name="abnormal")])
    classifier(torch.from_numpy(PHOTOS))  # batch statistics unlike their defaults
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    export_onnx(classifier.eval(), path)
    return path


def run(graph: Path, photos: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUT_NAMES, session.run(list(OUTPUT_NAMES), {"photos": photos}), strict=True))


@pytest.mark.parametrize("way", [Way("minmax"), Way("percentile"), Way("entropy"), Way("minmax", kept=0.5)])
def test_the_graph_in_8_bits_gives_nearly_the_same_and_an_exact_map(
    graph: Path, tmp_path: Path, way: Way, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.int8.onnx"
    quantise(graph, target, PHOTOS[:8], way)
    assert target.stat().st_size < 0.6 * graph.stat().st_size
    exact, small = run(graph, PHOTOS[8:]), run(target, PHOTOS[8:])
    for name in OUTPUT_NAMES:
        assert small[name].shape == exact[name].shape
    assert not np.array_equal(small["embedding"], exact["embedding"])
    error = np.linalg.norm(small["embedding"] - exact["embedding"]) / np.linalg.norm(exact["embedding"])
    assert error < 0.25
    # The mean of the map plus a constant, the bias, is the logit: that is not rounded.
    bias = small["logits"] - small["evidence"].mean(axis=(2, 3))
    np.testing.assert_allclose(bias, np.broadcast_to(bias[:1], bias.shape), atol=1e-5)
    assert capsys.readouterr().out == ""


def test_more_is_kept_in_32_bits_from_way_to_way_and_always_the_head(graph: Path) -> None:
    model = onnx.load(str(graph)).graph
    kept = {way: set(kept_in_float(model, way)) for way in WAYS}
    weighted = {node.name for node in model.node if node.op_type == "Conv"}
    last = [node.name for node in model.node if set(node.output) & {"logits", "evidence", "embedding"}]
    assert len(last) == 3 and all(set(last) <= names for names in kept.values())
    assert not weighted & kept[Way("minmax")]
    half, most = kept[Way("minmax", kept=0.5)], kept[Way("minmax", kept=0.75)]
    assert len(half & weighted) == len(weighted) // 2
    assert half < most and not weighted <= most
