"""Converting another group's checkpoint once to a safetensors file in timm's names, with a record of its origin.

So names and normalisation are not guessed again at each training. See docs/initialisations.md.
"""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

import eyeground
from eyeground.core.files import sha256_of
from eyeground.errors import UserError, unknown
from eyeground.models.backbones import timm_backbone
from eyeground.models.checkpoints import Origin, read_checkpoint, write_converted
from eyeground.models.external_checkpoints import FORMATS, Format
from eyeground.models.load_report import LoadReport
from eyeground.models.matching import (
    KNOWN_PREFIXES,
    PATCHES,
    POSITIONS,
    Rename,
    Tensors,
    grid_side,
    match,
    refuse_misfit,
    unchanged,
)


def known_format(name: str) -> Format:
    """The format that a user names.

    Raises:
        UserError: If there is none of that name.
    """
    if name not in FORMATS:
        raise unknown("format", name, FORMATS, "--from")
    return FORMATS[name]


def convert(path: Path, form: Format, output: Path) -> tuple[LoadReport, Origin]:
    """Convert another group's checkpoint to a safetensors file in timm's names.

    Args:
        path: The publisher's file.
        form: What it is.
        output: File to write, `.safetensors`; one that is there is replaced.

    Raises:
        UserError: If the file cannot be read safely, fits none of the format's backbones, holds a tensor that the
            format does not explain, or the output's name is not one of a `.safetensors` file.
    """
    path, output = Path(path), Path(output)
    if output.suffix != ".safetensors":
        raise UserError(f"{output}: the converted file must end in .safetensors")
    if output.resolve() == path.resolve():
        raise UserError(f"{output}: is the file to convert; choose another name")
    checkpoint = read_checkpoint(path, form.containers)
    side = _side(checkpoint.tensors, form)
    name, backbone = _nearest_backbone(checkpoint.tensors, form, side)
    found = match(backbone, checkpoint.tensors, explanation(form), renaming(form))
    what = f"{path}: is not what --from {form.name} says; it does not fit the nearest backbone, '{name}'"
    refuse_misfit(found, backbone, checkpoint.tensors, what, f"Known formats: {', '.join(FORMATS)}.")
    wanted = backbone.state_dict()
    # A counter that the file lacks is 0, and lies on the meta device as the backbone does.
    state = {
        key: (torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor).to(wanted[key].dtype)
        for key, tensor in found.state.items()
    }
    origin = Origin(
        converted_from=form.name,
        backbone=name,
        side=side,
        mean=form.mean,
        std=form.std,
        sha256=sha256_of(path),
        licence=form.licence,
        citation=form.citation,
        page=form.page,
        made_by=eyeground.__version__,
    )
    write_converted(output, state, origin)
    beside = dict.fromkeys(checkpoint.beside, "beside the weights")
    return LoadReport(path.name, tuple(wanted), found.left_out | beside, found.prefix, found.notes), origin


def renaming(form: Format) -> Rename:
    """The function that brings a format's names to timm's: timm's own, where it has one."""
    if not form.timm_filter:
        return unchanged
    filter_of_timm = importlib.import_module(form.timm_filter).checkpoint_filter_fn

    def rename(tensors: Tensors, backbone: Any) -> Tensors:
        # timm would also resample patches of another size; that is another network, and is refused by its shape.
        patches = tensors.get(PATCHES)
        if patches is None or patches.shape != backbone.state_dict()[PATCHES].shape:
            return tensors
        try:
            renamed: Tensors = filter_of_timm(dict(tensors), backbone)
        except RuntimeError:
            return tensors  # a network of another kind, such as one without registers, whose names will not fit
        return renamed

    return rename


def explanation(form: Format) -> Callable[[str, Tensor], str | None]:
    """The function that says why a tensor of a format may be left out, or None if it may not."""

    def explain(name: str, tensor: Tensor) -> str | None:
        return next((why for pattern, why in form.leftovers.items() if re.fullmatch(pattern, name)), None)

    return explain


def _side(tensors: Tensors, form: Format) -> int:
    """The side in pixels by a file's position embedding, or else the format's."""
    for prefix in KNOWN_PREFIXES:
        positions, patches = tensors.get(prefix + POSITIONS), tensors.get(prefix + PATCHES)
        if positions is not None and patches is not None and positions.ndim == 3 and patches.ndim == 4:
            return grid_side(positions) * patches.shape[-1]
    return form.side


def _nearest_backbone(tensors: Tensors, form: Format, side: int) -> tuple[str, Any]:
    """The backbone of a format that a checkpoint fits best; only shapes are compared, which costs no memory."""
    shapes = {name: torch.empty(one.shape, device="meta") for name, one in tensors.items()}
    rename, explain = renaming(form), explanation(form)
    tried: list[tuple[int, str, Any]] = []
    for name in form.backbones:
        backbone = empty_backbone(name, side)
        tried.append((match(backbone, shapes, explain, rename).problems, name, backbone))
        if not tried[-1][0]:
            break
    _, name, backbone = min(tried, key=lambda one: one[0])
    return name, backbone


def empty_backbone(name: str, side: int) -> Any:
    """A timm backbone without classifier whose tensors have shapes and no content.

    Raises:
        UserError: If this version of timm does not know it.
    """
    if not timm.is_model(name):
        raise UserError(f"timm {timm.__version__} has no model '{name}'; update timm")
    with torch.device("meta"):
        return timm_backbone(name, side)
