"""Weights stored in 16 bits where that changes little: kernels and matrices, not depthwise ones, biases or statistics.

Why, and what it costs: see "A release" in docs/bundle.md.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

LARGEST_HALF = float(torch.finfo(torch.float16).max)
# Types as safetensors names them.
TYPE_NAMES = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def round_weights(network: nn.Module) -> dict[str, Tensor]:
    """Round a network's weights in place to what 16 bits hold, and return them as they are to be stored.

    Returns:
        Every tensor of the network by name: float16 where that is all that the network now knows of it.
    """
    stored = in_half(network.state_dict())
    network.load_state_dict(stored)  # copying into float32 parameters widens float16 exactly
    return stored


def in_half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state with every kernel and matrix that float16 can hold in float16; all else as it is."""
    return {name: tensor.half() if _fits(tensor) else tensor for name, tensor in state.items()}


def _fits(tensor: Tensor) -> bool:
    is_kernel = tensor.dtype == torch.float32 and tensor.ndim >= 2
    is_depthwise = tensor.ndim == 4 and tensor.shape[1] == 1
    return is_kernel and not is_depthwise and bool(tensor.abs().max() <= LARGEST_HALF)
