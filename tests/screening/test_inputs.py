"""Photographs in every form that a program has them mean the same, and anything else is named by its place."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eyeground.errors import UserError
from eyeground.screening import inputs
from eyeground.screening.decoder_pool import DecoderSettings

FORMS = ("path", "text", "bytes", "memory", "buffer", "open file", "opened image", "image", "array", "flipped view")


@pytest.fixture(scope="module")
def photo(fundus, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "eye.png"
    Image.fromarray(fundus(blue=0.2)).save(path)
    return path


OPENED: list[BinaryIO] = []


def opened(photo: Path) -> BinaryIO:
    OPENED.append(photo.open("rb"))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def close_what_was_opened() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def given_as(form: str, photo: Path) -> object:
    pixels = np.asarray(Image.open(photo))
    return {
        "path": lambda: photo,
        "text": lambda: str(photo),
        "bytes": photo.read_bytes,
        "memory": lambda: memoryview(photo.read_bytes()),
        "buffer": lambda: io.BytesIO(photo.read_bytes()),
        "open file": lambda: opened(photo),
        "opened image": lambda: Image.open(photo),
        "image": lambda: Image.fromarray(pixels),
        "array": lambda: pixels,
        "flipped view": lambda: np.ascontiguousarray(pixels[:, ::-1])[:, ::-1],
    }[form]()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_photo_gives_the_same_finding(screener, photo, form):
    expected = screener(photo)
    for finding in (screener(given_as(form, photo)), *screener.stream([given_as(form, photo)], jobs=1)):
        assert finding.as_row() | {"photo": ""} == expected.as_row() | {"photo": ""}
        np.testing.assert_array_equal(finding.evidence, expected.evidence)
    np.testing.assert_array_equal(screener.embed(given_as(form, photo)), screener.embed(photo))


def test_a_photo_without_a_name_is_called_by_its_place(screener, photo):
    forms = [given_as(form, photo) for form in FORMS]
    named = [str(photo)] * 2 + ["photo 3", "photo 4", "photo 5"] + [str(photo)] * 2 + ["photo 8", "photo 9", "photo 10"]
    assert [finding.photo for finding in screener(forms)] == named
    forms = [given_as(form, photo) for form in FORMS]
    assert [finding.photo for finding in screener.stream(forms, jobs=1)] == named


@pytest.mark.parametrize(
    "many",
    [
        tuple,
        iter,
        lambda photos: (photo for photo in photos),
        pd.Series,
        dict.fromkeys,
        lambda photos: np.stack([np.asarray(Image.open(photo)) for photo in photos]),
    ],
)
def test_any_iterable_of_photos_gives_a_finding_each(screener, photo, many):
    copies = [photo, photo.with_name("copy.png")]
    copies[1].write_bytes(photo.read_bytes())
    assert [finding.status for finding in screener(many(copies))] == [screener(photo).status] * 2
    assert screener.embed(many(copies)).shape == (2, 3)


def test_an_image_that_lies_on_its_side_is_turned_upright(screener, fundus, tmp_path):
    path = tmp_path / "turned.png"
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(np.rot90(fundus(size=(120, 160)))).save(path, exif=tags)
    with Image.open(path) as image:
        assert screener(image).geometry == screener(path).geometry
        assert screener(image).geometry.original_width == 160


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (3.5, "float is no photograph"),
        (None, "NoneType is no photograph"),
        (io.StringIO("text"), "opened as text"),
        (np.zeros((8, 8, 3), np.float32), "got float32"),
        (np.zeros((8, 8), np.uint8), r"got uint8 \(8, 8\)"),
        (np.zeros((8, 8, 4), np.uint8), r"got uint8 \(8, 8, 4\)"),
        (np.zeros((0, 8, 3), np.uint8), r"got uint8 \(0, 8, 3\)"),
    ],
)
def test_what_is_no_photograph_is_named_by_its_place(screener, photo, wrong, words):
    for screening in (screener, lambda photos: list(screener.stream(photos, jobs=1)), screener.embed):
        with pytest.raises(UserError, match=f"photo 2: .*{words}"):
            screening([photo, wrong])


@pytest.mark.parametrize("wrong", [None, 3, 2.5, object()])
def test_what_is_neither_photo_nor_iterable_is_one_sentence(screener, wrong):
    for screening in (screener, lambda photos: list(screener.stream(photos, jobs=1)), screener.embed):
        with pytest.raises(UserError, match="no photograph; expected a path, bytes"):
            screening(wrong)


class _Torn(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def damaged(photo: Path) -> dict[str, object]:
    half = photo.read_bytes()[: photo.stat().st_size // 2]
    return {
        "nothing": b"",
        "text": b"not a picture",
        "half": half,
        "half of an image": Image.open(io.BytesIO(half)),
        "torn": _Torn(),
        "missing": photo.with_name("missing.jpg"),
        "a mode": Image.new("HSV", (9, 9)),
    }


@pytest.mark.parametrize("kind", ["nothing", "text", "half", "half of an image", "torn", "missing", "a mode"])
def test_what_cannot_be_read_is_a_finding_with_the_same_reason_in_both_ways(screener, photo, kind):
    (called,) = screener([damaged(photo)[kind]])
    (streamed,) = screener.stream([damaged(photo)[kind]], jobs=1)
    assert called.status == streamed.status == "unreadable"
    assert called.reason == streamed.reason and len(called.reason) > 10
    assert np.isnan(screener.embed(damaged(photo)[kind])).all()


@pytest.mark.parametrize("form", ["bytes", "buffer"])
def test_files_have_a_limit_of_size_wherever_they_come_from(screener, photo, form, monkeypatch):
    monkeypatch.setattr(inputs, "MOST_BYTES", 100)
    for finding in (screener(given_as(form, photo)), *screener.stream([given_as(form, photo)], jobs=1)):
        assert finding.status == "unreadable" and "MB accepted" in finding.reason


@pytest.mark.parametrize("long", [np.zeros((1, 40_000, 3), np.uint8), Image.new("RGB", (40_000, 1))])
def test_pixels_have_the_limits_that_files_have(screener, long):
    for finding in (screener(long), *screener.stream([long], jobs=1)):
        assert finding.status == "unreadable" and "40000" in finding.reason


def test_nothing_is_left_of_bytes_and_pixels(screener, photo, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    photos = [given_as(form, photo) for form in ("bytes", "array", "image") * 2]
    assert len(screener(photos)) == len(list(screener.stream(photos, jobs=1))) == 6
    assert list(tmp_path.iterdir()) == []


def test_a_stream_keeps_order_and_says_what_a_call_says(screener, folder_of_photos):
    folder = folder_of_photos(37)
    (folder / "torn.jpg").write_bytes(b"x")
    paths = sorted(folder.rglob("*.jpg"))
    streamed = [finding.as_row() for finding in screener.stream(iter(paths), jobs=2)]
    assert streamed == [finding.as_row() for finding in screener(paths)]
    assert [row["photo"] for row in streamed] == list(map(str, paths))


def test_a_stream_of_nothing_is_empty(screener):
    assert list(screener.stream([])) == []


def test_a_stream_takes_a_bounded_number_ahead_and_leaves_no_process_behind(screener, photo, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = count()
    pixels = np.asarray(Image.open(photo))

    def endless():
        while True:
            next(taken)
            yield pixels

    before = set(psutil.Process().children())
    findings = screener.stream(endless(), jobs=1)
    assert len(list(islice(findings, 40))) == 40
    assert next(taken) < 40 + 2 * inputs.BATCH_SIZE + 2
    assert len(list(tmp_path.glob("*/*"))) <= inputs.BATCH_SIZE + 2
    findings.close()
    assert set(psutil.Process().children()) <= before
    assert list(tmp_path.iterdir()) == []


def test_a_stream_has_the_readers_limit_of_time(screener, photo, monkeypatch):
    hurried = partial(DecoderSettings, seconds=0.0)
    monkeypatch.setattr(inputs, "DecoderSettings", hurried)
    (finding,) = screener.stream([photo], jobs=1)
    assert finding.reason == "decoding it took longer than 0 seconds"


def test_jobs_below_one_are_refused(screener, photo):
    with pytest.raises(UserError, match="jobs is 0"):
        list(screener.stream([photo], jobs=0))


def test_one_screener_serves_many_threads_at_once(screener, folder_of_photos):
    paths = sorted(folder_of_photos(12).rglob("*.jpg"))
    alone = [finding.as_row() for finding in screener(paths)]
    embedded = screener.embed(paths)
    start = threading.Barrier(4)

    def screened(turn: int) -> list[dict[str, object]]:
        start.wait()
        turned = paths[turn:] + paths[:turn]
        findings = [
            [finding.as_row() for finding in screener(turned)],
            [finding.as_row() for finding in screener.stream(turned, jobs=1)],
            [screener(path).as_row() for path in turned],
        ]
        assert findings[0] == findings[1] == findings[2]
        np.testing.assert_array_equal(screener.embed(turned), np.roll(embedded, -turn, axis=0))
        return findings[0][-turn:] + findings[0][:-turn] if turn else findings[0]

    with ThreadPoolExecutor(4) as threads:
        assert all(found == alone for found in threads.map(screened, range(4)))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_finding(screener, content):
    assert screener(content).status == "unreadable"


def test_embeddings_are_the_networks_own(screener, fundus):
    finding = screener(fundus(blue=0.3))
    mean = finding.standard.pixels.reshape(-1, 3).mean(axis=0) / 255
    np.testing.assert_allclose(screener.embed(fundus(blue=0.3)), mean, rtol=1e-4)
    assert screener.embed([]).shape == (0, 3)


def test_an_array_in_the_order_of_opencv_is_another_photo(screener, fundus):
    """Nothing can tell BGR from RGB; the documentation asks for RGB, and the colours count."""
    pixels = fundus(blue=0.0)
    swapped = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    assert screener(pixels).probabilities != screener(swapped).probabilities
