"""A loaded bundle and a folder of photographs."""

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from colour_bundle import build_bundle, fundus

from eyeground.bundle import Bundle
from eyeground.screening.runtime import Screener, load


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_bundle(tmp_path_factory.mktemp("bundles") / "colour")


@pytest.fixture(scope="session")
def screener(bundle: Bundle) -> Screener:
    return load(bundle.folder, threads=1)


@pytest.fixture
def folder_of_photos(tmp_path: Path) -> Callable[[int], Path]:
    """Make a folder of n photographs in two subfolders, every second one with much blue."""

    def make(count: int) -> Path:
        folder = tmp_path / "photos"
        for index in range(count):
            path = folder / ("clinic a" if index % 3 else "clinic b") / f"eye {index:03d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = fundus(blue=0.4 if index % 2 else 0.02, seed=index)
            cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        return folder

    return make
