"""Networks: a timm backbone with a head whose logit is the mean of an evidence map, its initialisation and its export."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyeground.models.classifier import Classifier

__all__ = ["load"]


def load(name_or_path: str | Path) -> "Classifier":
    """Open a bundle as a torch module, for training and analysis; for screening, `eyeground.load` needs no torch.

    Raises:
        UserError: If the bundle is missing, damaged or incomplete.
    """
    from eyeground.models.initialise import from_bundle

    return from_bundle(name_or_path)
