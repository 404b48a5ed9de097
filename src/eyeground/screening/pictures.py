"""The picture of a finding: the photograph, its evidence map to the right, and the scale of the colours.

One JPEG per photograph holds all three and explains itself. The report cuts its thumbnail from it, so resuming needs no other file.
"""

import math
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from eyeground.core.files import replacing
from eyeground.screening.finding import Finding
from eyeground.screening.overlay import colour_of, draw_evidence
from eyeground.screening.suspicion import describe_disease
from eyeground.screening.words import describe_strength, headline

PICTURE_SIDE = 512
LEGEND_HEIGHT = 64
JPEG_QUALITY = 90
# WebP takes 0.4 of the bytes of JPEGs that look the same at this size, and a report holds thousands.
THUMBNAIL_QUALITY = 70
THUMBNAIL_EFFORT = 2  # of 6: half the time of the usual 4, for 7 % more bytes

_PAPER = (250, 250, 248)
_INK = (40, 40, 44)
_QUIET = (110, 110, 116)
_BAR_WIDTH, _BAR_HEIGHT = 220, 12


def draw_finding(finding: Finding, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw a finding.

    Args:
        finding: Of a photograph that could be read.
        picture: uint8 RGB (PICTURE_SIDE, PICTURE_SIDE, 3): the standard photo's square, larger.

    Returns:
        uint8 RGB: the photograph, and to its right the evidence with a legend below; the photograph alone if the bundle
        gives no evidence.
    """
    if finding.evidence is None or finding.standard is None:
        return picture
    evidence = finding.evidence_of()
    disc = finding.standard.disc.moved(0, 0, PICTURE_SIDE / finding.standard.geometry.standard_side)
    overlay = draw_evidence(picture, evidence, finding.scale(), disc.mask(PICTURE_SIDE, PICTURE_SIDE))
    sheet = np.empty((PICTURE_SIDE + LEGEND_HEIGHT, 2 * PICTURE_SIDE, 3), np.uint8)
    sheet[:PICTURE_SIDE, :PICTURE_SIDE], sheet[:PICTURE_SIDE, PICTURE_SIDE:] = picture, overlay
    sheet[PICTURE_SIDE:, :PICTURE_SIDE], sheet[PICTURE_SIDE:, PICTURE_SIDE:] = _legend(finding, finding.scale())
    return sheet


def save_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write a picture as JPEG, atomically."""
    with replacing(path) as partial:
        Image.fromarray(pixels).save(partial, "JPEG", quality=JPEG_QUALITY)


def thumbnail(path: Path, side: int) -> bytes | None:
    """Cut a small picture of the photograph and, where there is one, of its evidence out of a finding's picture.

    Returns:
        A WebP file of (side, 2 * side) pixels, or (side, side) without evidence; None if the picture is gone.
    """
    content = np.fromfile(path, np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_REDUCED_COLOR_2) if content.size else None
    if picture is None:
        return None
    half = PICTURE_SIDE // 2
    squares = picture[:half]
    small = cv2.resize(squares, (side * squares.shape[1] // half, side), interpolation=cv2.INTER_AREA)
    webp = BytesIO()
    image = Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
    image.save(webp, "WEBP", quality=THUMBNAIL_QUALITY, method=THUMBNAIL_EFFORT)
    return webp.getvalue()


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _legend(finding: Finding, scale: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The finding, for below the photograph, and the colour bar with what the evidence is for, for below the evidence."""
    image = Image.new("RGB", (PICTURE_SIDE, LEGEND_HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    output = finding.output or ""
    name = describe_disease(finding.rule.targets, output)
    probability, threshold = finding.probabilities[output], finding.rule.thresholds.get(output, math.nan)
    text = headline(finding.status, "; ".join(finding.suspected), finding.reason)
    _write(draw, (16, 12), text, 17, _INK, PICTURE_SIDE - 24)
    numbers = f"{name}: probability {probability:.3f}, threshold {threshold:.3f}"
    _write(draw, (16, 37), numbers, 14, _QUIET, PICTURE_SIDE - 24)
    return np.asarray(image), _scale_bar(name, describe_strength(scale))


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, ink: tuple[int, int, int], room: int
) -> None:
    """Write a line from its top left corner on, shortened to the room (pixels)."""
    left, top = float(place[0]), place[1]
    for word in _shortened(text, size, room).split(" "):
        mask, length = _word(word, size)
        draw.bitmap((round(left) - size, top), mask, fill=ink)
        left += length


def _shortened(text: str, size: int, room: int) -> str:
    """A text that fits into this many pixels, its end left out if necessary."""
    width = _length(text, size)
    if width <= room:
        return text
    short = text[: int(len(text) * room / width)]
    while _length(f"{short}\u2026", size) > room:
        short = short[:-1]
    return f"{short.rstrip()}\u2026"


def _length(text: str, size: int) -> float:
    lengths = [_word(word, size)[1] for word in text.split(" ")]
    return sum(lengths) - _word("", size)[1]  # no space behind the last


@lru_cache(maxsize=1024)
def _word(word: str, size: int) -> tuple[Image.Image, float]:
    """A word as a mask, with `size` pixels to its left for overhanging letters, and how far behind it the next one begins.

    Cached: most words come again, and rendering one is slow.
    """
    length = _font(size).getlength(f"{word} ")
    mask = Image.new("L", (math.ceil(length) + 2 * size, 2 * size))
    ImageDraw.Draw(mask).text((size, 0), word, fill=255, font=_font(size))
    return mask, length


@lru_cache(maxsize=64)
def _scale_bar(name: str, strength: str) -> NDArray[np.uint8]:
    """The right half of the legend, cached because few differ."""
    image = Image.new("RGB", (PICTURE_SIDE, LEGEND_HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    left = 16
    right = left + _BAR_WIDTH
    image.paste(Image.fromarray(_bar()), (left, 16))
    for share, text in ((0.0, "against"), (0.5, "neither"), (1.0, "for")):
        length = draw.textlength(text, font=_font(13))
        draw.text((left + share * _BAR_WIDTH - share * length, 34), text, fill=_INK, font=_font(13))
    room = PICTURE_SIDE - right - 30
    _write(draw, (right + 18, 13), f"evidence map: {name}", 13, _QUIET, room)
    _write(draw, (right + 18, 32), f"fullest colour: {strength}", 13, _QUIET, room)
    return np.asarray(image)


def _bar() -> NDArray[np.uint8]:
    """The colour bar as it looks over a mid-grey retina."""
    colours, opacity = colour_of(np.linspace(-1, 1, _BAR_WIDTH, dtype=np.float32))
    retina = np.float32(120)
    row = retina * (1 - opacity[:, None]) + colours * opacity[:, None]
    return np.repeat(row[None].astype(np.uint8), _BAR_HEIGHT, axis=0)
