"""What is particular to an eye (vessels, disc, lesions), with light and shading, which belong to the camera, taken away.

Gradability and the search for duplicates both use it.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.imaging.decode import Pixels

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Added to the surroundings' brightness (0-255), so that the noise of dark photos is not magnified.
_NOISE_FLOOR = 15.0


def reduced(pixels: Pixels, longest: int) -> Pixels:
    """The photo by area averaging with at most `longest` pixels on its longer side."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def brightest(pixels: Pixels) -> Pixels:
    """`(height, width)`: the brightest channel of each pixel, in a tenth of the time of NumPy's maximum."""
    red, green, blue = cv2.split(pixels)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def lit_area(pixels: Pixels, visible: Mask | None = None) -> Mask:
    """`(side, side)` bool: the lit area, without specks such as burnt-in text.

    In a squeezed photograph it is smaller than the disc.

    Args:
        pixels: `(side, side, 3)` uint8.
        visible: `(side, side)` bool, the field of view; without it, all pixels that are not black.
    """
    brightness = brightest(pixels)
    visible = brightness > 0 if visible is None else visible
    if not visible.any():
        return visible
    level = max(8.0, 0.12 * masked_quantile(brightness, visible.astype(np.uint8), 0.9))
    lit = (visible & (brightness > level)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0)


def masked_quantile(plane: Pixels, mask: Pixels | None, share: float) -> float:
    """A quantile of an 8-bit plane by its histogram, equal to `numpy.quantile`.

    Args:
        plane, mask: `(h, w)` uint8; pixels count where the mask, if given, is not 0, which at least one must be.
        share: 0 to 1.
    """
    upto = np.cumsum(cv2.calcHist([plane], [0], mask, [256], [0, 256]).ravel().astype(np.int64))
    place = share * float(upto[-1] - 1)
    low, high = (int(np.searchsorted(upto, position, side="right")) for position in (int(place), math.ceil(place)))
    return float(low + (high - low) * (place - int(place)))


def without_rim(lit: Mask, width: int) -> Mask:
    """The area without its outermost `width` pixels, where the border shines through."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    return np.asarray(cv2.erode(lit.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0)


def structure(pixels: Pixels, lit: Mask, fine: float, coarse: float) -> Plane:
    """The green channel, smoothed a little, relative to its surroundings; 0 outside `lit`.

    Args:
        pixels: `(side, side, 3)` uint8.
        lit: `(side, side)` bool; pixels outside do not count as surroundings.
        fine, coarse: Standard deviations, in pixels, of the Gaussians that smooth and that average the surroundings.

    Returns:
        `(side, side)` float32; -0.3 is 30 % darker than its surroundings.
    """
    weight = lit.astype(np.float32)
    green = pixels[..., 1].astype(np.float32) * weight
    shading = _average(green, weight, coarse)
    return np.asarray((_average(green, weight, fine) - shading) / (shading + _NOISE_FLOOR) * weight)


def _average(values: Plane, weight: Plane, sigma: float) -> Plane:
    within = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma) / within)
