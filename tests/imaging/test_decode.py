import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photographs import draw_fundus
from PIL import Image

from eyeground.imaging.decode import UnreadablePhotoError, pixels_of, read_photo
from eyeground.imaging.limits import RefusedError

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
    assert "not a JPEG, PNG, TIFF, BMP, PPM or DICOM" in reason(tmp_path / "text.jpg")
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
    for name in ("a.gif", "a.webp", "a.ico"):
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
    intact = save(tmp_path / "a", Image.fromarray(FUNDUS[:60, :80]), format=kind, **options).read_bytes()
    path = tmp_path / "cut"
    for share in np.linspace(0.02, 0.97, 24):
        path.write_bytes(intact[: int(share * len(intact))])
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
    intact = path.read_bytes()
    length = intact.rindex(b"IDAT") - 4
    path.write_bytes(intact[:length] + b"\x7f\xff\xff\xf0" + intact[length + 4 :])
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


GREY = FUNDUS[..., 1]


def tiff(path: Path, words: np.ndarray, white_is_zero: bool = False, order: str = "<", **tags: int) -> Path:
    """An uncompressed TIFF of 16-bit grey or RGB, as few programs write it and Pillow never does."""
    height, width = words.shape[:2]
    samples = words.shape[2] if words.ndim == 3 else 1
    entries = {
        256: width,
        257: height,
        258: 16,
        259: 1,
        262: 2 if samples == 3 else 0 if white_is_zero else 1,
        277: samples,
        278: height,
        279: words.nbytes,
    }
    entries |= {int(tag.removeprefix("tag")): value for tag, value in tags.items()}
    start = 8 + 2 + 12 * (len(entries) + 1) + 4
    entries[273] = start + (6 if samples == 3 else 0)
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    for tag, value in sorted(entries.items()):
        if tag == 258 and samples == 3:
            content += struct.pack(f"{order}HHII", tag, 3, 3, start)
        elif value < 2**16:
            content += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
        else:
            content += struct.pack(f"{order}HHII", tag, 4, 1, value)
    content += bytes(4) + (struct.pack(f"{order}3H", 16, 16, 16) if samples == 3 else b"")
    path.write_bytes(content + words.astype(f"{order}u2").tobytes())
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [12, 16])
def test_grey_tiffs_of_16_bit_words_are_the_photograph_of_8(
    tmp_path: Path, order: str, white_is_zero: bool, bits: int
) -> None:
    words = GREY.astype(np.uint16) << (bits - 8)
    words = (1 << bits) - 1 - words if white_is_zero else words
    read = read_photo(tiff(tmp_path / "a.tif", words, white_is_zero, order)).pixels
    np.testing.assert_allclose(read, np.repeat(GREY[..., None], 3, axis=2), atol=1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_colour_tiffs_of_16_bit_words_are_the_photograph_of_8(tmp_path: Path, order: str, bits: int) -> None:
    read = read_photo(tiff(tmp_path / "a.tif", FUNDUS.astype(np.uint16) << (bits - 8), order=order)).pixels
    np.testing.assert_array_equal(read, FUNDUS)


def test_a_deep_tiff_is_turned_upright(tmp_path: Path) -> None:
    for words, name in ((FUNDUS.astype(np.uint16) << 4, "rgb.tif"), (GREY.astype(np.uint16) << 4, "grey.tif")):
        photo = read_photo(tiff(tmp_path / name, words, tag274=6))
        np.testing.assert_array_equal(photo.pixels[..., 1], np.rot90(GREY, -1))
        assert (photo.original_width, photo.original_height) == (300, 400)
    big_endian = tiff(tmp_path / "turned.tif", 65535 - (GREY.astype(np.uint16) << 8), True, ">", tag274=8)
    np.testing.assert_array_equal(read_photo(big_endian).pixels[..., 1], np.rot90(GREY))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("bits", [8, 12])
def test_fewer_bits_in_16_bit_words_are_scaled(tmp_path: Path, name: str, bits: int) -> None:
    grey = read_photo(save(tmp_path / name, Image.fromarray(GREY.astype(np.uint16) << (bits - 8)))).pixels
    np.testing.assert_array_equal(grey[..., 0], GREY)
    words = FUNDUS.astype(np.uint16) << (bits - 8)
    assert cv2.imwrite(str(tmp_path / f"rgb-{name}"), words[..., ::-1])
    np.testing.assert_array_equal(read_photo(tmp_path / f"rgb-{name}").pixels, FUNDUS)


def test_a_depth_that_is_declared_is_believed(tmp_path: Path) -> None:
    words = GREY.astype(np.uint16) << 2  # 10 bits, of a highest value of 1023
    np.testing.assert_array_equal(read_photo(tiff(tmp_path / "a.tif", words, tag281=1023)).pixels[..., 0], GREY)
    assert "said to have 10 bits" in reason(tiff(tmp_path / "b.tif", words * 4, tag281=1023))


@pytest.mark.parametrize(("bits", "words"), [(10, "10 bits per value"), (14, "14 bits per value")])
def test_what_may_be_dark_or_of_fewer_bits_is_refused_in_words(tmp_path: Path, bits: int, words: str) -> None:
    for pixels, name in ((GREY, "a.png"), (GREY, "a.tif")):
        deep = pixels.astype(np.uint16) << (bits - 8)
        assert words in reason(save(tmp_path / name, Image.fromarray(deep)))
    assert words in reason(tiff(tmp_path / "rgb.tif", FUNDUS.astype(np.uint16) << (bits - 8)))


def test_planes_of_16_bits_are_refused_not_misread(tmp_path: Path) -> None:
    planes = FUNDUS.astype(np.uint16).transpose(2, 0, 1) << 8
    interleaved = np.ascontiguousarray(planes).reshape(FUNDUS.shape)
    assert "of a kind that is not read" in reason(tiff(tmp_path / "a.tif", interleaved, tag284=2))


def test_a_palette_whose_16_bits_hold_8_keeps_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(FUNDUS).quantize(200)
    path = save(tmp_path / "a.tif", image)
    content = bytearray(path.read_bytes())
    with Image.open(path) as written:
        tag = written.tag_v2[320]
    packed = struct.pack("<768H", *tag)
    assert packed in content
    content[content.index(packed) :][: len(packed)] = b""
    start = bytes(content).index(packed)
    content[start : start + len(packed)] = struct.pack("<768H", *(value >> 8 for value in tag))
    path.write_bytes(content)
    np.testing.assert_array_equal(read_photo(path).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("name", ["a.ppm", "a.bmp"])
def test_ppm_and_bmp_are_read_exactly(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(read_photo(save(tmp_path / name, Image.fromarray(FUNDUS))).pixels, FUNDUS)


@pytest.mark.parametrize("content", [b"P3\n2 2\n255\n" + b"0 " * 12, b"BMI,patient\n" + b"x" * 99, b"P6X\n2 2\n255\n"])
def test_what_only_begins_like_ppm_or_bmp_is_not_opened(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.bmp").write_bytes(content)
    assert "not a JPEG" in reason(tmp_path / "a.bmp")


@pytest.mark.parametrize("name", ["a.ppm", "a.bmp"])
def test_a_cut_ppm_or_bmp_is_damaged_and_a_huge_one_refused(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name, Image.fromarray(FUNDUS))
    intact = path.read_bytes()
    path.write_bytes(intact[: len(intact) // 2])
    assert "damaged" in reason(path)
    huge = (
        b"P6\n60000 60000\n255\n" if name == "a.ppm" else intact[:18] + struct.pack("<ii", 60000, 60000) + intact[26:]
    )
    path.write_bytes(huge)
    assert "megapixels" in reason(path)


def test_an_image_that_is_open_in_pillow_is_read_as_its_file_is(tmp_path: Path) -> None:
    for words, white_is_zero in ((GREY.astype(np.uint16) << 4, False), (65535 - (GREY.astype(np.uint16) << 8), True)):
        path = tiff(tmp_path / "a.tif", words, white_is_zero)
        with Image.open(path) as image:
            np.testing.assert_array_equal(pixels_of(image), read_photo(path).pixels)
    path = tiff(tmp_path / "rgb.tif", FUNDUS.astype(np.uint16) << 4)
    with Image.open(path) as image, pytest.raises(RefusedError, match="give the file itself"):
        pixels_of(image)
