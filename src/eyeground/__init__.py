"""Supervised fundus foundation models: rebuild, adapt, validate, explain, release and run.

>>> import eyeground
>>> eyeground.__version__.count(".")
2
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyeground.screening.runtime import Screener

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def load(name_or_path: str | Path) -> "Screener":
    """Open a bundle for screening, by name or path, without torch.

    Returns
    -------
    Screener
        Call it with a photo (a path, or uint8 RGB pixels of shape (h, w, 3)) for a finding, or with a sequence of
        photos for a list of findings.

    Raises
    ------
    UserError
        If the bundle is missing, damaged or incomplete.

    Examples
    --------
    ```python
    model = eyeground.load("runs/odir/bundle")
    finding = model("photo.jpg")
    finding.status, finding.probabilities, finding.overlay()
    ```
    """
    from eyeground.screening.runtime import load as open_for_screening

    return open_for_screening(name_or_path)
