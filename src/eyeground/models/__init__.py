"""The network: a timm backbone, a head whose logit is the mean of an evidence map, its starts and its export."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyeground.models.classifier import Classifier

__all__ = ["load"]


def load(name_or_path: str | Path) -> "Classifier":
    """Open a bundle as a torch module, to train on or to look inside.

    For screening, `eyeground.load` opens the same bundle without torch.

    Raises:
        UserError: If the bundle is missing, damaged or incomplete.
    """
    from eyeground.models.initialise import from_bundle

    return from_bundle(name_or_path)
