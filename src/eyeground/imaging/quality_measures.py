"""Measures of a standard photo's quality, without a network; `gradability` judges by them.

All are measured on a copy of 224 pixels, the side at which the model of gradability was fitted.
"""

from dataclasses import dataclass
from functools import cache, reduce
from math import log

import cv2
import numpy as np

from eyeground.imaging.decode import Pixels
from eyeground.imaging.standard import StandardPhoto
from eyeground.imaging.structure import Mask, Plane, brightest, lit_area, masked_quantile, structure, without_rim

MEASURED_SIDE = 224  # larger standard photos are reduced to this

_TEXTURE = 0.03  # bright lines stronger than this are lesions, not noise
_GLARING = 235
_SMALLEST_AREA = 0.02  # share of the square that has to be lit for structure to be measured
_COARSE_STEP = 4  # factor of the smaller copy on which wide structures are measured
_RADIUS = 10  # of the line filters, in pixels
_PADDED = 250  # a side with room for them around the photo, and quick to transform
_LEAST_TEXTURE = 0.003  # added before logarithms are taken


@dataclass(frozen=True)
class Measures:
    """Measures of a standard photo; where nothing is lit, those of a photo without brightness or structure.

    Attributes:
        illumination: Median brightness (of the brightest channel) within the field of view, 0 to 1; about 0.5 as a
            rule.
        glare: Share of the photo that is nearly white or yellow, 0 to 1.
        focus: Contrast of fine dark lines (vessels) beyond noise, as a share of the local brightness: about 0.03 for a sharp
            photo, 0 without visible vessels, slightly negative for mere texture.
        balance: Contrast of dark lines minus that of bright ones, in the same unit; vessels are dark.
        contrast: Range of the green channel, shading removed, as a share of the local brightness; about 0.3 as a rule.
        redness: Red's share of red, green and blue, 0 to 1; a third is grey.
        completeness: Share of the disc of the field of view that the photo shows, 0 to 1.
        lit: Share of the visible field of view that is lit, its rim left out, 0 to 1.
        evenness: Brightness of the darkest twentieth over that of the brightest, 0 to 1; 1 is evenly lit.
        fine_texture, coarse_texture: Natural logarithm of the green channel's variation within about 1.5 and 4 pixels of
            224, as a share of the local brightness; blur removes the fine one first.
        texture_slope: Natural logarithm of coarse over fine: high where blurred, low where noisy.
        brightest_patch: Contrast of the brightest patch as large as an optic disc, as a share of the brightness around it.
    """

    illumination: float = 0.0
    glare: float = 0.0
    focus: float = 0.0
    balance: float = 0.0
    contrast: float = 0.0
    redness: float = 0.0
    completeness: float = 0.0
    lit: float = 0.0
    evenness: float = 0.0
    fine_texture: float = log(_LEAST_TEXTURE)
    coarse_texture: float = log(_LEAST_TEXTURE)
    texture_slope: float = 0.0
    brightest_patch: float = 0.0


def measure(standard: StandardPhoto) -> Measures:
    """Measure a standard photo whose side is `MEASURED_SIDE` at least.

    Raises:
        ValueError: If it is smaller: it lacks the fine structure that the numbers are about, and would pass for out of
            focus.
    """
    if len(standard.pixels) < MEASURED_SIDE:
        raise ValueError(
            f"a standard photo of {len(standard.pixels)} px; quality is measured from {MEASURED_SIDE} px on"
        )
    pixels, disc = standard.pixels, standard.disc
    if len(pixels) > MEASURED_SIDE:
        disc = disc.moved(0, 0, MEASURED_SIDE / len(pixels))
        pixels = cv2.resize(pixels, (MEASURED_SIDE, MEASURED_SIDE), interpolation=cv2.INTER_AREA)
    visible = disc.mask(*pixels.shape[:2])
    if not visible.any():
        return Measures(completeness=disc.completeness)
    shown = visible.astype(np.uint8)
    illumination = masked_quantile(brightest(pixels), shown, 0.5) / 255
    glaring = (cv2.min(pixels[..., 0], pixels[..., 1]) > _GLARING) & visible
    glare = np.count_nonzero(glaring) / np.count_nonzero(visible)
    lit = lit_area(pixels, visible)
    inner = without_rim(lit, 9)
    if inner.mean() < _SMALLEST_AREA:
        return Measures(illumination, glare, completeness=disc.completeness)
    relative = structure(pixels, lit, fine=0.7, coarse=12)
    dark, bright = _lines(relative, inner)
    low, high = np.percentile(relative[inner], (2, 98))
    red, green, blue, _ = cv2.mean(pixels, inner.astype(np.uint8))
    fine = _variation(structure(pixels, lit, fine=0.5, coarse=1.5), inner)
    coarse = _variation(structure(pixels, lit, fine=1.5, coarse=4), inner)
    evenness, patch = _wide(pixels, lit, inner)
    return Measures(
        illumination=illumination,
        glare=glare,
        focus=dark - min(bright, _TEXTURE),
        balance=dark - bright,
        contrast=float(high - low),
        redness=red / max(red + green + blue, 1.0),
        completeness=disc.completeness,
        lit=float(np.count_nonzero(inner) / np.count_nonzero(visible)),
        evenness=evenness,
        fine_texture=log(fine + _LEAST_TEXTURE),
        coarse_texture=log(coarse + _LEAST_TEXTURE),
        texture_slope=log((coarse + _LEAST_TEXTURE) / (fine + _LEAST_TEXTURE)),
        brightest_patch=patch,
    )


def _variation(plane: Plane, where: Mask) -> float:
    return float(cv2.meanStdDev(plane, mask=where.astype(np.uint8))[1].item())


def _wide(pixels: Pixels, lit: Mask, inner: Mask) -> tuple[float, float]:
    """Evenness of the light, and contrast of the brightest patch."""
    side = len(pixels) // _COARSE_STEP
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    weight = cv2.resize(lit.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    where = cv2.resize(inner.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) > 0.5
    if not where.any():
        return 0.0, 0.0
    brightness = small.max(axis=2).astype(np.float32)
    blurred = cv2.GaussianBlur(brightness, (0, 0), 2.5) / np.maximum(cv2.GaussianBlur(weight, (0, 0), 2.5), 1e-3)
    dark, bright = np.percentile(blurred[where], (5, 95))
    patches = structure(small, weight > 0.5, fine=2, coarse=15)
    return float(dark / max(bright, 1.0)), float(np.percentile(patches[where], 99.5))


def _lines(relative: Plane, inner: Mask) -> tuple[float, float]:
    """Strength of dark and of bright lines: the response that 2 % of the photo exceed.

    By Fourier transforms, two directions at a time as real and imaginary part of one filter, in half the time.
    """
    height, width = relative.shape
    padded = np.zeros((_PADDED, _PADDED, 2), np.float32)
    padded[:height, :width, 0] = np.clip(relative, -0.3, 0.3)
    spectrum = cv2.dft(padded)
    planes: list[Plane] = []
    for pair in _spectra():
        response = cv2.dft(cv2.mulSpectrums(spectrum, pair, 0), flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)
        planes += cv2.split(response[:height, :width])
    darkest, brightest = reduce(cv2.min, planes), reduce(cv2.max, planes)
    return float(np.percentile(-darkest[inner], 98)), float(np.percentile(brightest[inner], 98))


def _line_kernels(directions: int = 8) -> list[Plane]:
    """Zero-mean filters for lines about 3 pixels wide and 10 long, one per direction."""
    y, x = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1]
    kernels = []
    for angle in np.arange(directions) * np.pi / directions:
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        profile = np.exp(-((across / 1.3) ** 2) / 2) / 1.3 - np.exp(-((across / 3.5) ** 2) / 2) / 3.5
        kernel = profile * np.exp(-((along / 5) ** 2) / 2)
        kernel -= kernel.mean()
        kernels.append((kernel / np.abs(kernel).sum()).astype(np.float32))
    return kernels


@cache
def _spectra() -> list[Plane]:
    """Transforms of pairs of filters, as real and imaginary part, each centred on the first pixel."""
    kernels, spectra = _line_kernels(), []
    for real, imaginary in zip(kernels[::2], kernels[1::2], strict=True):
        padded = np.zeros((_PADDED, _PADDED, 2), np.float32)
        size = 2 * _RADIUS + 1
        padded[:size, :size] = np.stack([real[::-1, ::-1], imaginary[::-1, ::-1]], axis=2)
        spectra.append(cv2.dft(np.ascontiguousarray(np.roll(padded, (-_RADIUS, -_RADIUS), (0, 1)))))
    return spectra
