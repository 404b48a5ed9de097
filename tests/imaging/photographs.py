"""Photographs drawn for tests: a lit disc with vessel-like lines and lesions on a dark border, and files to hold them."""

import numpy as np
import numpy.typing as npt


def draw_fundus(
    height: int = 300,
    width: int = 400,
    centre: tuple[float, float] = (200, 150),
    radius: float = 120,
    border: int = 4,
    seed: int = 0,
) -> npt.NDArray[np.uint8]:
    """`(height, width, 3)` uint8 RGB: a disc around `centre` (x, y), shaded, with dark lines and a bright spot."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    u, v = (x - centre[0]) / radius, (y - centre[1]) / radius
    light = 1.0 - 0.35 * (u**2 + v**2)
    for angle in random.uniform(0, 2 * np.pi, 9):
        along, across = u * np.cos(angle) + v * np.sin(angle), -u * np.sin(angle) + v * np.cos(angle)
        bend = random.uniform(-0.4, 0.4)
        light -= 0.35 * np.exp(-(((across - bend * along**2) / 0.02) ** 2)) * (along > 0)
    light += 0.4 * np.exp(-((u - 0.4) ** 2 + v**2) / 0.012)
    colour = np.clip(light, 0, 1.2)[..., None] * np.array([200, 105, 55])
    lit = (u**2 + v**2 <= 1)[..., None]
    noise = random.normal(0, 1, (height, width, 1))
    return np.clip(np.where(lit, colour, border) + noise, 0, 255).astype(np.uint8)
