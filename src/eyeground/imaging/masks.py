"""Masks as publishers give them: one-bit or grey pictures in which a structure is bright.

Datasets write masks as GIF, PNG, TIFF or BMP, with 1, 255 or 128 for what is drawn, and IDRiD's are red on black. Read here
is only what a mask is: bright in any channel, half of its brightest value or more. A file is hostile until decoded within
limits, as a photograph is.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyeground.errors import UserError

FORMATS = ("PNG", "TIFF", "GIF", "BMP", "JPEG", "PPM")
MOST_PIXELS = 100_000_000


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask.

    Parameters
    ----------
    path : pathlib.Path
        A picture of one structure; any bit depth, grey, palette or colour.

    Returns
    -------
    numpy.ndarray
        Shape (height, width), bool: True where the structure is drawn.

    Raises
    ------
    UserError
        If the file is missing, no picture of a known kind, or too large.
    """
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UserError(f"{path}: {picture.width} x {picture.height} pixels are too many for a mask")
            values = np.asarray(picture.convert("RGB") if picture.mode in ("P", "RGBA", "LA", "PA") else picture)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such mask") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read as a mask ({type(error).__name__})") from error
    brightness = values.max(axis=2) if values.ndim == 3 else values
    drawn: NDArray[np.bool_] = brightness.astype(np.float32) >= max(float(brightness.max()), 1.0) / 2
    return drawn
