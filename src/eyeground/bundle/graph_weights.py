"""Whether an ONNX graph computes with a bundle's weights.

Exporting keeps a weight, transposes it, or folds a batch normalisation into the convolution before it; each is recomputed. A
tensor that no weight explains is refused only where a weight of its size is missing: tables and constants have no weight.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle.onnx_file import OnnxFile

Array = NDArray[np.float32]
MEAN, VARIANCE = ".running_mean", ".running_var"
_ROUNDING = 1e-5  # relative; the exporter computes in float32
_TOLERANCE = 1e-4


def changed_tensor(graph: OnnxFile, weights: Mapping[str, Array]) -> str | None:
    """Name of a tensor of a graph that does not come from the weights, or None.

    Args:
        weights: Floating-point weights by name, as float32.
    """
    missing = dict(weights)
    unexplained = {}
    by_size: dict[int, list[str]] = {}
    for name, weight in weights.items():
        by_size.setdefault(weight.size, []).append(name)
    for name, tensor in graph.tensors.items():
        same = [one for one in by_size.get(tensor.size, ()) if _is_same(tensor, weights[one])]
        for one in same:
            missing.pop(one, None)
        if not same:
            unexplained[name] = tensor
    for kernel, bias in graph.convolutions:
        if kernel in unexplained and bias in graph.tensors:
            source = next(_folded_from(unexplained[kernel], graph.tensors[bias], missing, weights), None)
            if source is not None:
                unexplained = {name: one for name, one in unexplained.items() if name not in (kernel, bias)}
                missing = {name: one for name, one in missing.items() if name not in source}
    for name in graph.normalised & unexplained.keys():  # the gain of a standardised kernel, which exporting scales
        if any(_is_multiple(unexplained[name], weight) for weight in missing.values()):
            del unexplained[name]
    sizes = {one.size for one in missing.values()}
    return next((name for name, tensor in unexplained.items() if tensor.size in sizes), None)


def _is_same(tensor: Array, weight: Array) -> bool:
    """Equal number by number, in any shape, or transposed."""
    found, wanted = tensor.view(np.uint32), weight.view(np.uint32)  # bit by bit, as NaN does not equal itself
    if found.item(0) == wanted.item(0) and np.array_equal(found.ravel(), wanted.ravel()):
        return True
    return tensor.ndim == 2 and tensor.T.shape == weight.shape and np.array_equal(found.T, wanted)


def _is_multiple(tensor: Array, weight: Array) -> bool:
    if tensor.size != weight.size:
        return False
    largest = np.abs(weight).argmax()
    factor = tensor.ravel()[largest] / (weight.ravel()[largest] or np.nan)
    return bool(np.allclose(tensor.ravel(), factor * weight.ravel(), rtol=_TOLERANCE, atol=0))


def _folded_from(
    kernel: Array, bias: Array, missing: Mapping[str, Array], weights: Mapping[str, Array]
) -> Iterator[frozenset[str]]:
    """Names of convolutions with their normalisations that give a kernel and bias."""
    order = list(weights)
    for name, weight in missing.items():
        if weight.shape != kernel.shape:
            continue
        place = order.index(name)
        behind = (*order[place:], *order[:place])  # the nearest first; a file may have another order
        own_bias = f"{name.removesuffix('.weight')}.bias"
        for norm in (one.removesuffix(VARIANCE) for one in behind if one.endswith(VARIANCE)):
            names = (f"{norm}.weight", f"{norm}.bias", f"{norm}{MEAN}", f"{norm}{VARIANCE}")
            if any(one not in weights or weights[one].shape != bias.shape for one in names):
                continue
            before = weights[own_bias] if own_bias in weights else np.zeros(1, np.float32)
            if _is_folded(kernel, bias, weight, before, *(weights[one] for one in names)):
                yield frozenset((name, own_bias, *names))


def _is_folded(
    kernel: Array, bias: Array, weight: Array, before: Array, gain: Array, offset: Array, mean: Array, variance: Array
) -> bool:
    """Whether some epsilon, added to the variance before its root is taken, gives this kernel and bias."""
    rows, folded = weight.reshape(len(weight), -1), kernel.reshape(len(kernel), -1)
    channels, largest = np.arange(len(rows)), np.abs(rows).argmax(axis=1)
    with np.errstate(all="ignore"):
        scale = folded[channels, largest].astype(np.float64) / rows[channels, largest]
        total = np.square(gain.astype(np.float64) / scale)
        known = np.isfinite(total) & (total > 0) & (np.abs(scale) > np.finfo(np.float32).tiny / _ROUNDING)
        total = total[known]
        added = total - variance[known]
    low = (added - _ROUNDING * total).max(initial=0.0)
    high = (added + _ROUNDING * total).min(initial=np.inf)
    if not low <= high:
        return False
    epsilon = low if high == np.inf else (low + high) / 2
    with np.errstate(all="ignore"):
        expected = np.where(variance + epsilon > 0, gain / np.sqrt(variance.astype(np.float64) + epsilon), 0)
    shift = (before - mean.astype(np.float64)) * expected
    slack = _TOLERANCE * (np.abs(offset) + np.abs(shift)) + np.finfo(np.float32).tiny
    if not (np.abs(bias - (offset + shift)) <= slack).all():
        return False
    limit = _TOLERANCE * np.abs(folded).max(axis=1, keepdims=True) + np.finfo(np.float32).tiny
    return bool((np.abs(folded - rows * expected[:, None].astype(np.float32)) <= limit).all())
