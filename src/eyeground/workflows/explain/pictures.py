"""A photo and its maps in a row, each with its colour scale, and rows stacked to a contact sheet.

Evidence is coloured in logits, on a scale fitted to each map as in screening; other maps in 0-1. So places can be
compared between methods, colours cannot.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from eyeground.explanation.maps import SIGNED
from eyeground.imaging.standard import StandardPhoto
from eyeground.screening.overlay import colour_of, draw_evidence, scale_of

PHOTOS_PER_SHEET = 8
PANEL_SIDE = 320
SHEET_PANEL_SIDE = 200
CAPTION_HEIGHT = 44
PAPER, INK, QUIET = (250, 250, 248), (40, 40, 44), (110, 110, 116)
BAR_WIDTH, BAR_HEIGHT, MID_GREY = 96, 10, 120


@dataclass(frozen=True)
class Panel:
    """One map of a row.

    Attributes:
        model, method: As the caption names them; `model` may be empty.
        values: float32 (side, side): logits for methods in `maps.SIGNED`, else 0-1.
        field_of_view: Boolean (side, side).
    """

    model: str
    method: str
    values: NDArray[np.float32]
    field_of_view: NDArray[np.bool_]


def draw_row(standard: StandardPhoto, panels: Sequence[Panel]) -> NDArray[np.uint8]:
    """The photo and its maps from left to right, uint8 RGB (PANEL_SIDE + CAPTION_HEIGHT, PANEL_SIDE * (1 + panels), 3)."""
    square = _square(standard.pixels)
    parts = [np.concatenate([_caption("photo", "", None), square])]
    for panel in panels:
        scale = scale_of(panel.values, panel.field_of_view) if panel.method in SIGNED else 1.0
        inside = cv2.resize(panel.field_of_view.astype(np.uint8), (PANEL_SIDE, PANEL_SIDE)) > 0
        over = draw_evidence(square, panel.values, scale, inside)
        parts.append(np.concatenate([_caption(panel.method, panel.model, scale), over]))
    return np.concatenate(parts, axis=1)


def stack_rows(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Rows of one width as a contact sheet, smaller; uint8 RGB."""
    stacked = np.concatenate(rows)
    factor = SHEET_PANEL_SIDE / PANEL_SIDE
    size = round(stacked.shape[1] * factor), round(stacked.shape[0] * factor)
    return np.asarray(cv2.resize(stacked, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    smooth = cv2.INTER_AREA if len(pixels) > PANEL_SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (PANEL_SIDE, PANEL_SIDE), interpolation=smooth), dtype=np.uint8)


def _caption(method: str, model: str, scale: float | None) -> NDArray[np.uint8]:
    """Names at the left; the colour scale with its ends at the right."""
    image = Image.new("RGB", (PANEL_SIDE, CAPTION_HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((8, 4), method, fill=INK, font=ImageFont.load_default(16))
    draw.text((8, 25), model, fill=QUIET, font=ImageFont.load_default(12))
    if scale is not None:
        lowest, low, high = (-1.0, f"-{scale:g}", f"+{scale:g}") if method in SIGNED else (0.0, "0", "1")
        left = PANEL_SIDE - BAR_WIDTH - 12
        image.paste(Image.fromarray(_bar(lowest)), (left, 8))
        draw.text((left, 20), low, fill=INK, font=ImageFont.load_default(12))
        width = draw.textlength(high, font=ImageFont.load_default(12))
        draw.text((left + BAR_WIDTH - width, 20), high, fill=INK, font=ImageFont.load_default(12))
        if method in SIGNED:
            draw.text((left, 31), "logits", fill=QUIET, font=ImageFont.load_default(11))
    return np.asarray(image)


def _bar(lowest: float) -> NDArray[np.uint8]:
    colours, opacity = colour_of(np.linspace(lowest, 1, BAR_WIDTH, dtype=np.float32))
    row = MID_GREY * (1 - opacity[:, None]) + colours * opacity[:, None]
    return np.repeat(row[None].astype(np.uint8), BAR_HEIGHT, axis=0)
