"""An epoch read from packed shards against the same photos read as large JPEGs, and against the cache of standard photos.

Reading is decoding to the standard photos of batches. The start of a run is finding all standard photos. All rates are per second
of a core, which a shared machine changes little; files are in memory, so a disk's or network's share is not in them.
"""

import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import Manifest, read_manifest, validated
from eyeground.datasets.synthetic import render
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.prepared_photos import PreparedPhotos, prepare_photos
from eyeground.imaging.standard import standard_photo
from eyeground.scale.shards import standardise

WIDTH, HEIGHT = 4288, 2848  # a common fundus camera's
RENDERED, PHOTOS, ROUNDS = 4, 96, 3
SETTINGS = Preprocessing()
TARGETS = (Target(name="abnormal"),)


def measure() -> list[tuple[str, str, str, float]]:
    """Rows: what, ours, peer, ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = pd.DataFrame(
            {"photo": _photographs(folder), "patient": range(PHOTOS), "abnormal": np.arange(PHOTOS) % 2}
        )
        manifest = validated(table, "photos", folder)
        made = _rate(lambda: standardise(manifest, folder / "shards", SETTINGS, folder / "none", 2, 32))
        packed = read_manifest(folder / "shards")
        paths = manifest.photo_paths()

        def opened(photos: Manifest) -> PreparedPhotos:
            return prepare_photos(photos, TARGETS, SETTINGS, folder / "cache", 1)

        cached, shards = opened(manifest).standard, opened(packed).standard
        loose = _rate(lambda: [standard_photo(path, SETTINGS) for path in paths])
        of_cache, of_shards = 0.0, 0.0
        for _ in range(ROUNDS):  # in turn
            of_cache = max(of_cache, _rate(lambda: [read_prepared(photo) for photo in cached]))
            of_shards = max(of_shards, _rate(lambda: [read_prepared(photo) for photo in shards]))
        start_cached, start_packed = (_rate(lambda of=of: opened(of)) for of in (manifest, packed))
    large, read = f"JPEGs of {WIDTH} x {HEIGHT}", "an epoch read from packed shards, 224 px, per second of a core"
    return [
        (
            f"standardise, {large} to 224 px, per second of a core",
            f"{made:.1f} photos/s",
            f"{loose:.1f} photos/s, standard photos alone",
            made / loose,
        ),
        (read, f"{of_shards:.0f} photos/s", f"{loose:.1f} photos/s, loose {large}", of_shards / loose),
        (read, f"{of_shards:.0f} photos/s", f"{of_cache:.0f} photos/s, cached standard photos", of_shards / of_cache),
        (
            "start of a run: finding all standard photos, per second of a core",
            f"{start_packed:.0f} photos/s, packed shards",
            f"{start_cached:.0f} photos/s, full cache",
            start_packed / start_cached,
        ),
    ]


def _photographs(folder: Path) -> list[str]:
    """Large JPEGs on the disk, each a file of its own content."""
    rendered = [
        cv2.resize(render(seed=seed, width=768).pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        for seed in range(RENDERED)
    ]
    encoded = [
        cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes() for photo in rendered
    ]
    names = [f"{number:03d}.jpg" for number in range(PHOTOS)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(encoded[number % RENDERED] + str(number).encode())
    return names


def _rate(work: Callable[[], object]) -> float:
    """Photos per second of a core, those of processes that the work started included."""
    started = _core_seconds()
    work()
    return PHOTOS / (_core_seconds() - started)


def _core_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
