"""Operators and tensors of an ONNX file, read from its bytes: importing `onnx` would double the start of a screening.

Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PLAIN_DOMAINS = {"", "ai.onnx"}
DEEPEST = 8  # graphs within graphs

# Numbers of fields by message.
_GRAPH, _FUNCTIONS = 7, 25  # ModelProto
_NODE, _INITIALISER, _SPARSE_INITIALISER = 1, 5, 15  # GraphProto
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7  # NodeProto
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 5, 6, 10, 11  # AttributeProto
_DIMENSION, _TYPE, _FLOATS, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 4, 8, 9, 13, 14  # TensorProto
_FLOAT_TYPES = {1: "<f4", 10: "<f2", 11: "<f8"}

Content = bytes | memoryview


@dataclass
class OnnxFile:
    """What verification needs of an ONNX file.

    Attributes:
        tensors: Floating-point tensors of the main graph, initialisers and constants, by name, as float32.
        convolutions: Names of kernel and bias of each convolution that has both, in the graph's order.
        normalised: Names of the inputs of batch normalisations that were not folded into a convolution.
        foreign: Domains of operators that are not ONNX's own, and `functions` where the file defines operators itself.
        external: Whether any tensor lies in another file.
    """

    tensors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    convolutions: list[tuple[str, str]] = field(default_factory=list)
    normalised: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    external: bool = False


def read_onnx(content: bytes) -> OnnxFile:
    """Read an ONNX file.

    Raises:
        ValueError: If it is not one.
    """
    model = list(_fields(memoryview(content)))
    graphs = [value for number, value in model if number == _GRAPH]
    if len(graphs) != 1 or isinstance(graphs[0], int):
        raise ValueError("it has no graph, or more than one")
    found = OnnxFile()
    if any(number == _FUNCTIONS for number, _ in model):
        found.foreign.add("functions")
    _read_graph(graphs[0], found, 0)
    return found


def _read_graph(content: Content, found: OnnxFile, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    aliases: dict[str, str] = {}
    for number, value in _fields(content):
        if number == _NODE:
            _read_node(bytes(_message(value)), found, aliases, depth)
        elif number == _INITIALISER:
            _read_tensor(_message(value), None, found, depth)
        elif number == _SPARSE_INITIALISER:
            raise ValueError("it has sparse tensors")


def _read_node(content: bytes, found: OnnxFile, aliases: dict[str, str], depth: int) -> None:
    parts: dict[int, list[int | Content]] = {}
    for number, value in _fields(content):
        parts.setdefault(number, []).append(value)
    operator = _text(parts.get(_OPERATOR, [b""])[-1])
    found.foreign.update({_text(value) for value in parts.get(_DOMAIN, ())} - PLAIN_DOMAINS)
    inputs, outputs = parts.get(_INPUT, []), parts.get(_OUTPUT, [])
    if operator == "Identity" and inputs and outputs:
        source = _text(inputs[0])
        aliases[_text(outputs[0])] = aliases.get(source, source)
    elif operator == "BatchNormalization":
        found.normalised.update(_text(value) for value in inputs[1:])
    elif operator == "Conv" and depth == 0 and len(inputs) == 3:
        kernel, bias = map(_text, inputs[1:])
        found.convolutions.append((aliases.get(kernel, kernel), aliases.get(bias, bias)))
    elif operator not in _WITHOUT_TENSORS:
        name = _text(outputs[0]) if operator == "Constant" and outputs else ""
        for attribute in parts.get(_ATTRIBUTE, ()):
            _read_attribute(_message(attribute), name, found, depth)


# Frequent operators whose attributes are numbers alone; skipping them halves the time.
_WITHOUT_TENSORS = ("Conv", "Cast", "Concat", "Gather", "Unsqueeze", "Shape")


def _read_attribute(content: Content, name: str, found: OnnxFile, depth: int) -> None:
    for number, value in _fields(content):
        if number in (_TENSOR, _TENSORS):
            _read_tensor(_message(value), name, found, depth)
        elif number in (_SUBGRAPH, _SUBGRAPHS):
            _read_graph(_message(value), found, depth + 1)


def _read_tensor(content: Content, name: str | None, found: OnnxFile, depth: int) -> None:
    """An initialiser, which has its own name, or the tensor of an attribute, under the name of its node's output."""
    shape: list[int] = []
    kind, raw, floats, own = 0, None, [], ""
    for number, value in _fields(content):
        if number == _DIMENSION:
            shape += [value] if isinstance(value, int) else _packed(value)
        elif number == _TYPE and isinstance(value, int):
            kind = value
        elif number == _RAW:
            raw = _message(value)
        elif number == _FLOATS:
            floats.append(_message(value))
        elif number == _NAME:
            own = _text(value)
        elif number == _EXTERNAL or (number == _LOCATION and value != 0):
            found.external = True
    if depth or kind not in _FLOAT_TYPES or found.external:
        return
    data = b"".join(floats) if raw is None else raw
    found.tensors[own if name is None else name] = (
        np.frombuffer(data, _FLOAT_TYPES[kind]).reshape(shape).astype("f4", copy=False)
    )


def _fields(content: Content) -> Iterator[tuple[int, int | Content]]:
    """The fields of a protobuf message: integers, and bytes for all else."""
    place, end = 0, len(content)
    while place < end:
        tag, place = _varint(content, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(content, place)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, place = _varint(content, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of unknown kind {kind}")
        if place + size > end:
            raise ValueError("it ends too early")
        yield tag >> 3, content[place : place + size]
        place += size


def _varint(content: Content, place: int) -> tuple[int, int]:
    if place < len(content) and content[place] < 128:  # nearly all of them
        return content[place], place + 1
    value = shift = 0
    while True:
        if place >= len(content) or shift > 63:
            raise ValueError("a number that does not end")
        byte = content[place]
        place += 1
        if byte < 128:
            return value | byte << shift, place
        value |= (byte & 127) << shift
        shift += 7


def _packed(content: Content) -> list[int]:
    numbers, place = [], 0
    while place < len(content):
        number, place = _varint(content, place)
        numbers.append(number)
    return numbers


def _message(value: int | Content) -> Content:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _text(value: int | Content) -> str:
    return bytes(_message(value)).decode("utf-8")
