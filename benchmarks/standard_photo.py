"""From file to standard photo, against a full decode with Pillow, and against libjpeg's scaled decode alone.

The first peer is given the crop, which ours finds as well; the second is the least that any method can take.
"""

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from eyeground.config.training_recipe import Preprocessing
from eyeground.datasets.synthetic import render
from eyeground.imaging.standard import OVERSAMPLING, standard_photo

WIDTH, HEIGHT = 4288, 2848
COUNT, ROUNDS = 4, 7
PREPROCESSING = Preprocessing(side=224)


def measure() -> list[tuple[str, str, str, float]]:
    """Rows: what, ours, peer, ratio."""
    cv2.setNumThreads(1)  # as readers have it
    with tempfile.TemporaryDirectory() as name:
        paths = []
        for seed in range(COUNT):
            path = Path(name) / f"{seed}.jpg"
            Image.fromarray(render("diabetic_retinopathy", height=HEIGHT, width=WIDTH, seed=seed).pixels).save(
                path, quality=92
            )
            paths.append(path)
        boxes = {path: _box(path) for path in paths}
        works = (
            lambda path: standard_photo(path, PREPROCESSING),
            lambda path: _obvious_way(path, boxes[path]),
            _scaled_decode,
        )
        # In turn, and of each photo the least, since the machine may be shared.
        rounds = [[[_seconds(work, path) for path in paths] for work in works] for _ in range(ROUNDS)]
    ours, peer, least = np.min(rounds, axis=0).sum(axis=1).tolist()
    photos = COUNT
    what = f"file to standard photo, {WIDTH} x {HEIGHT} JPEG to {PREPROCESSING.side} px, one process"
    return [
        (what, f"{photos / ours:.1f} photos/s", f"{photos / peer:.1f} photos/s, full decode with Pillow", peer / ours),
        (
            what,
            f"{photos / ours:.1f} photos/s",
            f"{photos / least:.1f} photos/s, libjpeg's scaled decode",
            least / ours,
        ),
    ]


def _box(path: Path) -> tuple[int, int, int, int]:
    geometry = standard_photo(path, PREPROCESSING).geometry
    return geometry.left, geometry.top, geometry.left + geometry.side, geometry.top + geometry.side


def _obvious_way(path: Path, box: tuple[int, int, int, int]) -> None:
    with Image.open(path) as photo:
        photo.convert("RGB").crop(box).resize((PREPROCESSING.side, PREPROCESSING.side), Image.Resampling.BOX)


def _scaled_decode(path: Path) -> None:
    with Image.open(path) as photo:
        sufficient = math.ceil(OVERSAMPLING * PREPROCESSING.side)
        photo.draft(None, (sufficient, sufficient))
        np.asarray(photo)


def _seconds(work: Callable[[Path], object], path: Path) -> float:
    started = time.perf_counter()
    work(path)
    return time.perf_counter() - started
