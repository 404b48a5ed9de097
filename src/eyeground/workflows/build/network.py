"""A fitted network as the rest of a build sees it, whatever it was fitted with; no torch here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing


class Export(Protocol):
    """Writes a fitted network as a bundle, entirely or not at all."""

    def __call__(self, folder: Path, info: ModelInfo) -> Bundle: ...


@dataclass(frozen=True)
class Network:
    """What validating, describing and exporting need to know of a fitted network.

    Attributes:
        targets: With their classes known.
        parameters: Number of fitted weights.
    """

    architecture: Architecture
    preprocessing: Preprocessing
    targets: tuple[Target, ...]
    parameters: int
    export: Export
