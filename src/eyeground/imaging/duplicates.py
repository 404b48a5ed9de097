"""The same photograph twice: byte for byte, or the same picture scaled, compressed or cropped anew.

Fundus photographs all look alike, so a perceptual hash by itself would call many eyes the same. It only
proposes: 256 bits of the low frequencies of the standard photo, compared in blocks. Whether a proposed pair is
one picture is then decided by the correlation of what is particular to an eye, its vessels and lesions, after
shading is taken away. Precision comes first: a photograph of the same eye taken a minute later is no duplicate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from eyeground.errors import UserError
from eyeground.files import sha256_of
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.decode import Pixels
from eyeground.manifest import Manifest
from eyeground.progress import track

HASH_BITS = 256
MOST_BITS_APART = 40  # proposes; of 256
LEAST_CORRELATION = 0.9  # decides
COLUMNS = ("photo_a", "photo_b", "kind", "distance", "same_patient", "same_split")

_THUMBNAIL = 64
_FREQUENCIES = 17  # 17 x 17 low frequencies hold 256 besides the lowest row and column
_BLOCK = 512  # photographs compared with all others at once

Words = npt.NDArray[np.uint64]
Thumbnails = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fingerprints:
    """What photographs are compared by, in the order of a list of photographs.

    Attributes
    ----------
    hashes : numpy.ndarray
        `(n, 4)` uint64: 256 bits per photograph.
    thumbnails : numpy.ndarray
        `(n, 64 * 64)` float32: structure without shading, each of mean 0 and length 1.
    """

    hashes: Words
    thumbnails: Thumbnails


def fingerprint(pixels: Pixels) -> tuple[Words, Thumbnails]:
    """The 256-bit hash, `(4,)` uint64, and the thumbnail, `(4096,)` float32, of one standard photo.

    Parameters
    ----------
    pixels : numpy.ndarray
        `(side, side, 3)` uint8.
    """
    green = np.ascontiguousarray(pixels[..., 1])
    small = cv2.resize(green, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    lit = (small > 0).astype(np.float32)
    shading = cv2.GaussianBlur(small, (0, 0), 6) / np.maximum(cv2.GaussianBlur(lit, (0, 0), 6), 1e-3)
    structure = (small / (shading + 10) - 1) * cv2.erode(lit, np.ones((5, 5)))
    structure -= structure.mean()
    length = float(np.linalg.norm(structure))
    thumbnail = (structure / max(length, 1e-6)).ravel().astype(np.float32)
    low = cv2.dct(structure)[1:_FREQUENCIES, 1:_FREQUENCIES]
    bits = np.packbits(low.ravel() > np.median(low))
    return bits.view(np.uint64), thumbnail


def near_pairs(fingerprints: Fingerprints) -> Iterator[tuple[int, int, float]]:
    """Yield `(i, j, distance)` with `i < j` for every pair that shows one picture; distance is 1 - correlation."""
    hashes, thumbnails = fingerprints.hashes, fingerprints.thumbnails
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        apart = np.zeros((len(block), len(hashes) - start), dtype=np.uint16)
        for word in range(hashes.shape[1]):
            apart += np.bitwise_count(block[:, word, None] ^ hashes[None, start:, word])
        rows, columns = np.nonzero(apart <= MOST_BITS_APART)
        first, second = rows + start, columns + start
        later = second > first
        first, second = first[later], second[later]
        correlation = np.einsum("ij,ij->i", thumbnails[first], thumbnails[second])
        for i, j, value in zip(first, second, correlation, strict=True):
            if value >= LEAST_CORRELATION:
                yield int(i), int(j), float(max(0.0, 1 - value))
