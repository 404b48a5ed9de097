"""The ONNX graph of a bundle with another linear head: all before the feature maps stays, all after it is built again.

Needs `onnx` for the file format, and no torch. Every output is compared with numpy's before the graph is returned.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from eyeground.bundle.files import ONNX
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target, later_steps
from eyeground.errors import UserError
from eyeground.probing.feature_maps import (
    EMBEDDING,
    EVIDENCE,
    FeatureMap,
    constant,
    evidence_nodes,
    feature_maps,
    run,
    summed_evidence,
    values,
)
from eyeground.probing.regression import Head, in_order, probabilities

PROBABILITIES, LOGITS = "probabilities", "logits"
OWN_PROBABILITIES, OWN_LOGITS, OWN_EVIDENCE = "head.own.probabilities", "head.own.logits", "head.own.evidence"
WEIGHT, BIAS = "head.output.weight", "head.output.bias"
OLDEST_OPSET = 13  # from which on Softmax works on one axis and Unsqueeze takes its axes as an input
LARGEST_DIFFERENCE = 1e-4


def graph_with_head(source: Bundle, head: Head, targets: Sequence[Target]) -> bytes:
    """The graph of a bundle with another linear head, as the content of `model.onnx`.

    Args:
        source: A classifier with any head and targets.
        targets: With their classes known; their outputs are the head's, in order.

    Raises:
        UserError: If the bundle's graph does not end as `models.export` writes it, so that its feature maps are not found.
        RuntimeError: If an output of the new graph differs from what numpy computes from feature map and head.
    """
    model = _read(source)
    maps = feature_maps(source, model)
    weight, bias = head.weight.astype(np.float32), head.bias.astype(np.float32)
    kept = _needed(model.graph, EMBEDDING)
    names = {name for node in kept for name in node.input}
    initialisers = [one for one in model.graph.initializer if one.name in names]
    outputs, width = weight.shape
    built = helper.make_graph(
        [*kept, *_head(maps, targets), *_probabilities(targets)],
        model.graph.name,
        list(model.graph.input),
        [
            helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["batch", outputs]),
            helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["batch", outputs]),
            helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", width]),
            helper.make_tensor_value_info(EVIDENCE, TensorProto.FLOAT, ["batch", outputs, "height", "width"]),
        ],
        initializer=[
            *initialisers,
            numpy_helper.from_array(weight, WEIGHT),
            numpy_helper.from_array(bias, BIAS),
        ],
    )
    model.graph.CopyFrom(built)
    onnx.checker.check_model(model)
    _check(model, maps, weight, bias, targets, source.description.preprocessing.side)
    return bytes(model.SerializeToString())


def _read(source: Bundle) -> ModelProto:
    try:
        model = onnx.load_model_from_string(source.onnx_path.read_bytes())
    except Exception as error:  # protobuf's own errors share no public base class
        raise UserError(f"{source.onnx_path}: not a readable ONNX graph: {error}") from error
    if any(one.data_location == TensorProto.EXTERNAL for one in model.graph.initializer):
        raise UserError(f"{source.onnx_path}: keeps weights outside its file; a bundle's graph is in {ONNX} alone")
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if version < OLDEST_OPSET:
        raise UserError(
            f"{source.onnx_path}: its operators are of ONNX opset {version}; a head can be exchanged from {OLDEST_OPSET} on"
        )
    return model


def _needed(graph: GraphProto, output: str) -> list[NodeProto]:
    """The nodes that an output is computed from, in the graph's order."""
    wanted = {output}
    kept = []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _head(maps: tuple[FeatureMap, ...], targets: Sequence[Target]) -> list[NodeProto]:
    """Logits of the embedding, and evidence: the same weights at every position."""
    ordered = bool(later_steps(targets))
    logits, evidence = (OWN_LOGITS, OWN_EVIDENCE) if ordered else (LOGITS, EVIDENCE)
    own = [
        helper.make_node("Gemm", [EMBEDDING, WEIGHT, BIAS], [logits], name="head/logits", transB=1),
        *evidence_nodes(maps, WEIGHT, evidence),
    ]
    return [*own, *_chosen(targets)] if ordered else own


def _chosen(targets: Sequence[Target]) -> list[NodeProto]:
    """Logits and evidence with the steps of ordinal targets in order, both of the step that `in_order` chooses."""
    outputs = sum(len(target.outputs) for target in targets)
    return [
        constant("head.places", [list(range(outputs))]),
        helper.make_node("Shape", [OWN_LOGITS], ["head.shape"], name="head/shape"),
        helper.make_node("Expand", ["head.places", "head.shape"], ["head.expanded"], name="head/expanded"),
        *_in_order(OWN_LOGITS, LOGITS, targets, ("head.expanded", "head.chosen")),
        constant("head.last", [-1]),
        helper.make_node("Unsqueeze", ["head.chosen", "head.last"], ["head.indices"], name="head/indices"),
        helper.make_node("GatherND", [OWN_EVIDENCE, "head.indices"], [EVIDENCE], name="head/gather", batch_dims=1),
    ]


def _in_order(values: str, result: str, targets: Sequence[Target], *others: tuple[str, str]) -> list[NodeProto]:
    """`regression.in_order` as nodes: of a tensor (batch, outputs) and its result, then pairs that follow its choice."""
    outputs = sum(len(target.outputs) for target in targets)
    pairs = ((values, result), *others)
    columns = {name: [f"{name}.{place}" for place in range(outputs)] for name, _ in pairs}
    nodes = [constant(f"{result}.sizes", [1] * outputs)]
    nodes += [
        helper.make_node("Split", [name, f"{result}.sizes"], list(columns[name]), axis=1, name=f"{result}/split/{name}")
        for name, _ in pairs
    ]
    for step in later_steps(targets):
        lower = f"{result}.{step}.lower"
        below, own = columns[values][step - 1 : step + 1]
        nodes.append(helper.make_node("LessOrEqual", [below, own], [lower], name=f"{result}/lower/{step}"))
        for name, placed in pairs:
            below, own = columns[name][step - 1 : step + 1]
            columns[name][step] = f"{placed}.{step}.taken"
            nodes.append(
                helper.make_node("Where", [lower, below, own], [columns[name][step]], name=f"{placed}/take/{step}")
            )
    nodes += [
        helper.make_node("Concat", columns[name], [placed], axis=1, name=f"{placed}/concat") for name, placed in pairs
    ]
    return nodes


def _probabilities(targets: Sequence[Target]) -> list[NodeProto]:
    """A softmax over each multiclass target, a sigmoid over each run of other outputs; ordinal steps in order."""
    if not later_steps(targets):
        return _activations(targets, PROBABILITIES)
    return [*_activations(targets, OWN_PROBABILITIES), *_in_order(OWN_PROBABILITIES, PROBABILITIES, targets)]


def _activations(targets: Sequence[Target], result: str) -> list[NodeProto]:
    sizes, kinds = [], []
    # Each multiclass target is a group of its own; neighbours of the other kinds share one.
    for _, group in groupby(enumerate(targets), lambda item: item[0] if item[1].kind == "multiclass" else -1):
        members = [target for _, target in group]
        kinds.append("Softmax" if members[0].kind == "multiclass" else "Sigmoid")
        sizes.append(sum(len(target.outputs) for target in members))
    if len(kinds) == 1:
        return [_activation(kinds[0], LOGITS, result)]
    parts = [f"head.logits.{index}" for index in range(len(kinds))]
    answers = [f"head.probabilities.{index}" for index in range(len(kinds))]
    return [
        constant("head.sizes", sizes),
        helper.make_node("Split", [LOGITS, "head.sizes"], parts, axis=1, name="head/split"),
        *(_activation(kind, part, answer) for kind, part, answer in zip(kinds, parts, answers, strict=True)),
        helper.make_node("Concat", answers, [result], axis=1, name="head/probabilities"),
    ]


def _activation(kind: str, part: str, answer: str) -> NodeProto:
    axis = {"axis": 1} if kind == "Softmax" else {}
    return helper.make_node(kind, [part], [answer], name=f"head/{answer}", **axis)


def _check(
    model: ModelProto,
    maps: tuple[FeatureMap, ...],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    targets: Sequence[Target],
    side: int,
) -> None:
    """Run the graph on a mid-grey and two random photos, and compare every output with numpy's from the same feature maps."""
    names = [PROBABILITIES, LOGITS, EMBEDDING, EVIDENCE]
    # Graphs are exported with two photos; three find a graph in which that number became a constant.
    photos = np.full((3, side, side, 3), 128, np.uint8)
    photos[1:] = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    found = run(model, names, photos)
    features = values(model, [one.name for one in maps], photos)
    embedding = np.concatenate([one.mean(axis=(2, 3)) for one in features], axis=1)
    logits, chosen = in_order(embedding @ weight.T + bias, targets)
    own_evidence = summed_evidence(maps, weight, features)
    evidence = np.take_along_axis(own_evidence, chosen[:, :, np.newaxis, np.newaxis], axis=1)
    expected = (probabilities(logits, targets), logits, embedding, evidence)
    for name, numpy_value, onnx_value in zip(names, expected, found, strict=True):
        scale = max(1.0, float(np.abs(numpy_value).max()))
        if numpy_value.shape != onnx_value.shape:
            raise RuntimeError(f"the new graph's {name} has shape {onnx_value.shape}, numpy's {numpy_value.shape}")
        difference = float(np.abs(numpy_value - onnx_value).max()) / scale
        if not difference <= LARGEST_DIFFERENCE:
            raise RuntimeError(f"the new graph's {name} differs from numpy's by {difference:.2g}")
