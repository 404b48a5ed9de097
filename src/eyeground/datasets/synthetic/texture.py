"""Random fields: smooth noise of a chosen grain, and the ridged radial noise that resembles choroidal vessels.

Noise is a small random grid enlarged with cubic interpolation: as good to the eye as Perlin noise, and fast.
"""

import cv2
import numpy as np

from eyeground.datasets.synthetic.frame import Floats, Frame


def noise(rng: np.random.Generator, frame: Frame, grain: float) -> Floats:
    """Smooth noise (h, w) of mean 0 and standard deviation about 1 whose blobs are `grain` degrees wide."""
    cell = grain * frame.pixels_per_degree
    # The grid is laid in degrees, not pixels, so that an eye has the same pattern at any size.
    half_x = frame.width / 2 / frame.pixels_per_degree
    half_y = frame.height / 2 / frame.pixels_per_degree
    columns = max(4, int(np.ceil(2 * half_x / grain)) + 3)
    rows = max(4, int(np.ceil(2 * half_y / grain)) + 3)
    if cell <= 1:
        return rng.standard_normal((frame.height, frame.width), dtype=np.float32) * np.float32(cell)
    grid = rng.standard_normal((rows, columns), dtype=np.float32) * 1.35
    matrix = np.array([[1 / cell, 0, 1], [0, 1 / cell, 1]], np.float32)
    return np.asarray(
        cv2.warpAffine(
            grid,
            matrix,
            (frame.width, frame.height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.float32,
    )


def choroid(rng: np.random.Generator, frame: Frame, spacing: float) -> Floats:
    """A net of choroidal vessels (h, w): about 1 on a vessel, about -1 between them.

    Args:
        spacing: Distance between neighbouring vessels in degrees, at ten degrees from the disc.
    """
    x, y = frame.degrees()
    x = x - 11.0 + 0.45 * noise(rng, frame, 3.5)
    y = y + 0.45 * noise(rng, frame, 3.5)
    outward = np.log(np.sqrt(x * x + y * y) + np.float32(4.0))
    angle = np.arctan2(y, x)
    around = max(8, round(2 * np.pi * 12.0 / spacing))
    net = np.zeros((frame.height, frame.width), np.float32)
    for share, stretch in ((1.0, 5.0), (0.8, 8.0)):
        grid = rng.standard_normal((64, around), dtype=np.float32)
        column = angle * np.float32(around / (2 * np.pi))
        row = outward * np.float32(around / (2 * np.pi) / stretch * 1.6)
        field = cv2.remap(grid, column, row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
        net = np.maximum(net, share * np.exp(-((field / 0.5) ** 2)))
    return 2 * net - 1
