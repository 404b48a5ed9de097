"""Evidence in colour over the red-free view of a photograph (green channel in grey, as ophthalmologists use it to see vessels).

On grey, every colour is evidence: warm (amber to yellow) for an output, cool (blue) against it, which every common colour blindness
keeps apart. Opacity grows with the evidence; contours are at half of the scale, which is fitted to each photograph.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.imaging.standard import Geometry

SMALLEST_SCALE = 2.0
"""Logits. Evidence of 2 everywhere in a photograph moves a probability of 0.5 to 0.88; no scale is smaller, so that a photograph
without evidence does not look as if it had some."""

FOR_COLOURS = ((224, 92, 0), (255, 158, 10), (255, 238, 100))
AGAINST_COLOURS = ((30, 96, 190), (50, 140, 240), (150, 205, 255))
MOST_OPAQUE = 0.72
CONTOUR_AT = 0.5
ROUND_NUMBERS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
BRIGHTEST_GREY, MOST_GAIN = 200.0, 3.0

_HALF = 127  # entries of the tables on either side of none: 255 in all, as 8-bit look-up allows
_STRENGTHS = np.append(np.linspace(-1, 1, 2 * _HALF + 1), 1.0)
_STEPS = np.array([*reversed(AGAINST_COLOURS), (128, 128, 128), *FOR_COLOURS])
_COLOURS = np.stack(
    [np.interp(_STRENGTHS, np.linspace(-1, 1, len(_STEPS)), _STEPS[:, channel]) for channel in range(3)], axis=1
).astype(np.float32)[None]
_GREYS = np.arange(256, dtype=np.float32)
_OPACITIES = (MOST_OPAQUE * np.abs(_STRENGTHS) ** 0.8).astype(np.float32)[None]
# Every evidence (row) over every grey (column), mixed in advance: RGB and a byte of padding as one 32-bit word, so that
# a pixel takes one look-up.
_MIXED = (
    np.pad(
        np.rint(_GREYS[None, :, None] + (_COLOURS[0][:, None] - _GREYS[None, :, None]) * _OPACITIES[0][:, None, None]),
        ((0, 0), (0, 0), (0, 1)),
    )
    .astype(np.uint8)
    .view(np.uint32)
    .ravel()
)


def scale_of(evidence: NDArray[np.float32], field_of_view: NDArray[np.bool_]) -> float:
    """The evidence (logits) at the ends of the colour scale: the strongest in the field of view, rounded up.

    Args:
        evidence: float32 (rows, columns), in logits.
        field_of_view: Boolean, over the same square; cells of the map that lie entirely outside it do not count.

    >>> scale_of(np.array([[-2.6, 0.4]], dtype=np.float32), np.array([[True, True]]))
    3.0
    >>> scale_of(np.array([[-2.6, 0.4]], dtype=np.float32), np.array([[False, True]]))
    2.0
    """
    rows, columns = evidence.shape
    seen = cv2.resize(field_of_view.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA) > 0
    strongest = float(np.abs(evidence[seen]).max(initial=0.0))
    if strongest <= SMALLEST_SCALE:
        return SMALLEST_SCALE
    power = 10.0 ** math.floor(math.log10(strongest))
    return next(step * power for step in ROUND_NUMBERS if strongest <= step * power * (1 + 1e-6))


def colour_of(strength: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour and opacity of evidence.

    Args:
        strength: Evidence divided by the scale, any shape; clipped to -1 (against) to 1 (for).

    Returns:
        colours: float32 RGB in 0-255, shape of `strength` + (3,).
        opacity: float32 in 0-1, shape of `strength`; 0 where there is no evidence.
    """
    entry = np.rint((np.clip(strength, -1.0, 1.0) + 1.0) * _HALF).astype(np.uint8)
    flat = entry.reshape(1, -1)
    colours = cv2.LUT(cv2.merge([flat, flat, flat]), _COLOURS).reshape(*entry.shape, 3)
    return colours, cv2.LUT(flat, _OPACITIES).reshape(entry.shape)


def draw_evidence(
    pixels: NDArray[np.uint8],
    evidence: NDArray[np.float32],
    scale: float,
    field_of_view: NDArray[np.bool_],
    geometry: Geometry | None = None,
) -> NDArray[np.uint8]:
    """Draw an evidence map over a photograph.

    Args:
        pixels: uint8 RGB (h, w, 3).
        evidence: float32 (rows, columns), in logits, over the standard photo.
        scale: Evidence at the ends of the colour scale, in logits; see `scale_of`.
        field_of_view: Boolean, square, over the standard photo; nothing is coloured outside it.
        geometry: Given when `pixels` is the original photograph; without it, `pixels` is the standard photo's square,
            at any side.

    Returns:
        uint8 RGB of the shape of `pixels`.
    """
    if geometry is None:
        side = pixels.shape[0]
        strength = _smoothly(evidence / scale, side)
        inside = _smoothly(field_of_view.astype(np.float32), side)
    else:
        strength = geometry.to_original(_smoothly(evidence / scale, geometry.standard_side))
        inside = geometry.to_original(field_of_view.astype(np.float32))
    return _blend(pixels, strength.astype(np.float32), np.clip(inside, 0, 1).astype(np.float32))


def evidence_layer(
    evidence: NDArray[np.float32], scale: float, field_of_view: NDArray[np.bool_], side: int
) -> NDArray[np.uint8]:
    """The evidence alone, to be laid over the photograph at any opacity.

    Args:
        evidence: float32 (rows, columns), in logits, over the standard photo.
        scale: Evidence at the ends of the colour scale, in logits; see `scale_of`.
        field_of_view: Boolean, square, over the standard photo; nothing is coloured outside it.
        side: Of the layer, in pixels.

    Returns:
        uint8 RGBA (side, side, 4), not premultiplied.
    """
    inside = np.clip(_smoothly(field_of_view.astype(np.float32), side), 0, 1)
    colours, opacity = colour_of(_smoothly(evidence / scale, side))
    return np.rint(np.dstack([colours, 255 * opacity * inside])).astype(np.uint8)


def _smoothly(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Resize to (side, side), bicubic between cell centres, so that a map's cells do not show."""
    enlarged: NDArray[np.float32] = cv2.resize(values.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return enlarged


def _blend(pixels: NDArray[np.uint8], strength: NDArray[np.float32], inside: NDArray[np.float32]) -> NDArray[np.uint8]:
    strength = strength * inside
    level = cv2.convertScaleAbs(np.clip(strength, -1, 1), alpha=_HALF, beta=_HALF)
    mixed = _MIXED.take(level.astype(np.uint16) * 256 + _red_free(pixels, inside > 0.5))
    blended: NDArray[np.uint8] = cv2.cvtColor(mixed.view(np.uint8).reshape(*mixed.shape, 4), cv2.COLOR_RGBA2RGB)
    _draw_contours(blended, strength)
    return blended


def _red_free(pixels: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The green channel, brightened evenly (at most threefold) so that dark photographs can be seen."""
    green = pixels[..., 1]
    few = green[::4, ::4][inside[::4, ::4]]
    bright = float(np.percentile(few, 99)) if few.size else BRIGHTEST_GREY
    gain = min(MOST_GAIN, max(1.0, BRIGHTEST_GREY / max(bright, 1.0)))
    brightened: NDArray[np.uint8] = cv2.convertScaleAbs(green, alpha=gain)
    return brightened


def _draw_contours(picture: NDArray[np.uint8], strength: NDArray[np.float32]) -> None:
    thickness = max(1, round(min(picture.shape[:2]) / 400))
    for sign, colour in ((1.0, (255, 250, 220)), (-1.0, (225, 240, 255))):
        region = (sign * strength >= CONTOUR_AT).astype(np.uint8)
        lines, _ = cv2.findContours(region, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, lines, -1, colour, thickness, cv2.LINE_AA)
