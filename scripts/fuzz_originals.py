"""Photographs in every format that screening reads, with a patient's name where possible, for `fuzz_screening.py`."""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pydicom
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from eyeground.datasets.synthetic import render

NAME = "Doe^Jane^Secret"  # what must never be seen in a table, a report or a message

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Original:
    """A file to damage; `readable` says whether it can be read as it is, None if that is not known."""

    kind: str
    content: bytes
    readable: bool | None = True


def rendered_originals(heights: Sequence[int], seed: int = 0) -> list[Original]:
    """Rendered photographs of these heights, each in every format and variant."""
    return [
        original
        for height in heights
        for original in _all_variants(render("diabetic_retinopathy", height=height, seed=seed + height).pixels)
    ]


def originals_from(folder: Path) -> list[Original]:
    """The photographs below a folder as they are."""
    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".dcm": "DICOM"}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    return [Original(kinds[path.suffix.lower()], path.read_bytes(), None) for path in paths]


def medical_originals() -> list[Original]:
    """pydicom's own test files: ultrasound, waveforms, broken lengths, every transfer syntax."""
    files = sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm"))
    return [Original("pydicom", path.read_bytes(), None) for path in files]


def _all_variants(pixels: Pixels) -> list[Original]:
    jpegs, pngs, tiffs = _jpegs(pixels), _pngs(pixels), [*_tiffs(pixels), *_unusual_tiffs(pixels)]
    return [
        *(Original("JPEG", content) for content in jpegs),
        *(Original("PNG", content) for content in pngs),
        *(Original("TIFF", content) for content in tiffs),
        *_dicoms(pixels),
    ]


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _jpegs(pixels: Pixels) -> list[bytes]:
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x013B] = 6, NAME, NAME  # orientation, description, artist
    comment = NAME.encode()
    return [
        _saved(image, "JPEG", quality=92, comment=comment),
        _saved(image, "JPEG", quality=85, subsampling=0, progressive=True, comment=comment),
        _saved(image, "JPEG", quality=92, restart_marker_blocks=7, comment=comment),
        _saved(image, "JPEG", quality=92, exif=exif, icc_profile=bytes(300)),
        _saved(image.convert("L"), "JPEG", quality=92, comment=comment),
        _saved(image.convert("CMYK"), "JPEG", quality=92, comment=comment),
    ]


def _pngs(pixels: Pixels) -> list[bytes]:
    image = Image.fromarray(pixels)
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", NAME)
    text.add_itxt("Description", NAME, zip=True)
    variants = [image.convert(mode) for mode in ("RGB", "L", "P", "RGBA", "LA", "1")]
    deep = cv2.imencode(".png", pixels[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    grey = cv2.imencode(".png", pixels[..., 1].astype(np.uint16) * 257)[1].tobytes()
    return [*(_saved(one, "PNG", pnginfo=text) for one in variants), deep, grey, _interlaced(pixels)]


def _interlaced(pixels: Pixels) -> bytes:
    """An RGB PNG in the seven passes of Adam7, which no library at hand writes."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b""
    for top, left, down, across in passes:
        part = pixels[top::down, left::across]
        if part.size:
            rows += np.pad(part.reshape(len(part), -1), ((0, 0), (1, 0))).tobytes()
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"tEXt", b"Author\0" + NAME.encode()), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _tiffs(pixels: Pixels) -> list[bytes]:
    image = Image.fromarray(pixels)
    named = {270: NAME, 315: NAME}  # description, artist
    compressions = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    files = [_saved(image, "TIFF", compression=compression, tiffinfo=named) for compression in compressions]
    files += [_saved(image.convert(mode), "TIFF", tiffinfo=named) for mode in ("L", "P", "CMYK", "RGBA", "1", "YCbCr")]
    pages = [image.convert("L"), image]
    return [*files, _saved(image, "TIFF", save_all=True, append_images=pages, compression="tiff_lzw", tiffinfo=named)]


def _unusual_tiffs(pixels: Pixels) -> list[bytes]:
    """What only tifffile writes: tiles, separate planes, big endian, BigTIFF, 16 bits."""
    variants: list[tuple[NDArray[np.integer], dict[str, object], dict[str, object]]] = [
        (pixels, {}, {"tile": (64, 64)}),
        (pixels, {}, {"tile": (32, 128), "compression": "zlib"}),
        (pixels, {"bigtiff": True}, {"rowsperstrip": 16}),
        (pixels, {"byteorder": ">"}, {"rowsperstrip": 16, "compression": "zlib", "predictor": True}),
        (np.ascontiguousarray(pixels.transpose(2, 0, 1)), {}, {"planarconfig": "separate"}),
        (pixels[..., 1].astype(np.uint16) * 257, {"byteorder": ">"}, {}),
    ]
    files = []
    for values, file_options, options in variants:
        stream = io.BytesIO()
        photometric = "rgb" if values.ndim == 3 else "minisblack"
        with tifffile.TiffWriter(stream, **file_options) as writer:
            writer.write(values, photometric=photometric, description=NAME, metadata=None, **options)
        files.append(stream.getvalue())
    return files


def _dicoms(pixels: Pixels) -> list[Original]:
    image, grey = Image.fromarray(pixels), np.ascontiguousarray(pixels[..., 1])
    jpeg = _saved(image, "JPEG", quality=92)
    jpeg_2000 = _saved(image, "JPEG2000", irreversible=False, no_jp2=True)
    indexed = image.quantize(256)
    palette = np.zeros((256, 3), np.uint8)
    colours = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(colours)] = colours
    tables: dict[str, object] = {}
    for index, colour in enumerate(("Red", "Green", "Blue")):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"{colour}PaletteColorLookupTableData"] = (palette[:, index].astype("<u2") * 257).tobytes()
    plain = _dicom(pixels, "RGB")
    run_lengths = pydicom.dcmread(io.BytesIO(plain))
    run_lengths.compress(RLELossless, encoding_plugin="pydicom")
    stream = io.BytesIO()
    run_lengths.save_as(stream)
    files = [
        plain,
        stream.getvalue(),
        _dicom(pixels, "RGB", ImplicitVRLittleEndian),
        _dicom(pixels, "RGB", ExplicitVRBigEndian),
        _dicom(pixels, "YBR_FULL_422", JPEGBaseline8Bit, PixelData=encapsulate([jpeg])),
        _dicom(pixels, "YBR_RCT", JPEG2000Lossless, PixelData=encapsulate([jpeg_2000])),
        _dicom(grey, "MONOCHROME2"),
        _dicom(grey, "MONOCHROME1"),
        _dicom(np.array(indexed), "PALETTE COLOR", **tables),
    ]
    frames = _dicom(pixels, "RGB", PixelData=pixels.tobytes() * 3, NumberOfFrames=3)
    return [*(Original("DICOM", content) for content in files), Original("DICOM", frames, readable=False)]


def _dicom(pixels: Pixels, colour: str, syntax: str = ExplicitVRLittleEndian, **elements: object) -> bytes:
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
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW" if syntax == ImplicitVRLittleEndian else "OB"
    stream = io.BytesIO()
    little = syntax != ExplicitVRBigEndian
    implicit = syntax == ImplicitVRLittleEndian
    dataset.save_as(stream, little_endian=little, implicit_vr=implicit, enforce_file_format=True)
    return stream.getvalue()
