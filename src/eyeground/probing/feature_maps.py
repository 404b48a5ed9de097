"""The feature maps that a bundle's embedding is the average of: one, or several on grids that nest, the finest last."""

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from eyeground.bundle.open import Bundle
from eyeground.errors import UserError

PHOTOS, EMBEDDING, EVIDENCE = "photos", "embedding", "evidence"
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureMap:
    """One of them.

    Attributes:
        name: Of the tensor (n, channels, h, w) in the graph.
        channels: How many parts of the embedding it gives.
        times: Cells of the finest map along a side of one of its cells.
    """

    name: str
    channels: int
    times: int


def feature_maps(source: Bundle, model: ModelProto) -> tuple[FeatureMap, ...]:
    """Find the maps in the order of the embedding's parts.

    Raises:
        UserError: If the graph's embedding is something else, as of a graph that eyeground did not export.
    """
    graph = model.graph
    last = next((node for node in graph.node if EMBEDDING in node.output), None)
    joined = last is not None and last.op_type == "Concat"
    means = [node for name in last.input for node in graph.node if name in node.output] if last and joined else [last]
    if any(mean is None or not _is_average(graph, mean) for mean in means):
        raise UserError(
            f"{source.onnx_path}: its output '{EMBEDDING}' is not an average over the positions of feature maps, so its head cannot be "
            "exchanged; start from a bundle that eyeground exported"
        )
    names = [str(mean.input[0]) for mean in means if mean is not None]
    side = source.description.preprocessing.side
    shapes = [found.shape for found in values(model, names, np.zeros((1, side, side, 3), np.uint8))]
    return tuple(
        FeatureMap(name, shape[1], shapes[-1][-1] // shape[-1]) for name, shape in zip(names, shapes, strict=True)
    )


def values(model: ModelProto, names: list[str], photos: NDArray[np.uint8]) -> list[Floats]:
    """What inner tensors of a graph are for some photos."""
    # Another output may change how a graph is run, so these come from a copy.
    open_ended = ModelProto()
    open_ended.CopyFrom(model)
    known = {output.name for output in open_ended.graph.output}
    open_ended.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in known
    )
    return run(open_ended, names, photos)


def run(model: ModelProto, outputs: list[str], photos: NDArray[np.uint8]) -> list[Floats]:
    """Outputs of a graph for some photos."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[Floats] = session.run(outputs, {PHOTOS: photos})
    return found


def evidence_nodes(maps: tuple[FeatureMap, ...], weight: str, result: str) -> list[NodeProto]:
    """Nodes that apply weights (outputs, width) at every position, as 1 x 1 convolutions, and sum the maps on the finest grid."""
    parts = [weight] if len(maps) == 1 else [f"head.part.{place}" for place in range(len(maps))]
    nodes = [constant("head.axes", [2, 3])]
    if len(maps) > 1:
        nodes += [
            constant("head.widths", [one.channels for one in maps]),
            helper.make_node("Split", [weight, "head.widths"], parts, axis=1, name="head/parts"),
        ]
    found = [result] if len(maps) == 1 else [f"head.evidence.{place}" for place in range(len(maps))]
    for part, one, evidence in zip(parts, maps, found, strict=True):
        own = evidence if one.times == 1 else f"{evidence}.own"
        nodes += [
            helper.make_node("Unsqueeze", [part, "head.axes"], [f"{part}.kernel"], name=f"{part}/kernel"),
            helper.make_node("Conv", [one.name, f"{part}.kernel"], [own], name=f"{part}/evidence", kernel_shape=[1, 1]),
        ]
        if one.times > 1:
            nodes += _repeated(own, evidence, one.times)
    if len(maps) > 1:
        nodes.append(helper.make_node("Sum", found, [result], name="head/evidence"))
    return nodes


def summed_evidence(maps: tuple[FeatureMap, ...], weight: Floats, features: list[Floats]) -> Floats:
    """Evidence (n, outputs, h, w) by numpy, to compare with the graph's."""
    parts = np.split(weight, np.cumsum([one.channels for one in maps])[:-1], axis=1)
    coarse = [np.einsum("ow,nwij->noij", part, found) for part, found in zip(parts, features, strict=True)]
    fine = [found.repeat(one.times, axis=2).repeat(one.times, axis=3) for one, found in zip(maps, coarse, strict=True)]
    total: Floats = np.sum(fine, axis=0)
    return total


def constant(name: str, content: list[int] | list[list[int]]) -> NodeProto:
    """A constant of whole numbers."""
    value = numpy_helper.from_array(np.array(content, np.int64))
    return helper.make_node("Constant", [], [name], value=value, name=name.replace(".", "/"))


def _repeated(own: str, evidence: str, times: int) -> list[NodeProto]:
    scales = numpy_helper.from_array(np.array([1, 1, times, times], np.float32))
    return [
        helper.make_node("Constant", [], [f"{evidence}.scales"], value=scales, name=f"{evidence}/scales"),
        helper.make_node(
            "Resize",
            [own, "", f"{evidence}.scales"],
            [evidence],
            name=f"{evidence}/repeat",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
    ]


def _is_average(graph: GraphProto, node: NodeProto) -> bool:
    return node.op_type == "ReduceMean" and sorted(_axes(graph, node)) in ([2, 3], [-2, -1])


def _axes(graph: GraphProto, mean: NodeProto) -> list[int]:
    """Axes of a ReduceMean: an attribute before opset 18, and an input since, constant or initialiser."""
    attribute = next((one for one in mean.attribute if one.name == "axes"), None)
    if attribute is not None:
        return list(attribute.ints)
    if len(mean.input) < 2:
        return []
    constants = [one for one in graph.initializer if one.name == mean.input[1]]
    constants += [
        attribute.t
        for node in graph.node
        if node.op_type == "Constant" and mean.input[1] in node.output
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    return [int(axis) for one in constants for axis in numpy_helper.to_array(one).ravel()]
