"""The head written into a graph: steps of grades in order, with the evidence that belongs to each logit, for any head."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Preprocessing
from eyeground.models.heads import LinearHead, probabilities
from eyeground.probing.graph import graph_with_head
from eyeground.probing.regression import Head

SIDE = 32
BINARY = Target(name="amd")
KIND = Target(name="kind", kind="multiclass", classes=("a", "b"))
GRADE = Target(name="grade", kind="ordinal", classes=("0", "1", "2", "3"))
STAGE = Target(name="stage", kind="ordinal", classes=("1", "2", "3"))
YES = Target(name="yes", kind="ordinal", classes=("0", "1"))


@pytest.fixture(scope="module")
def colours(tiny_bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose feature map is the photo itself: three channels, so that any head can be reckoned by hand."""
    nodes = [
        helper.make_node("Cast", ["photos"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["features"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["features"], ["embedding"], axes=[2, 3], keepdims=0),
    ]
    photos = helper.make_tensor_value_info("photos", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 3])
    model = helper.make_model(
        helper.make_graph(nodes, "colours", [photos], [embedding]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    bundle: Bundle = tiny_bundle(
        tmp_path_factory.mktemp("colours") / "bundle", {"model.onnx": model.SerializeToString()},
        preprocessing=Preprocessing(side=SIDE), embedding_size=3,
    )  # fmt: skip
    return bundle


def run(graph: bytes, photos: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(["probabilities", "logits", "embedding", "evidence"], {"photos": photos})
    return found


def photos() -> np.ndarray:
    """Blocks of one colour each, by steps of 16, so that logits of small whole weights are exact."""
    random = np.random.default_rng(0)
    return np.repeat(np.repeat(random.integers(0, 16, (9, 4, 4, 3), dtype=np.uint8) * 16, 8, axis=1), 8, axis=2)


@given(
    targets=st.permutations([BINARY, KIND, GRADE, STAGE, YES]).flatmap(
        lambda order: st.integers(1, 5).map(lambda count: tuple(order[:count]))
    ),
    seed=st.integers(0, 9999),
    scale=st.sampled_from([0.0, 2**-10, 2**-7]),
)
def test_any_head_answers_as_torch_would(colours: Bundle, targets: tuple[Target, ...], seed: int, scale: float) -> None:
    """Weights are small whole numbers times a scale, so that steps are often equal; with a scale of 0 all are."""
    outputs = sum(len(target.outputs) for target in targets)
    random = np.random.default_rng(seed)
    weight, bias = scale * random.integers(-2, 3, (outputs, 3)), scale * 16.0 * random.integers(-2, 3, outputs)
    of_torch = LinearHead(3, targets)
    of_torch.load_state_dict({"output.weight": torch.from_numpy(weight), "output.bias": torch.from_numpy(bias)})
    found, logits, embedding, evidence = run(graph_with_head(colours, Head(weight, bias, {}), targets), photos())
    with torch.inference_mode():
        features = torch.from_numpy(photos()).permute(0, 3, 1, 2).float()
        weights, biases = of_torch.effective(torch.from_numpy(embedding))
        expected = of_torch(torch.from_numpy(embedding))
        np.testing.assert_allclose(evidence, torch.einsum("now,nwij->noij", weights, features), atol=1e-5)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(found, probabilities(expected, targets), atol=1e-5)
    np.testing.assert_allclose(evidence.mean(axis=(2, 3)) + biases.numpy(), logits, atol=1e-4)
    first = 0
    for target in targets:
        steps = slice(first, first + len(target.outputs))
        first = steps.stop
        if target.kind == "ordinal":
            assert (np.diff(found[:, steps], axis=1) <= 0).all() and (np.diff(logits[:, steps], axis=1) <= 0).all()


def test_close_logits_keep_the_order_of_their_probabilities(colours: Bundle) -> None:
    """ONNX Runtime's sigmoid gives half of neighbouring logits probabilities in the wrong order."""
    bias = np.float32(0.7) - np.arange(3) * np.float32(2**-24)
    weight = np.tile([[2**-8, 0, 0]], (3, 1))
    shades = np.zeros((256, SIDE, SIDE, 3), np.uint8) + np.arange(256, dtype=np.uint8)[:, None, None, None]
    found, *_ = run(graph_with_head(colours, Head(weight, bias, {}), (GRADE,)), shades)
    assert (np.diff(found, axis=1) <= 0).all()
