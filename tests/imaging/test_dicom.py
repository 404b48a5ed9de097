import io
import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photographs import draw_fundus
from PIL import Image

from eyeground.imaging.decode import UnreadablePhotoError, read_photo

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.encaps import encapsulate  # noqa: E402
from pydicom.uid import (  # noqa: E402
    MPEG2MPML,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

FUNDUS = draw_fundus(90, 120, (60, 45), 40)
NAME = "Doe^Jane"


def dicom(
    path: Path,
    pixels: npt.NDArray[np.uint8] = FUNDUS,
    colour: str = "RGB",
    syntax: str = ExplicitVRLittleEndian,
    frame: bytes | None = None,
    **elements: object,
) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = NAME
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = colour
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = encapsulate([frame]) if frame else pixels.tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    little = syntax != ExplicitVRBigEndian
    is_bytes = syntax != ImplicitVRLittleEndian and dataset.BitsAllocated == 8
    dataset["PixelData"].VR = "OB" if is_bytes or frame else "OW"
    dataset.save_as(path, little_endian=little, implicit_vr=syntax == ImplicitVRLittleEndian, enforce_file_format=True)
    return path


def jpeg(pixels: npt.NDArray[np.uint8], **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=97, subsampling=0, **options)
    return stream.getvalue()


def reason(path: Path) -> str:
    with pytest.raises(UnreadablePhotoError) as caught:
        read_photo(path)
    assert NAME not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_uncompressed_rgb_is_read_exactly(tmp_path: Path, syntax: str) -> None:
    photo = read_photo(dicom(tmp_path / "a.dcm", syntax=syntax))
    np.testing.assert_array_equal(photo.pixels, FUNDUS)
    assert (photo.original_width, photo.original_height) == (120, 90)


def test_planes_of_colour_are_interleaved(tmp_path: Path) -> None:
    planes = np.ascontiguousarray(FUNDUS.transpose(2, 0, 1)).tobytes()
    path = dicom(tmp_path / "a.dcm", PixelData=planes, PlanarConfiguration=1)
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


def test_ybr_becomes_rgb(tmp_path: Path) -> None:
    ybr = np.array(Image.fromarray(FUNDUS).convert("YCbCr"))
    pixels = read_photo(dicom(tmp_path / "a.dcm", ybr, "YBR_FULL")).pixels
    assert np.abs(pixels.astype(int) - FUNDUS).max() <= 3


def test_monochrome1_is_the_negative_of_monochrome2(tmp_path: Path) -> None:
    grey = FUNDUS[..., 1]
    light = read_photo(dicom(tmp_path / "2.dcm", grey, "MONOCHROME2")).pixels
    dark = read_photo(dicom(tmp_path / "1.dcm", grey, "MONOCHROME1")).pixels
    np.testing.assert_array_equal(light, np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(dark, 255 - light)


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_colours_are_looked_up(tmp_path: Path, bits: int) -> None:
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    palette = np.random.default_rng(0).integers(0, 256, (3, 256))
    tables = {}
    for name, table in zip(("Red", "Green", "Blue"), palette, strict=True):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        data = table.astype(np.uint8) if bits == 8 else (table * 257).astype("<u2")
        tables[f"{name}PaletteColorLookupTableData"] = data.tobytes()
    path = dicom(tmp_path / "a.dcm", index, "PALETTE COLOR", **tables)
    np.testing.assert_array_equal(read_photo(path).pixels, palette.T[index])


@pytest.mark.parametrize("colour", ["YBR_FULL_422", "RGB"])
def test_jpeg_frames_keep_their_colours(tmp_path: Path, colour: str) -> None:
    if colour == "RGB":  # stored without a colour transform, as some cameras do
        stream = io.BytesIO()
        Image.fromarray(FUNDUS).save(stream, format="JPEG", quality=97, subsampling=0, keep_rgb=True)
        frame = stream.getvalue()
    else:
        frame = jpeg(FUNDUS)
    path = dicom(tmp_path / "a.dcm", FUNDUS, colour, JPEGBaseline8Bit, frame)
    assert np.abs(read_photo(path).pixels.astype(int) - FUNDUS).mean() < 3


def test_jpeg_2000_is_read_exactly(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(FUNDUS).save(stream, format="JPEG2000", irreversible=False, no_jp2=True)
    path = dicom(tmp_path / "a.dcm", FUNDUS, "YBR_RCT", JPEG2000Lossless, stream.getvalue())
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


def test_run_lengths_are_read_exactly(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm")
    dataset = pydicom.dcmread(path)
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    dataset.save_as(path)
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


def test_unsupported_transfer_syntaxes_are_refused_by_name(tmp_path: Path) -> None:
    path = dicom(tmp_path / "video.dcm", FUNDUS, "YBR_FULL_422", MPEG2MPML, b"\0" * 40)
    assert "MPEG2" in reason(path)


def test_a_deflated_object_is_read_exactly(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", syntax=DeflatedExplicitVRLittleEndian)
    np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)


def test_a_deflated_object_that_inflates_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyeground.imaging.dicom.MOST_BYTES", 10_000)
    path = dicom(tmp_path / "a.dcm", syntax=DeflatedExplicitVRLittleEndian)
    assert "deflated content" in reason(path)


@pytest.mark.parametrize(("stored", "highest_bit"), [(12, 11), (12, 15), (10, 9), (16, 15), (8, 7)])
@pytest.mark.parametrize("colour", ["RGB", "MONOCHROME1", "MONOCHROME2"])
def test_a_photograph_of_more_bits_is_the_one_of_8(tmp_path: Path, colour: str, stored: int, highest_bit: int) -> None:
    pixels = FUNDUS if colour == "RGB" else FUNDUS[..., 1]
    words = (pixels if colour != "MONOCHROME1" else 255 - pixels).astype("<u2") << (stored - 8)
    words <<= highest_bit + 1 - stored
    elements = {"BitsAllocated": 16, "BitsStored": stored, "HighBit": highest_bit, "PixelData": words.tobytes()}
    read = read_photo(dicom(tmp_path / "a.dcm", pixels, colour, **elements)).pixels
    np.testing.assert_array_equal(read, pixels if colour == "RGB" else np.repeat(pixels[..., None], 3, axis=2))


def test_twelve_bits_declared_as_sixteen_are_scaled(tmp_path: Path) -> None:
    words = FUNDUS.astype("<u2") << 4
    elements = {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelData": words.tobytes()}
    np.testing.assert_array_equal(read_photo(dicom(tmp_path / "a.dcm", **elements)).pixels, FUNDUS)


def test_a_slice_of_another_modality_is_refused(tmp_path: Path) -> None:
    words = FUNDUS[..., 1].astype("<u2")
    elements = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelData": words.tobytes()}
    path = dicom(tmp_path / "a.dcm", FUNDUS[..., 1], "MONOCHROME2", SOPClassUID=CTImageStorage, **elements)
    assert "object of photography" in reason(path)


def test_a_palette_of_16_bits_that_fills_only_the_lower_8_is_looked_up(tmp_path: Path) -> None:
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    palette = np.random.default_rng(0).integers(0, 256, (3, 256))
    tables: dict[str, object] = {}
    for name, table in zip(("Red", "Green", "Blue"), palette, strict=True):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"{name}PaletteColorLookupTableData"] = table.astype("<u2").tobytes()
    path = dicom(tmp_path / "a.dcm", index, "PALETTE COLOR", **tables)
    np.testing.assert_array_equal(read_photo(path).pixels, palette.T[index])


def test_an_object_that_begins_like_a_tiff_is_read_as_dicom(tmp_path: Path) -> None:
    content = dicom(tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(b"II*\0" + content[4:])
    np.testing.assert_array_equal(read_photo(tmp_path / "a.dcm").pixels, FUNDUS)


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Rows": 65535, "Columns": 65535}, "megapixels"),
        ({"NumberOfFrames": 3}, "3 frames"),
        ({"BitsAllocated": 32, "BitsStored": 12, "HighBit": 11}, "32 bits"),
        ({"BitsStored": 4, "HighBit": 3}, "4 of them used"),
        ({"PhotometricInterpretation": "HSV"}, "not RGB"),
        ({"PixelData": b"\0" * 100}, "damaged"),
    ],
)
def test_objects_that_hold_no_such_photograph_say_why(tmp_path: Path, elements: dict[str, object], words: str) -> None:
    assert words in reason(dicom(tmp_path / "a.dcm", **elements))


def test_an_object_without_pixels_says_so(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm")
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    assert "no pixels" in reason(path)


def test_a_frame_that_claims_another_size_than_its_object_is_refused(tmp_path: Path) -> None:
    frame = bytearray(jpeg(FUNDUS))
    start = frame.index(b"\xff\xc0")
    frame[start + 5 : start + 9] = b"\xff\xff\xff\xff"
    path = dicom(tmp_path / "a.dcm", FUNDUS, "YBR_FULL_422", JPEGBaseline8Bit, bytes(frame))
    assert "65535 x 65535" in reason(path)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), compressed=st.booleans())
def test_damaged_objects_are_read_or_refused_but_never_crash(tmp_path: Path, seed: int, compressed: bool) -> None:
    random = np.random.default_rng(seed)
    small = FUNDUS[:16, :16]
    path = tmp_path / "a.dcm"
    if compressed:
        dicom(path, small, "YBR_FULL_422", JPEGBaseline8Bit, jpeg(small))
    else:
        dataset = pydicom.dcmread(dicom(path, small))
        dataset.compress(RLELossless, encoding_plugin="pydicom")
        dataset.save_as(path)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    where = random.integers(132, len(content), 6)
    content[where] = random.integers(0, 256, 6)
    path.write_bytes(content.tobytes()[: random.integers(140, len(content) + 1)])
    try:
        assert read_photo(path).pixels.ndim == 3
    except UnreadablePhotoError as error:
        assert NAME not in str(error)


def test_a_frame_of_slightly_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", FUNDUS, "YBR_FULL_422", JPEGBaseline8Bit, jpeg(FUNDUS[:80]))
    assert "120 x 80" in reason(path) and "120 x 90" in reason(path)


def test_a_zoo_of_medical_files_is_read_or_refused_for_a_reason() -> None:
    """pydicom's own test files: CT, ultrasound, waveforms, broken lengths, every transfer syntax."""
    zoo = sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"))
    assert len(zoo) > 50
    read = 0
    for path in zoo:
        try:
            pixels = read_photo(path).pixels
            assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
            read += 1
        except UnreadablePhotoError as error:
            assert len(error.reason) < 200
    assert read > 8


def test_an_element_that_claims_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm")
    intact = path.read_bytes()
    length = intact.index(b"\xe0\x7f\x10\x00OB\0\0") + 8
    path.write_bytes(intact[:length] + b"\xf0\xff\xff\x7f" + intact[length + 4 :])
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(read_photo(path).pixels, FUNDUS)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_what_is_no_known_transfer_syntax_is_not_quoted(tmp_path: Path) -> None:
    """In a damaged file it may be a date of birth."""
    intact = dicom(tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(intact.replace(b"1.2.840.10008.1.2.1\0", b"19580312".ljust(20, b"\0")))
    assert reason(tmp_path / "a.dcm") == "its DICOM transfer syntax is not supported: missing or unknown"


def test_what_is_no_number_where_one_belongs_is_not_quoted(tmp_path: Path) -> None:
    intact = dicom(tmp_path / "a.dcm").read_bytes()
    bits = b"\x28\x00\x00\x01US\x02\x00\x08\x00"
    assert bits in intact
    (tmp_path / "a.dcm").write_bytes(intact.replace(bits, b"\x28\x00\x00\x01LO\x02\x00QZ"))
    assert reason(tmp_path / "a.dcm") == "the DICOM object gives no proper BitsAllocated"


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated", "SamplesPerPixel"])
def test_an_object_that_lacks_a_number_says_which(tmp_path: Path, keyword: str) -> None:
    dataset = pydicom.dcmread(dicom(tmp_path / "a.dcm"))
    delattr(dataset, keyword)
    dataset.save_as(tmp_path / "a.dcm")
    assert reason(tmp_path / "a.dcm") == f"the DICOM object gives no proper {keyword}"


@pytest.mark.parametrize("frames", ["", 0, 1])
def test_an_object_that_leaves_its_frames_open_holds_one(tmp_path: Path, frames: object) -> None:
    np.testing.assert_array_equal(read_photo(dicom(tmp_path / "a.dcm", NumberOfFrames=frames)).pixels, FUNDUS)


def test_values_with_a_sign_are_refused_as_such(tmp_path: Path) -> None:
    assert "sign" in reason(dicom(tmp_path / "a.dcm", PixelRepresentation=1))


def test_an_object_that_ends_within_its_pixels_is_said_to_be_cut_short(tmp_path: Path) -> None:
    intact = dicom(tmp_path / "a.dcm", FUNDUS, "YBR_FULL_422", JPEGBaseline8Bit, jpeg(FUNDUS)).read_bytes()
    (tmp_path / "a.dcm").write_bytes(intact[:-1000])
    assert reason(tmp_path / "a.dcm") == "the DICOM object holds no pixels, or is cut short"


def test_damaged_compressed_pixels_are_said_to_be_so(tmp_path: Path) -> None:
    frame = jpeg(FUNDUS)
    path = dicom(tmp_path / "a.dcm", FUNDUS, "YBR_FULL_422", JPEGBaseline8Bit, frame[: len(frame) // 2])
    assert "compressed pixels are damaged" in reason(path)
