"""Compressed frames say in which colours they are coded, and are read as the photograph that was compressed."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pydicom")
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)
from test_dicom import FUNDUS, dicom, reason

from eyeground.imaging.decode import read_photo

PROGRESSIVE = "1.2.840.10008.1.2.4.55"
GREY = FUNDUS[..., 1]
TWELVE = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
ADOBE_YBR = b"\xff\xee\x00\x0eAdobe\x00d\x00\x00\x00\x00\x01"


def jpeg(subsampling: int = 0, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(FUNDUS).save(stream, format="JPEG", quality=97, subsampling=subsampling, **options)
    return stream.getvalue()


def without(frame: bytes, marker: bytes) -> bytes:
    start = frame.index(marker)
    return frame[:start] + frame[start + 2 + int.from_bytes(frame[start + 2 : start + 4]) :]


def numbered(frame: bytes, names: bytes) -> bytes:
    """The frame with other names of its three components."""
    content = bytearray(frame)
    start = min(content.index(mark) for mark in (b"\xff\xc0", b"\xff\xc3") if mark in content)
    before = content[start + 10 : start + 19 : 3]
    content[start + 10 : start + 19 : 3] = names
    scan = content.index(b"\xff\xda", start)
    for place in range(scan + 5, scan + 5 + 2 * content[scan + 4], 2):
        content[place] = names[before.index(content[place])]
    return bytes(content)


def rgb_coded() -> bytes:
    """Stored without a colour transformation: components R, G and B, and no marker that says so."""
    return without(jpeg(keep_rgb=True), b"\xff\xee")


@pytest.mark.parametrize(
    ("frame", "declared"),
    [
        (rgb_coded, "RGB"),
        (rgb_coded, "YBR_FULL_422"),  # the object is mistaken, and the frame knows
        (lambda: numbered(rgb_coded(), bytes([1, 2, 3])), "RGB"),
        (lambda: jpeg(keep_rgb=True), "RGB"),
        (jpeg, "YBR_FULL_422"),
        (jpeg, "RGB"),  # JFIF is YCbCr by its definition
        (lambda: without(jpeg(), b"\xff\xe0"), "YBR_FULL_422"),
        (lambda: without(jpeg(subsampling=2), b"\xff\xe0"), "RGB"),  # nobody halves two of red, green and blue
        (lambda: jpeg()[:2] + ADOBE_YBR + without(jpeg(), b"\xff\xe0")[2:], "YBR_FULL_422"),
        (lambda: jpeg()[:2] + ADOBE_YBR + without(jpeg(), b"\xff\xe0")[2:], "RGB"),
    ],
)
def test_a_jpeg_says_in_which_colours_it_is_coded(tmp_path: Path, frame: Callable[[], bytes], declared: str) -> None:
    read = read_photo(dicom(tmp_path / "a.dcm", FUNDUS, declared, JPEGBaseline8Bit, frame())).pixels
    assert np.abs(read.astype(int) - FUNDUS).mean() < 3


def test_a_progressive_jpeg_is_read(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", FUNDUS, "YBR_FULL_422", PROGRESSIVE, jpeg(progressive=True))
    assert np.abs(read_photo(path).pixels.astype(int) - FUNDUS).mean() < 3


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless])
def test_what_needs_imagecodecs_says_so(tmp_path: Path, syntax: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    assert "pip install imagecodecs" in reason(dicom(tmp_path / "a.dcm", FUNDUS, "RGB", syntax, jpeg()))


@pytest.mark.parametrize("names", [b"RGB", bytes([1, 2, 3]), bytes([0, 1, 2])])
def test_lossless_jpeg_is_read_exactly(tmp_path: Path, names: bytes) -> None:
    codecs = pytest.importorskip("imagecodecs")
    frame = numbered(without(codecs.jpeg_encode(FUNDUS, lossless=True), b"\xff\xee"), names)
    path = dicom(tmp_path / "a.dcm", FUNDUS, "RGB", JPEGLosslessSV1, frame)
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


def test_jpeg_ls_is_read_exactly(tmp_path: Path) -> None:
    codecs = pytest.importorskip("imagecodecs")
    path = dicom(tmp_path / "a.dcm", FUNDUS, "RGB", JPEGLSLossless, codecs.jpegls_encode(FUNDUS))
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEGExtended12Bit])
def test_twelve_bits_are_the_photograph_of_8(tmp_path: Path, syntax: str) -> None:
    codecs = pytest.importorskip("imagecodecs")
    words = GREY.astype(np.uint16) << 4
    frame = {
        JPEGLosslessSV1: lambda: codecs.jpeg_encode(words, lossless=True, bitspersample=12),
        JPEGLSLossless: lambda: codecs.jpegls_encode(words),
        JPEGExtended12Bit: lambda: codecs.jpeg_encode(words, level=98, bitspersample=12),
    }[syntax]()
    read = read_photo(dicom(tmp_path / "a.dcm", GREY, "MONOCHROME2", syntax, frame, **TWELVE)).pixels
    assert np.abs(read.astype(int) - GREY[..., None]).max() <= 2


@pytest.mark.parametrize("colour", ["RGB", "YBR_RCT"])
def test_twelve_bits_of_colour_in_jpeg_2000_are_the_photograph_of_8(tmp_path: Path, colour: str) -> None:
    codecs = pytest.importorskip("imagecodecs")
    words, options = FUNDUS.astype(np.uint16) << 4, {"mct": colour == "YBR_RCT", "reversible": True, "level": 0}
    frame = codecs.jpeg2k_encode(words, bitspersample=12, codecformat="j2k", **options)
    path = dicom(tmp_path / "a.dcm", FUNDUS, colour, JPEG2000Lossless, frame, **TWELVE)
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless])
def test_a_damaged_frame_is_refused(tmp_path: Path, syntax: str) -> None:
    codecs = pytest.importorskip("imagecodecs")
    intact = codecs.jpegls_encode(FUNDUS) if syntax == JPEGLSLossless else codecs.jpeg_encode(FUNDUS, lossless=True)
    for frame in (intact[: len(intact) // 2], b"\xff\xd8" + bytes(40), intact[2:]):
        assert "damaged" in reason(dicom(tmp_path / "a.dcm", FUNDUS, "RGB", syntax, frame))
