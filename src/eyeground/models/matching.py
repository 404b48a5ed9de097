"""Fitting a file's tensors to a network's: each is loaded, explained, or an error.

Which source tensors reach the network through a renaming function, which may split, add or drop them, is found by automatic
differentiation on tensors without content: a tensor that the renaming loses is then unexpected.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from eyeground.errors import UserError

Tensors = Mapping[str, Tensor]
Rename = Callable[[Tensors, Any], Tensors]

POSITIONS, PATCHES = "pos_embed", "patch_embed.proj.weight"
MOST_NAMES_SHOWN = 4
_WRAPPERS = ("module.", "model.", "backbone.", "encoder.")
KNOWN_PREFIXES = ("", *_WRAPPERS, *(outer + inner for outer in _WRAPPERS for inner in _WRAPPERS if outer != inner))


@dataclass(frozen=True)
class Match:
    """How the tensors of a source fit a backbone.

    Attributes:
        state: The backbone's tensors, as far as the source gives them.
        prefix: Prefix that was removed from the source's names.
        left_out: Tensors of the source that are not used, and why.
        notes: What was changed on the way.
        missing, misshapen, unexpected: Tensors that the source lacks, that have another shape, or that are not
            explained.
    """

    state: dict[str, Tensor]
    prefix: str
    left_out: dict[str, str]
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    misshapen: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def problems(self) -> int:
        """Number of tensors for which it does not fit; 0 if it fits."""
        return len(self.missing) + len(self.misshapen) + len(self.unexpected)


def unchanged(tensors: Tensors, backbone: Any) -> Tensors:
    """The renaming of a source that uses timm's names."""
    return tensors


def match(
    backbone: Any, tensors: Tensors, explain: Callable[[str, Tensor], str | None], rename: Rename = unchanged
) -> Match:
    """Fit tensors to a timm backbone.

    Args:
        backbone: A timm model without classifier; it may lie on the meta device.
        tensors: The source; may lie on the meta device too.
        explain: Takes a tensor and its name without prefix; gives the reason why it may be left out, else None.
        rename: Takes the tensors without prefix and the backbone, and returns them in timm's names.
    """
    wanted: dict[str, Tensor] = backbone.state_dict()
    prefix = max(KNOWN_PREFIXES, key=lambda prefix: sum(prefix + name in tensors for name in wanted))
    bare = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    given = dict(rename(bare, backbone))
    notes = _interpolate_positions(backbone, wanted, given) + _set_counters(wanted, given)
    used = {prefix + name for name in _reaching(bare, wanted, rename, backbone)}
    reasons = {name: explain(name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name not in used}
    return Match(
        state={name: given[name] for name in wanted if name in given},
        prefix=prefix,
        left_out={name: reason for name, reason in reasons.items() if reason},
        notes=notes,
        missing=tuple(name for name in wanted if name not in given),
        misshapen=tuple(
            f"{name}: {tuple(given[name].shape)} in the file, {tuple(tensor.shape)} in the network"
            for name, tensor in wanted.items()
            if name in given and given[name].shape != tensor.shape
        ),
        unexpected=tuple(name for name, reason in reasons.items() if not reason),
    )


def refuse_misfit(found: Match, backbone: Any, tensors: Tensors, what: str, advice: str) -> None:
    """Raise a `UserError` unless everything fits.

    If file and network share no name (a wrong backbone or an unknown prefix), the message shows names of both.

    Args:
        tensors: The source.
        what: Source and network, for the message.
        advice: A sentence: what to do where no name fits.
    """
    if not found.problems:
        return
    wanted = backbone.state_dict()
    if len(found.missing) + sum(name.endswith("num_batches_tracked") for name in wanted) >= len(wanted):
        raise UserError(
            f"{what}: of {len(tensors)} tensors in the file, none has a name that the network knows"
            f"\n  names in the file: {_some(list(tensors))}\n  names in the network: {_some(list(wanted))}\n  {advice}"
        )
    lines = [
        f"{problem}: {_some(names)}"
        for problem, names in (
            ("missing", found.missing),
            ("of another shape", found.misshapen),
            ("unexpected", found.unexpected),
        )
        if names
    ]
    raise UserError(f"{what}:\n  " + "\n  ".join(lines))


def grid_side(positions: Tensor) -> int:
    """Positions per side of a square position embedding (1, tokens, width), with or without a class token.

    >>> grid_side(torch.empty(1, 197, 8)), grid_side(torch.empty(1, 784, 8))
    (14, 28)
    """
    tokens = positions.shape[1]
    return isqrt(tokens) if isqrt(tokens) ** 2 == tokens else isqrt(tokens - 1)


def _some(names: Sequence[str]) -> str:
    more = f", … and {len(names) - MOST_NAMES_SHOWN} more" if len(names) > MOST_NAMES_SHOWN else ""
    return ", ".join(names[:MOST_NAMES_SHOWN]) + more


def _reaching(bare: Tensors, wanted: Tensors, rename: Rename, backbone: Any) -> set[str]:
    """Names of the source's tensors on which the network's tensors depend, after renaming."""
    if rename is unchanged:
        return bare.keys() & wanted.keys()
    traced = {name: torch.empty(one.shape, device="meta", requires_grad=True) for name, one in bare.items()}
    renamed = rename(traced, backbone)
    arrived = [renamed[name].sum() for name in wanted if name in renamed]
    if not arrived:
        return set()
    gradients = torch.autograd.grad(arrived, list(traced.values()), allow_unused=True)
    return {name for name, gradient in zip(traced, gradients, strict=True) if gradient is not None}


def _interpolate_positions(backbone: Any, wanted: Tensors, given: dict[str, Tensor]) -> tuple[str, ...]:
    """Bring a position embedding to the network's grid, as timm does, and say so."""
    ours, theirs = wanted.get(POSITIONS), given.get(POSITIONS)
    if ours is None or theirs is None or ours.shape == theirs.shape or not (ours.ndim == theirs.ndim == 3):
        return ()
    prefix_tokens = 0 if getattr(backbone, "no_embed_class", False) else int(backbone.num_prefix_tokens)
    old, new = isqrt(max(theirs.shape[1] - prefix_tokens, 0)), backbone.patch_embed.grid_size
    if old == 0 or old * old + prefix_tokens != theirs.shape[1] or ours.shape[2] != theirs.shape[2]:
        return ()  # another kind of embedding, which is refused by its shape
    given[POSITIONS] = resample_abs_pos_embed(theirs, list(new), [old, old], num_prefix_tokens=prefix_tokens)
    return (f"position embedding interpolated from {old} x {old} to {new[0]} x {new[1]} places (bicubic)",)


def _set_counters(wanted: Tensors, given: dict[str, Tensor]) -> tuple[str, ...]:
    """Add counters of batches, which some exporters drop; at a fixed momentum they have no effect."""
    absent = [name for name in wanted if name.endswith("num_batches_tracked") and name not in given]
    given.update({name: torch.zeros_like(wanted[name]) for name in absent})
    return (f"{len(absent)} counters of batches, which the file lacks and nothing needs, set to 0",) if absent else ()
