"""The embeddings of photographs, computed once for given weights and photos and kept in the cache.

The next batch is read from the disk while the network, in ONNX Runtime or torch, works on this one.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeground.core.files import replacing
from eyeground.core.machine import usable_cores
from eyeground.core.progress import track
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.packed import StandardFile

BATCH_SIZE = 16

# Standard photos (n, side, side, 3), uint8 RGB, to embeddings (n, width), float32.
Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def embeddings(
    network: Callable[[], Embed], weights: str, standard: Sequence[StandardFile], cache: Path
) -> NDArray[np.float32]:
    """Embeddings (photos, width) of standard photos.

    Args:
        network: Opens the network; called only if the embeddings are not in the cache.
        weights: Identifies the network, its weights and its preprocessing, such as the hash of a bundle's graph.
        standard: From `prepared_photos.prepare_photos`, at least one.
        cache: Folder in which embeddings are kept.
    """
    key = hashlib.sha256("\n".join([weights, *(photo.name for photo in standard)]).encode())
    path = cache / "embeddings" / f"{key.hexdigest()}.npy"
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    embed = network()
    batches = [standard[start : start + BATCH_SIZE] for start in range(0, len(standard), BATCH_SIZE)]
    bar = iter(track(standard, "embedding"))
    parts = []
    for pixels in _read_ahead(batches):
        parts.append(embed(pixels))
        for _ in pixels:
            next(bar, None)
    next(bar, None)  # ends the bar
    embedded = np.concatenate(parts)
    with replacing(path) as partial, partial.open("wb") as stream:
        np.save(stream, embedded, allow_pickle=False)
    return embedded


def _read_ahead(batches: Sequence[Sequence[StandardFile]]) -> Iterator[NDArray[np.uint8]]:
    reading: deque[Iterator[NDArray[np.uint8]]] = deque()
    with ThreadPoolExecutor(usable_cores()) as pool:
        for batch in batches:
            reading.append(pool.map(read_prepared, batch))
            if len(reading) > 1:
                yield np.stack(list(reading.popleft()))
        while reading:
            yield np.stack(list(reading.popleft()))
