"""Pictures of a segmentation: every structure over the photograph, and a figure for each biomarker, to check it by eye."""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from eyeground.biomarkers.etdrs import DIAMETERS_MM
from eyeground.biomarkers.measurement import Biomarkers
from eyeground.biomarkers.outlines import Ellipse
from eyeground.biomarkers.zone_b import ZONE_B
from eyeground.imaging.standard import Geometry, StandardPhoto

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Arteries red and veins blue, as everywhere in the field; the rest distinct with the common kinds of colour blindness (after
# Okabe and Ito 2008).
COLOURS: dict[str, Colour] = {
    "vessel": (0, 158, 115),
    "artery": (240, 60, 50),
    "vein": (60, 110, 255),
    "optic_disc": (240, 228, 66),
    "optic_cup": (255, 255, 255),
    "fovea": (204, 121, 167),
}
OTHERS: tuple[Colour, ...] = ((230, 159, 0), (204, 121, 167), (86, 180, 233), (255, 255, 255))
OPACITY = 0.65
PAPER, INK, LEGEND_HEIGHT = (250, 250, 248), (40, 40, 44), 32
FIGURE_SIDE = 640
_FINE = 4  # binary digits of a pixel's fraction, as OpenCV draws


def draw_structures(
    standard: StandardPhoto, maps: Mapping[str, NDArray[np.float32]], limits: Mapping[str, float]
) -> Picture:
    """The standard photo and, beside it, each structure in a colour of its own, named; uint8 RGB (side + legend, 2 side, 3).

    Args:
        maps: Probabilities (n, n) over the standard photo.
        limits: Probability from which on a pixel belongs to each structure.
    """
    side = len(standard.pixels)
    overlay = standard.pixels.copy()
    for name, values in maps.items():
        mask = cv2.resize(values, (side, side)) >= limits[name]
        if mask.any():
            shade = np.full_like(overlay, colour_of(name))
            shade = cv2.addWeighted(overlay, 1 - OPACITY, shade, OPACITY, 0)
            cv2.copyTo(shade, mask.view(np.uint8), overlay)
    pair = np.concatenate([standard.pixels, overlay], axis=1)
    return np.concatenate([pair, _legend(tuple(maps), pair.shape[1])], axis=0)


def draw_on_photo(pixels: Picture, masks: Mapping[str, NDArray[np.bool_]]) -> Picture:
    """Outlines of structures on a photograph (height, width, 3) of the masks' size."""
    picture = pixels.copy()
    thick = max(1, round(max(pixels.shape) / 1500))
    for name, mask in masks.items():
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour_of(name), thick)
    return picture


def draw_biomarkers(standard: StandardPhoto, measured: Biomarkers) -> dict[str, Picture]:
    """A figure by name for each kind of biomarker that was measured: `optic_disc`, `zone_b` and `etdrs`."""
    figures = {}
    if measured.disc is not None:
        figures["optic_disc"] = _draw_disc(standard, measured)
    if any(measured.zone_b.values()):
        figures["zone_b"] = _draw_zone_b(standard, measured)
    if measured.fovea is not None and measured.scale is not None:
        figures["etdrs"] = _draw_etdrs(standard, measured)
    return figures


def colour_of(structure: str) -> Colour:
    """The colour of a structure; of one that is not known, always the same."""
    return COLOURS.get(structure) or OTHERS[sum(structure.encode()) % len(OTHERS)]


class _Canvas:
    """A part of the photograph, enlarged, to draw on in the photograph's coordinates."""

    def __init__(self, standard: StandardPhoto, x: float, y: float, reach: float) -> None:
        geometry: Geometry = standard.geometry
        step = geometry.side / geometry.standard_side
        self._left, self._top, self._scale = x - reach, y - reach, FIGURE_SIDE / (2 * reach)
        factor = self._scale * step
        shift_x, shift_y = (geometry.left - self._left) * self._scale, (geometry.top - self._top) * self._scale
        matrix = np.array([[factor, 0, shift_x], [0, factor, shift_y]], np.float64)
        enlarged = cv2.warpAffine(standard.pixels, matrix, (FIGURE_SIDE, FIGURE_SIDE), flags=cv2.INTER_LINEAR)
        self.pixels: Picture = np.asarray(enlarged, dtype=np.uint8)

    def _place(self, x: float, y: float) -> tuple[int, int]:
        factor = self._scale * (1 << _FINE)
        return round((x - self._left) * factor), round((y - self._top) * factor)

    def line(self, start: Sequence[float], end: Sequence[float], colour: Colour, thick: int = 1) -> None:
        cv2.line(self.pixels, self._place(*start), self._place(*end), colour, thick, cv2.LINE_AA, _FINE)

    def circle(self, x: float, y: float, radius: float, colour: Colour) -> None:
        size = round(radius * self._scale * (1 << _FINE))
        cv2.circle(self.pixels, self._place(x, y), size, colour, 1, cv2.LINE_AA, _FINE)

    def ellipse(self, ellipse: Ellipse, colour: Colour) -> None:
        angles = np.linspace(0, 2 * np.pi, 181)
        radius = ellipse.radius(angles)
        points = np.stack(
            [ellipse.centre_x + radius * np.cos(angles), ellipse.centre_y + radius * np.sin(angles)], axis=1
        )
        places = np.array([self._place(x, y) for x, y in points], np.int32)
        cv2.polylines(self.pixels, [places], True, colour, 2, cv2.LINE_AA, _FINE)

    def labelled(self, lines: Sequence[str]) -> Picture:
        """The canvas with lines of text below it."""
        image = Image.new("RGB", (FIGURE_SIDE, 10 + 20 * len(lines)), PAPER)
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
        for place, text in enumerate(lines):
            draw.text((12, 5 + 20 * place), text, fill=INK, font=font)
        return np.concatenate([self.pixels, np.asarray(image)], axis=0)


def _draw_disc(standard: StandardPhoto, measured: Biomarkers) -> Picture:
    """Ellipses of disc and cup, and the vertical diameters whose ratio is the cup-to-disc ratio."""
    disc, cup, vertical = measured.disc, measured.cup, measured.orientation.vertical
    assert disc is not None
    canvas = _Canvas(standard, disc.centre_x, disc.centre_y, 1.2 * disc.diameter)
    lines = [f"disc: diameter {disc.diameter:.0f} px"]
    for name, ellipse, aside in (("optic_disc", disc, 0.06), ("optic_cup", cup, -0.06)):
        if ellipse is None:
            continue
        canvas.ellipse(ellipse, COLOURS[name])
        half = ellipse.extent(vertical) / 2
        x, y = ellipse.centre_x + aside * disc.diameter * math.sin(vertical), ellipse.centre_y
        down = (half * math.cos(vertical), half * math.sin(vertical))
        canvas.line((x - down[0], y - down[1]), (x + down[0], y + down[1]), COLOURS[name], 2)
    ratio = measured.quantities.get("vertical_cup_to_disc_ratio")
    if ratio is not None:
        interval = "" if ratio.low is None else f" (95 % interval {ratio.low:.2f} to {ratio.high:.2f})"
        lines.append(f"vertical cup-to-disc ratio {ratio.value:.2f}{interval}")
    return canvas.labelled(lines)


def _draw_zone_b(standard: StandardPhoto, measured: Biomarkers) -> Picture:
    """Zone B, and the chosen vessels with their measured widths across them."""
    disc = measured.disc
    assert disc is not None
    canvas = _Canvas(standard, disc.centre_x, disc.centre_y, 1.8 * disc.diameter)
    canvas.ellipse(disc, COLOURS["optic_disc"])
    for distance in ZONE_B:
        canvas.circle(disc.centre_x, disc.centre_y, distance * disc.diameter, COLOURS["optic_cup"])
    lines = []
    for kind, vessels in measured.zone_b.items():
        for vessel in vessels:
            for (x, y), (along_x, along_y), width in zip(vessel.points, vessel.directions, vessel.widths, strict=True):
                across = (-along_y * width / 2, along_x * width / 2)
                canvas.line((x - across[0], y - across[1]), (x + across[0], y + across[1]), COLOURS[kind], 2)
        lines.append(f"{kind}: widths {', '.join(f'{vessel.width:.1f}' for vessel in vessels) or 'none'} px")
    values = [
        f"{name.upper()} {measured.quantities[name].value:.2f}"
        for name in ("crae", "crve", "avr")
        if name in measured.quantities
    ]
    return canvas.labelled([*lines, ", ".join(values) or "; ".join(measured.reasons)])


def _draw_etdrs(standard: StandardPhoto, measured: Biomarkers) -> Picture:
    """The ETDRS grid around the fovea, and the axis to the disc."""
    fovea, scale, disc = measured.fovea, measured.scale, measured.disc
    assert fovea is not None and scale is not None
    radii = [diameter / 2 / scale.mm_per_pixel for diameter in DIAMETERS_MM]
    canvas = _Canvas(standard, fovea.x, fovea.y, 1.6 * radii[-1])
    for radius in radii:
        canvas.circle(fovea.x, fovea.y, radius, COLOURS["optic_cup"])
    for place in range(4):
        angle = measured.orientation.vertical + math.pi / 4 + place * math.pi / 2
        inner, outer = (
            (fovea.x + radius * math.cos(angle), fovea.y + radius * math.sin(angle)) for radius in radii[::2]
        )
        canvas.line(inner, outer, COLOURS["optic_cup"])
    if disc is not None:
        canvas.line((fovea.x, fovea.y), (disc.centre_x, disc.centre_y), COLOURS["fovea"])
        canvas.ellipse(disc, COLOURS["optic_disc"])
    return canvas.labelled([f"rings of 1, 3 and 6 mm; {scale.source}", f"eye: {measured.eye or 'unknown'}"])


def _legend(names: Sequence[str], width: int) -> Picture:
    image = Image.new("RGB", (width, LEGEND_HEIGHT), PAPER)
    draw, font, left = ImageDraw.Draw(image), ImageFont.load_default(14), 12.0
    for structure in names:
        draw.rectangle((left, 9, left + 14, 23), fill=colour_of(structure), outline=INK)
        draw.text((left + 20, 7), structure.replace("_", " "), fill=INK, font=font)
        left += 44 + draw.textlength(structure, font=font)
    return np.asarray(image)
