"""Embeddings are computed once for a network and its photos, in the order of the photos."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyeground.errors import UserError
from eyeground.probing.embedding import BATCH_SIZE, Embed, embeddings

PHOTOS = 2 * BATCH_SIZE + 3


@pytest.fixture
def standard(tmp_path: Path) -> list[Path]:
    """Photos of one grey each, which tells them apart."""
    paths = [tmp_path / f"{grey}.png" for grey in range(PHOTOS)]
    for grey, path in enumerate(paths):
        Image.fromarray(np.full((4, 4, 3), grey, np.uint8)).save(path)
    return paths


def mean_colour(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.mean(axis=(1, 2)).astype(np.float32)


def never() -> Embed:
    raise AssertionError("the network was opened although the embeddings are there")


def test_embeddings_are_in_the_order_of_the_photos(standard: list[Path], tmp_path: Path) -> None:
    found = embeddings(lambda: mean_colour, "weights", standard, tmp_path / "cache")
    np.testing.assert_array_equal(found, np.repeat(np.arange(PHOTOS)[:, None], 3, axis=1))
    assert found.dtype == np.float32


def test_the_same_photos_and_weights_open_no_network_again(standard: list[Path], tmp_path: Path) -> None:
    first = embeddings(lambda: mean_colour, "weights", standard, tmp_path / "cache")
    np.testing.assert_array_equal(embeddings(never, "weights", standard, tmp_path / "cache"), first)


@pytest.mark.parametrize("change", ["weights", "photos"])
def test_other_weights_or_photos_are_embedded_anew(standard: list[Path], tmp_path: Path, change: str) -> None:
    embeddings(lambda: mean_colour, "weights", standard, tmp_path / "cache")
    weights, photos = ("others", standard) if change == "weights" else ("weights", standard[1:])
    with pytest.raises(AssertionError, match="was opened"):
        embeddings(never, weights, photos, tmp_path / "cache")


def test_a_damaged_standard_photo_is_named_and_nothing_is_kept(standard: list[Path], tmp_path: Path) -> None:
    standard[20].write_bytes(b"no photo")
    with pytest.raises(UserError, match=r"20\.png: the cached standard photo is missing or damaged"):
        embeddings(lambda: mean_colour, "weights", standard, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))
