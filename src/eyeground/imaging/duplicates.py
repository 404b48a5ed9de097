"""Pairs of photographs that are one picture: equal files, or the same scaled, compressed, recoloured or shifted again.

A perceptual hash proposes pairs, since all fundus photographs are similar; every quarter of a pair has to agree, since
reflections of one lens agree in one quarter. Mirrored, rotated and strongly zoomed copies are not found.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from eyeground.core.progress import track
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.decode import Pixels
from eyeground.imaging.structure import Plane, lit_area, structure, without_rim

LEAST_LIKENESS = 0.72  # of the hashes, to be proposed
# Of the quarter that agrees least, to be called one picture. Of ODIR-5K's pairs in order of agreement, the 16 above show one
# eye each, and the next shows one lens.
LEAST_AGREEMENT = 0.74
COLUMNS = ("photo_a", "photo_b", "kind", "distance", "same_patient", "same_split")

_SIDE = 128  # of the structure that is compared
_FREQUENCIES = 21
_LARGEST_SHIFT = 10  # pixels of the structure, either way
_NOISE = 0.005**2  # variance of the structure of a photo that shows nothing
_BLOCK = 512  # photographs compared with all others at once
_KEPT = 2048  # structures kept in memory while pairs are verified: 128 MB

Hashes = npt.NDArray[np.float32]


def find_duplicates(manifest: Manifest, standard: Sequence[Path | None]) -> pd.DataFrame:
    """Find every pair of photographs that are one picture.

    Args:
        standard: Standard photo of each row from `eyeground.imaging.cache.prepare`, None if the photograph is unreadable.
            Equal names mean equal bytes of the photographs.

    Returns:
        `photo_a`, `photo_b` (in the manifest's order), `kind` (`exact` or `near`), `distance` (0 for exact, else 1 -
        agreement), `same_patient`, `same_split` (missing without splits).

    Raises:
        UserError: If there are not as many standard photos as rows.
    """
    if len(standard) != len(manifest):
        raise UserError(f"{len(standard)} standard photos for {len(manifest)} rows; give one for each, or None")
    rows = [row for row, path in enumerate(standard) if path is not None]
    paths = [path for path in standard if path is not None]
    exact = {
        (first, second): 0.0
        for _, group in pd.Series(rows, dtype=int).groupby([path.name for path in paths])
        for first, second in combinations(group, 2)
    }
    near = {(rows[i], rows[j]): distance for i, j, distance in near_pairs(paths)}
    table = manifest.table
    split = table["split"] if "split" in table else pd.Series(pd.NA, index=table.index, dtype="string")
    pairs = [
        {
            "photo_a": table["photo"].iloc[first],
            "photo_b": table["photo"].iloc[second],
            "kind": "exact" if (first, second) in exact else "near",
            "distance": distance,
            "same_patient": table["patient"].iloc[first] == table["patient"].iloc[second],
            "same_split": split.iloc[first] == split.iloc[second],
        }
        for (first, second), distance in sorted((near | exact).items())
    ]
    return pd.DataFrame(pairs, columns=list(COLUMNS)).astype({"same_patient": "boolean", "same_split": "boolean"})


def near_pairs(standard: Sequence[Path]) -> Iterator[tuple[int, int, float]]:
    """Yield `(i, j, distance)` with `i < j` for every pair of standard photos on disk that show one picture."""

    @lru_cache(maxsize=_KEPT)
    def of_photo(index: int) -> Plane:
        return eye_structure(read_prepared(standard[index]))

    hashes = np.zeros((len(standard), _FREQUENCIES**2 - 1), dtype=np.float32)
    for index, path in enumerate(track(standard, "comparing")):
        hashes[index] = perceptual_hash(eye_structure(read_prepared(path)))
    for i, j in _proposed(hashes):
        agreed = agreement(of_photo(i), of_photo(j))
        if agreed >= LEAST_AGREEMENT:
            yield i, j, 1 - agreed


def eye_structure(pixels: Pixels) -> Plane:
    """`(128, 128)` float32: a standard photo's vessels and lesions, of mean 0 and without the rim of the field of view.

    Strong structure is clipped, so that the optic disc, which every eye has, does not outweigh the vessels.
    """
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    lit = lit_area(small)
    inner = without_rim(lit, 6)
    if not inner.any():
        return np.zeros((_SIDE, _SIDE), dtype=np.float32)
    limited = np.clip(structure(small, lit, fine=1, coarse=6), -0.12, 0.12)
    return np.asarray((limited - limited[inner].mean()) * inner, dtype=np.float32)


def perceptual_hash(eye: Plane) -> npt.NDArray[np.float32]:
    """`(440,)` float32 of length 1: the low frequencies of an eye's structure; the product of two is their likeness."""
    half = cv2.resize(eye, (_SIDE // 2, _SIDE // 2), interpolation=cv2.INTER_AREA)
    low = cv2.dct(half)[:_FREQUENCIES, :_FREQUENCIES].ravel()[1:]
    return np.asarray(low / max(float(np.linalg.norm(low)), 1e-6), dtype=np.float32)


def agreement(first: Plane, second: Plane) -> float:
    """Correlation of two eyes' structures at the best shift, in the quarter that agrees least: -1 to 1.

    A photo without structure agrees with nothing, itself included, since noise is not an eye.
    """
    margin, side = _LARGEST_SHIFT, _SIDE - 2 * _LARGEST_SHIFT
    middle = first[margin:-margin, margin:-margin]
    _, _, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(second, middle, cv2.TM_CCOEFF_NORMED))
    other = second[y : y + side, x : x + side]
    halves = (slice(side // 2), slice(side // 2, None))
    return min(_correlation(middle[rows, columns], other[rows, columns]) for rows in halves for columns in halves)


def _correlation(first: Plane, second: Plane) -> float:
    first, second = first - first.mean(), second - second.mean()
    spread = float(np.sqrt((first**2).mean() * (second**2).mean()))
    return float((first * second).mean()) / (spread + _NOISE)


def _proposed(hashes: Hashes) -> Iterator[tuple[int, int]]:
    for start in range(0, len(hashes), _BLOCK):
        likeness = hashes[start : start + _BLOCK] @ hashes[start:].T
        rows, columns = np.nonzero(np.triu(likeness, k=1) >= LEAST_LIKENESS)
        yield from zip((rows + start).tolist(), (columns + start).tolist(), strict=True)
