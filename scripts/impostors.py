"""Pictures that are no colour fundus photographs, such as end up in a folder of them by mistake.

Rough drawings of what other devices and cameras make, and fundus photographs that were tampered with. Screening should call
each ungradable or unfamiliar, and never judge it.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.datasets.synthetic.presets import DISEASES
from eyeground.datasets.synthetic.rendering import render
from eyeground.errors import unknown

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Draw = Callable[[np.random.Generator, int], npt.NDArray[Any]]


IMPOSTORS: dict[str, Draw] = {}


def impostor(kind: str, side: int = 384, seed: int = 0) -> Pixels:
    """Draw a picture that is no fundus photograph.

    Args:
        kind: One of `IMPOSTORS`.
        side: Height and width in pixels.
        seed: The same seed draws the same picture.

    Returns:
        `(side, side, 3)` uint8 RGB.

    Raises:
        UserError: If there is no such kind.
    """
    if kind not in IMPOSTORS:
        raise unknown("impostor", kind, IMPOSTORS)
    drawn = IMPOSTORS[kind](np.random.default_rng([seed, len(kind)]), side)
    return np.asarray(np.clip(np.rint(drawn), 0, 255), np.uint8)


def _impostor(draw: Draw) -> Draw:
    IMPOSTORS[draw.__name__] = draw
    return draw


@_impostor
def tomograph_section(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A section of an optical coherence tomograph: bright layers with a foveal pit, speckled, on black; grey."""
    x = np.linspace(-1, 1, side, dtype=np.float32)
    depth = np.arange(side, dtype=np.float32)[:, None] / side
    pit = 0.09 * np.exp(-((x - random.uniform(-0.2, 0.2)) ** 2) / 0.03)
    top = 0.38 + random.uniform(-0.05, 0.05) + 0.06 * random.uniform(-1, 1) * x + 0.05 * x**2
    section = np.zeros((side, side), np.float32)
    edges = (0.0, 0.03, 0.08, 0.11, 0.15, 0.21, 0.225, 0.25, 0.42)
    brightness = (0.8, 0.45, 0.6, 0.25, 0.4, 0.15, 0.85, 0.95)
    for inner, outer, level in zip(edges, edges[1:], brightness, strict=False):
        upper = top + inner + pit * max(0.0, 1 - inner / 0.22)
        lower = top + outer + pit * max(0.0, 1 - outer / 0.22)
        fade = np.exp(-(depth - upper) * (6 if outer == edges[-1] else 0))
        section = np.where((depth >= upper) & (depth < lower), level * fade, section)
    speckle = random.gamma(2.0, 0.5, (side, side)).astype(np.float32)
    return _grey((section + 0.04) * speckle * 200)


@_impostor
def anterior_segment(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A photograph of the outer eye: lids of skin, white sclera, a textured iris, a black pupil, the flash's reflex."""
    y, x = _grid(side)
    skin = np.array([205, 150, 125], np.float32) * random.uniform(0.6, 1.1)
    picture = np.broadcast_to(skin, (side, side, 3)) * (1 + 0.06 * _blotches(random, side, 12))[..., None]
    opening = np.abs(y) < (0.75 + 0.1 * random.uniform(-1, 1)) * np.sqrt(np.maximum(0, 1 - (x / 1.05) ** 2))
    picture = np.where(opening[..., None], np.array([235, 225, 220], np.float32), picture)
    radius = np.hypot(x - random.uniform(-0.1, 0.1), y)
    iris_colour = np.array(((90, 60, 35), (95, 130, 150), (110, 120, 70))[int(random.integers(3))], np.float32)
    rays = 1 + 0.25 * np.sin(np.arctan2(y, x) * int(random.integers(40, 70)) + 3 * _blotches(random, side, 20))
    picture = np.where((opening & (radius < 0.55))[..., None], iris_colour * rays[..., None], picture)
    picture = np.where((opening & (radius < random.uniform(0.15, 0.3)))[..., None], np.float32(8), picture)
    reflex = np.hypot(x - 0.12, y + 0.15) < 0.05
    return _blurred(np.where(reflex[..., None], np.float32(255), picture), side / 300)


@_impostor
def ultrasound(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A B-scan of the globe: a fan of grey speckle, a dark vitreous, a bright rear wall."""
    y, x = _grid(side)
    angle, reach = np.arctan2(y, x + 1.1), np.hypot(x + 1.1, y)
    globe = np.hypot(x + 0.1, y) / 0.7
    level = np.where(globe < 0.93, 0.05, np.where(globe < 1.05, 0.9, 0.45 * np.exp(-(reach - 1.4))))
    fan = (np.abs(angle) < 0.55) & (reach < 2.0)
    return _grey(level * fan * random.gamma(1.5, 0.6, (side, side)) * 230)


@_impostor
def form(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A page of dark lines of text on white paper."""
    page = np.full((side, side, 3), 245, np.uint8)
    for line in range(side // 14, side - side // 14, max(8, side // 22)):
        start = side // 12
        while start < side * 0.9:
            width = int(random.integers(max(2, side // 60), max(3, side // 12)))
            cv2.rectangle(page, (start, line), (start + width, line + max(1, side // 70)), (45, 45, 50), -1)
            start += width + max(2, side // 60)
    return page.astype(np.float32)


@_impostor
def landscape(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A blue sky with clouds over green and brown ground."""
    y, _ = _grid(side)
    horizon = random.uniform(-0.2, 0.3) + 0.1 * _blotches(random, side, 5)[0]
    sky = np.array([110, 160, 230], np.float32) + 60 * np.clip(_blotches(random, side, 6), 0, 1)[..., None]
    earth = np.array([70, 110, 45], np.float32) * (1 + 0.3 * _blotches(random, side, 40))[..., None]
    return np.where((y < horizon)[..., None], sky, earth).astype(np.float32)


@_impostor
def facade(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A wall with rows of windows, seen straight on."""
    wall = np.array([180, 120, 90], np.float32) * random.uniform(0.7, 1.2)
    picture = np.broadcast_to(wall, (side, side, 3)) * (1 + 0.08 * _blotches(random, side, 60))[..., None]
    step = side // int(random.integers(4, 8))
    for top in range(step // 4, side - step // 2, step):
        for left in range(step // 4, side - step // 2, step):
            picture[top : top + step // 2, left : left + step // 3] = random.uniform(20, 90)
    return np.asarray(picture)


@_impostor
def blank(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """One colour all over, with a little noise."""
    return random.uniform(0, 255, 3) + random.normal(0, 1.5, (side, side, 3))


@_impostor
def noise(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """Independent noise in every pixel."""
    return random.uniform(0, 255, (side, side, 3)).astype(np.float32)


@_impostor
def inverted(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A fundus photograph as a negative; its border stays black."""
    return np.where(_fundus(random, side).max(axis=2, keepdims=True) > 12, 255.0 - _fundus(random, side), 0.0)


@_impostor
def mosaic(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """Four small fundus photographs, mirrored, on one sheet."""
    small = cv2.resize(_fundus(random, side), (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    row = np.concatenate([small, small[:, ::-1]], axis=1)
    sheet = np.concatenate([row, row[::-1]])
    return np.asarray(cv2.resize(sheet.astype(np.float32), (side, side)), np.float32)


@_impostor
def magnified(random: np.random.Generator, side: int) -> npt.NDArray[Any]:
    """A twentieth of a fundus photograph, enlarged until nothing can be made out."""
    piece = max(4, side // 20)
    left, top = random.integers(side // 3, side // 2, 2)
    crop = _fundus(random, side)[top : top + piece, left : left + piece]
    return np.asarray(cv2.resize(crop.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _fundus(random: np.random.Generator, side: int) -> Pixels:
    disease = sorted(DISEASES)[int(random.integers(len(DISEASES)))]
    return render(disease, height=side, width=side, seed=int(random.integers(2**31))).pixels


def _grid(side: int) -> tuple[Floats, Floats]:
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    return axis[:, None], axis[None, :]


def _grey(plane: npt.NDArray[Any]) -> Floats:
    return np.repeat(np.asarray(plane, np.float32)[..., None], 3, axis=2)


def _blotches(random: np.random.Generator, side: int, count: int) -> Floats:
    """Smooth noise `(side, side)` of about unit deviation, `count` blotches across."""
    grid = random.standard_normal((count + 3, count + 3)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _blurred(picture: npt.NDArray[Any], deviation: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(np.asarray(picture, np.float32), (0, 0), deviation), np.float32)
