"""Fixtures for documents of any kind: a released model, rendered photographs as DICOM, and their results."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from ophthalmic import MADE, write_photo

from eyeground.datasets.synthetic import CameraFaults, render
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings, Refused
from eyeground.screening.inputs import from_decoder
from eyeground.screening.pictures import PICTURE_SIDE
from eyeground.screening.runtime import Screener, load
from eyeground.serving.dicom.source import Source, read_source
from eyeground.serving.result import Result

MODEL = "eyeground-mobilenetv2-imagenet+fundus-224"


@pytest.fixture(scope="session")
def screener() -> Screener:
    return load(MODEL, threads=1)


@pytest.fixture(scope="session")
def result_of(screener: Screener) -> Iterator[Callable[[Path], tuple[Source, Result]]]:
    """Header and result of a DICOM photograph."""

    def screen(path: Path) -> tuple[Source, Result]:
        outcome = next(pool.read([path], ahead=1))
        finding = screener.findings([from_decoder(path.name, outcome)])[0]
        picture = np.empty((0, 0, 3), np.uint8) if isinstance(outcome, Refused) else outcome.picture
        return read_source(path), Result(finding, screener.bundle, MADE, picture)

    with DecoderPool(DecoderSettings(screener.bundle.description.preprocessing, PICTURE_SIDE), 1) as pool:
        yield screen


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A photograph of each status that rendered ones have, and of each eye."""
    folder = tmp_path_factory.mktemp("photos")
    sick = render("diabetic_retinopathy", grade=3, height=384, seed=3).pixels
    dark = render("normal", height=384, eye="left", faults=CameraFaults(darkness=1.5)).pixels
    return {
        "abnormal": write_photo(folder / "abnormal.dcm", sick, jpeg=True),
        "normal": write_photo(folder / "normal.dcm", render("normal", height=385, seed=2).pixels),
        "ungradable": write_photo(folder / "ungradable.dcm", dark, eye="L"),
        "unreadable": write_photo(folder / "unreadable.dcm", sick, PixelData=b"\0" * 64),
    }


@pytest.fixture(scope="session")
def results(
    photos: dict[str, Path], result_of: Callable[[Path], tuple[Source, Result]]
) -> dict[str, tuple[Source, Result]]:
    found = {status: result_of(path) for status, path in photos.items()}
    assert {status: result.finding.status for status, (_, result) in found.items()} == {one: one for one in photos}
    return found
