"""Files of weights, read without running code in them: by torch's restricted reader, or as safetensors.

See "Safe" in docs/initialisations.md.
"""

import argparse
import pickle
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from eyeground.config.settings import Settings
from eyeground.config.training_recipe import Positive, UnitValue
from eyeground.core.files import replacing
from eyeground.errors import UserError

METADATA = "eyeground"


class Origin(Settings):
    """Where a converted file comes from, as JSON under `eyeground` in its safetensors metadata."""

    format: Literal[1] = Field(1, description="Version of this record.")
    converted_from: str = Field(description="Foreign format, as typed after `--from`.")
    backbone: str = Field(description="timm model whose names and shapes the tensors have.")
    backbone_options: dict[str, Any] = Field({}, description="Arguments of `timm.create_model` that the tensors need.")
    side: int = Field(ge=1, description="Side in pixels of the photos that the weights were trained on.")
    mean: tuple[UnitValue, UnitValue, UnitValue] = Field(description="Mean of R, G, B on the 0-1 scale.")
    std: tuple[Positive, Positive, Positive] = Field(description="Standard deviation of R, G, B on the 0-1 scale.")
    sha256: str = Field(description="SHA-256 of the file that was converted.")
    licence: str = Field(description="Licence of the weights, as their publisher states it.")
    citation: str = Field(description="Paper to cite.")
    page: str = Field(description="Where the file is had.")
    made_by: str = Field(description="Version of eyeground that converted it.")


@dataclass(frozen=True)
class Checkpoint:
    """The weights in a file, and the names of its other entries."""

    tensors: dict[str, Tensor]
    beside: tuple[str, ...] = ()


def read_checkpoint(path: Path, containers: tuple[str, ...]) -> Checkpoint:
    """Read the weights of a `.safetensors`, `.pth`, `.pt` or `.bin` file.

    Args:
        containers: Entries under which the weights may lie; all of a file of tensors alone is taken.

    Raises:
        UserError: If the file is missing, damaged, holds anything that needs code to be read, or no weights where
            expected.
    """
    if path.suffix == ".safetensors":
        return Checkpoint(read_tensors(path))
    content = _unpickle_plain_data(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds a {type(content).__name__}, not a dictionary of tensors")
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return Checkpoint({str(name): tensor.detach() for name, tensor in content.items()})
    place = next((name for name in containers if isinstance(content.get(name), dict)), None)
    if place is None:
        raise UserError(
            f"{path}: no weights under {' or '.join(repr(name) for name in containers)}; "
            f"the file holds {', '.join(repr(name) for name in list(content)[:8]) or 'nothing'}"
        )
    for name, value in content[place].items():
        if not isinstance(value, Tensor):
            raise UserError(f"{path}: '{name}' in '{place}' is a {type(value).__name__}, not a tensor")
    tensors = {str(name): tensor.detach() for name, tensor in content[place].items()}
    return Checkpoint(tensors, tuple(str(name) for name in content if name != place))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        UserError: If the file is missing or not a safetensors file.
    """
    with _reading(path):
        return load_file(path)


def read_origin(path: Path) -> Origin | None:
    """Where a converted file comes from; None for a safetensors file that eyeground did not convert.

    Raises:
        UserError: If the record is invalid, or the file is not a safetensors file.
    """
    with _reading(path), safe_open(path, framework="pt") as weights:
        record = (weights.metadata() or {}).get(METADATA)
    if record is None:
        return None
    try:
        return Origin.model_validate_json(record)
    except ValidationError as error:
        raise UserError(
            f"{path}: its record of origin is invalid ({error.errors()[0]['msg']}); convert the original file again, "
            "or update eyeground"
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such weights file") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file: {error}") from error


def write_converted(path: Path, tensors: dict[str, Tensor], origin: Origin) -> None:
    """Write tensors with their origin, completely or not at all."""
    # Copied, since tensors that share memory cannot be written.
    separate = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as partial:
        save_file(separate, partial, {"format": "pt", METADATA: origin.model_dump_json()})


def _unpickle_plain_data(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint file")
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            # Files older than torch 1.6 are no zip archives, and cannot be mapped.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError) as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if not named:
            raise UserError(
                f"{path}: not a readable torch checkpoint, or a damaged one ({type(error).__name__})"
            ) from error
        raise UserError(
            f"{path}: holds an object of type {named[1]}; reading it could run code in the file, which eyeground never "
            "does. If you trust the file, save its weights alone where it was made: torch.save(model.state_dict(), FILE)"
        ) from error
