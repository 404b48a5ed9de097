"""A graph computes with the bundle's weights, as they are or as exporting changes them; any other number is noticed."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from eyeground.bundle.files import ONNX
from eyeground.bundle.graph_weights import changed_tensor
from eyeground.bundle.installed import DESCRIPTION, RELEASED, released
from eyeground.bundle.onnx_file import read_onnx
from eyeground.bundle.open import open_bundle
from eyeground.core.files import sha256_of
from eyeground.errors import UserError

EPSILON = 1e-3
Tensors = dict[str, np.ndarray]


def network(seed: int = 0) -> Tensors:
    """Two convolutions of one shape, each with its normalisation, and a linear layer."""
    random = np.random.default_rng(seed)
    weights: Tensors = {}
    for name in ("a", "b"):
        weights[f"{name}.weight"] = random.normal(size=(6, 6, 3, 3))
        weights[f"{name}_norm.weight"] = random.normal(size=6)
        weights[f"{name}_norm.bias"] = random.normal(size=6)
        weights[f"{name}_norm.running_mean"] = random.normal(size=6)
        weights[f"{name}_norm.running_var"] = 10.0 ** random.uniform(-6, 4, 6)
    weights |= {"head.weight": random.normal(size=(2, 6)), "head.bias": random.normal(size=2)}
    return {name: tensor.astype(np.float32) for name, tensor in weights.items()}


def exported(weights: Tensors) -> Tensors:
    """What an exporter makes of it: normalisations folded, the linear layer transposed."""
    tensors: Tensors = {"head": weights["head.weight"].T, "head.bias": weights["head.bias"]}
    for name in ("a", "b"):
        norm = {key: weights[f"{name}_norm.{key}"] for key in ("weight", "bias", "running_mean", "running_var")}
        scale = norm["weight"] / np.sqrt(norm["running_var"] + np.float32(EPSILON))
        tensors[f"{name}.kernel"] = weights[f"{name}.weight"] * scale[:, None, None, None]
        tensors[f"{name}.bias"] = norm["bias"] - norm["running_mean"] * scale
    return tensors


def changed(tensors: Tensors, weights: Tensors) -> str | None:
    kept = [numpy_helper.from_array(np.ascontiguousarray(tensor), name) for name, tensor in tensors.items()]
    nodes = [
        helper.make_node("Identity", ["a.kernel"], ["alias"]),
        helper.make_node("Conv", ["photos", "alias", "a.bias"], ["middle"]),
        helper.make_node("Conv", ["middle", "b.kernel", "b.bias"], ["end"]),
    ]
    model = helper.make_model(helper.make_graph(nodes, "graph", [], [], kept))
    return changed_tensor(read_onnx(model.SerializeToString()), weights)


@given(seed=st.integers(0, 1000))
def test_what_exporting_does_to_weights_is_no_change(seed: int) -> None:
    weights = network(seed)
    assert changed(exported(weights), weights) is None
    assert changed(weights, weights) is None


@given(
    name=st.sampled_from(sorted(exported(network()))),
    place=st.integers(0, 10_000),
    factor=st.sampled_from([-1.0, 0.0, 0.99, 1.01, 2.0]),
)
def test_any_changed_number_is_noticed(name: str, place: int, factor: float) -> None:
    weights = network()
    tensors = {key: np.array(tensor, order="C") for key, tensor in exported(weights).items()}
    tensors[name].ravel()[place % tensors[name].size] *= factor
    # Kernel and bias are explained together, so a change of one may be reported of the other.
    assert changed(tensors, weights) in {name, name.replace("kernel", "bias"), name.replace("bias", "kernel")}


@pytest.mark.parametrize("factor", [0.5, -1.0])
def test_a_layer_that_is_scaled_as_a_whole_is_noticed(factor: float) -> None:
    weights = network()
    tensors = exported(weights)
    tensors |= {name: np.float32(factor) * tensors[name] for name in ("a.kernel", "a.bias")}
    assert changed(tensors, weights) == "a.kernel"


def test_two_layers_that_have_changed_places_are_no_change_of_a_tensor() -> None:
    weights = network()
    tensors = exported(weights)
    swapped = {"a.kernel": "b.kernel", "b.kernel": "a.kernel", "a.bias": "b.bias", "b.bias": "a.bias"}
    assert changed({swapped.get(name, name): tensor for name, tensor in tensors.items()}, weights) is None


@pytest.mark.parametrize("name", released())
def test_released_graphs_compute_with_their_weights_and_a_changed_one_is_refused(name: str, tmp_path: Path) -> None:
    shutil.copytree(RELEASED / name, tmp_path / "bundle")
    bundle = open_bundle(tmp_path / "bundle")
    model = onnx.load(bundle.onnx_path)
    last = model.graph.initializer[-2]
    last.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(last) * np.float32(1.01), last.name))
    onnx.save(model, bundle.onnx_path)
    described = (bundle.folder / DESCRIPTION).read_text()
    described = described.replace(bundle.description.files[ONNX], sha256_of(bundle.onnx_path))
    (bundle.folder / DESCRIPTION).write_text(described)
    with pytest.raises(UserError, match=r"does not come from model\.safetensors"):
        open_bundle(bundle.folder)
