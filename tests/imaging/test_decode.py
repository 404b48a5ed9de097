import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photographs import draw_fundus
from PIL import Image

from eyeground.imaging.decode import UnreadablePhotoError, read_photo

FUNDUS = draw_fundus()


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def reason(path: Path) -> str:
    with pytest.raises(UnreadablePhotoError) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)
    assert str(path) not in caught.value.reason
    return caught.value.reason


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "misleading.jpg"])
def test_lossless_formats_are_told_by_content_and_read_exactly(tmp_path: Path, name: str) -> None:
    kind = "TIFF" if name.endswith("tif") else "PNG"
    photo = read_photo(save(tmp_path / name, Image.fromarray(FUNDUS), format=kind))
    np.testing.assert_array_equal(photo.pixels, FUNDUS)
    assert (photo.original_width, photo.original_height, photo.reduction) == (400, 300, 1)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_is_read_exactly(tmp_path: Path, compression: str) -> None:
    path = save(tmp_path / "a.tif", Image.fromarray(FUNDUS), compression=compression)
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "RGBA"])
def test_every_ordinary_pixel_kind_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(FUNDUS).convert(mode)
    path = save(tmp_path / "a.tif", image)
    pixels = read_photo(path).pixels
    assert pixels.shape == FUNDUS.shape and pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels, image.convert("RGB"), atol=1)


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(FUNDUS).convert("CMYK"), quality=98)
    assert np.abs(read_photo(path).pixels.astype(int) - FUNDUS).mean() < 4


def test_transparent_pixels_become_black(tmp_path: Path) -> None:
    pixels = np.dstack([np.full((8, 8, 3), 200, np.uint8), np.zeros((8, 8), np.uint8)])
    pixels[:4, :, 3] = 255
    read = read_photo(save(tmp_path / "a.png", Image.fromarray(pixels))).pixels
    assert (read[:4] == 200).all() and (read[4:] == 0).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_grey_keeps_its_upper_bits(tmp_path: Path, name: str) -> None:
    grey = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    read = read_photo(save(tmp_path / name, Image.fromarray(grey))).pixels
    np.testing.assert_array_equal(read, np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2))


def test_floating_point_pixels_are_refused_by_name(tmp_path: Path) -> None:
    assert "'F'" in reason(save(tmp_path / "a.tif", Image.fromarray(np.ones((9, 9), np.float32))))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_whatever_the_scale(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.jpg", Image.fromarray(FUNDUS), exif=exif, quality=95)
    photo, small = read_photo(path), read_photo(path, sufficient_side=70)
    turned = orientation >= 5
    assert (photo.original_width, photo.original_height) == ((300, 400) if turned else (400, 300))
    assert photo.pixels.shape[:2] == (photo.original_height, photo.original_width)
    assert small.pixels.shape[:2] == (
        -(-photo.original_height // small.reduction),
        -(-photo.original_width // small.reduction),
    )
    upright = {1: np.s_[:, :], 2: np.s_[:, ::-1], 3: np.s_[::-1, ::-1], 4: np.s_[::-1]}
    expected = (
        FUNDUS[upright[orientation]]
        if not turned
        else {
            5: FUNDUS.transpose(1, 0, 2),
            6: np.rot90(FUNDUS, -1),
            7: np.rot90(FUNDUS.transpose(1, 0, 2), 2),
            8: np.rot90(FUNDUS),
        }[orientation]
    )
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 3


@given(width=st.integers(30, 700), height=st.integers(30, 700), sufficient=st.integers(1, 700))
def test_jpeg_is_decoded_at_the_smallest_scale_that_suffices(
    tmp_path: Path, width: int, height: int, sufficient: int
) -> None:
    path = save(tmp_path / "a.jpg", Image.new("RGB", (width, height), (90, 60, 30)))
    photo = read_photo(path, sufficient)
    assert (photo.original_width, photo.original_height) == (width, height)
    assert photo.pixels.shape[:2] == (-(-height // photo.reduction), -(-width // photo.reduction))
    if photo.reduction > 1:
        assert min(width, height) // photo.reduction >= sufficient
    if photo.reduction < 8:
        assert min(width, height) // (2 * photo.reduction) < sufficient


def test_what_is_no_photograph_has_one_reason_each(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("patient,eye\n")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "no such file" in reason(tmp_path / "missing.jpg")
    assert "empty" in reason(tmp_path / "empty.jpg")
    assert "not a JPEG, PNG, TIFF or DICOM" in reason(tmp_path / "text.jpg")
    assert "link" in reason(tmp_path / "link.jpg")
    assert "pipe" in reason(tmp_path / "pipe.jpg")  # would wait for ever if it were opened the usual way
    assert "folder" in reason(tmp_path)
    assert "device" in reason(Path("/dev/null"))
    assert "cannot be opened" in reason(tmp_path / ("n" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_said_to_be_forbidden(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(FUNDUS))
    path.chmod(0)
    assert "permission" in reason(path)


def test_other_image_formats_are_not_opened(tmp_path: Path) -> None:
    for name in ("a.gif", "a.bmp", "a.webp", "a.ico"):
        assert "not a JPEG" in reason(save(tmp_path / name, Image.fromarray(FUNDUS)))


def test_forged_sizes_are_refused_by_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    before = psutil.Process().memory_info().rss
    for width, height in ((30_000, 30_000), (2**31 - 1, 2**31 - 1), (40_000, 1), (9_000, 9_000)):
        path.write_bytes(png_claiming(width, height))
        assert "megapixels" in reason(path)
    jpeg = bytearray(save(tmp_path / "b.jpg", Image.fromarray(FUNDUS)).read_bytes())
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    (tmp_path / "b.jpg").write_bytes(jpeg)
    assert "megapixels" in reason(tmp_path / "b.jpg")
    assert psutil.Process().memory_info().rss - before < 50 * 2**20


def test_a_small_tiff_with_a_huge_tile_is_refused(tmp_path: Path) -> None:
    entries = [(256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)]
    entries += [(322, 4, 60_000), (323, 4, 60_000), (324, 4, 200), (325, 4, 256)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + directory + b"\0" * 600)
    assert "60000 x 60000" in reason(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_every_truncation_is_an_unreadable_photo(tmp_path: Path, kind: str) -> None:
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    whole = save(tmp_path / "a", Image.fromarray(FUNDUS[:60, :80]), format=kind, **options).read_bytes()
    path = tmp_path / "cut"
    for share in np.linspace(0.02, 0.97, 24):
        path.write_bytes(whole[: int(share * len(whole))])
        assert reason(path)


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["JPEG", "PNG", "TIFF"]))
def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path: Path, seed: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    path = save(tmp_path / "a", Image.fromarray(FUNDUS[:60, :80]), format=kind)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    where = random.integers(0, min(len(content), random.choice([40, 400, len(content)])), 12)
    content[where] = random.integers(0, 256, 12)
    path.write_bytes(content.tobytes())
    try:
        assert read_photo(path).pixels.ndim == 3
    except UnreadablePhotoError as error:
        assert error.reason


def test_a_chunk_that_claims_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(FUNDUS))
    whole = path.read_bytes()
    length = whole.rindex(b"IDAT") - 4
    path.write_bytes(whole[:length] + b"\x7f\xff\xff\xf0" + whole[length + 4 :])
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
