"""Pixels of an 8-bit photograph in a DICOM object, from any camera that writes one.

Ophthalmic Photography, Secondary Capture and VL Photographic objects are all read alike: what matters is one
frame of 8-bit RGB, YBR, monochrome or palette pixels. Transfer syntax, rows, columns and frames are checked
before anything is decompressed, and only the elements that describe pixels are parsed; a patient's name is
never in memory. JPEG goes through Pillow and RLE through pydicom, pinned, as decoders differ slightly.
"""

from io import BufferedReader, BytesIO
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from eyeground.errors import UserError
from eyeground.imaging.decode import RefusedError, check_size

# Transfer syntaxes that are read, and the pydicom plugin that decodes them ("" for uncompressed pixels).
_PLUGINS = {
    "1.2.840.10008.1.2": "",
    "1.2.840.10008.1.2.1": "",
    "1.2.840.10008.1.2.2": "",
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": "pillow",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
    "1.2.840.10008.1.2.5": "pydicom",
}
_ELEMENTS = [
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "PixelData",
]
_START_OF_META = 132  # bytes: the preamble and "DICM"
_SYNTAX = 0x00020010
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")


def read_pixels(stream: BufferedReader) -> npt.NDArray[np.uint8]:
    """Return the single frame of a DICOM object as `(height, width, 3)` uint8 RGB.

    Raises
    ------
    RefusedError
        If the object holds no photograph that we read, with what it holds instead.
    UserError
        If pydicom is not installed.
    """
    try:
        import pydicom
        from pydicom.filereader import read_dataset
    except ImportError as error:
        raise UserError('reading DICOM needs pydicom: pip install "eyeground[dicom]"') from error

    # By itself, as pydicom would inflate a deflated object whole before it tells its syntax.
    stream.seek(_START_OF_META)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2, specific_tags=[_SYNTAX])
    stream.seek(0)
    syntax = str(meta.get("TransferSyntaxUID", ""))
    if syntax not in _PLUGINS:
        raise RefusedError(f"its DICOM transfer syntax is not supported: {_syntax_name(syntax)}")
    dataset = pydicom.dcmread(stream, specific_tags=list(_ELEMENTS))
    _check(dataset)
    if _PLUGINS[syntax] == "pillow":
        _check_compressed_size(dataset)
    return _to_rgb(dataset, _decoded(dataset, syntax))


def _syntax_name(syntax: str) -> str:
    """The syntax in words. What is no known one is not quoted: in a damaged file it may be a piece of another element."""
    from pydicom.uid import UID

    known = UID(syntax)
    return f"{known.name} ({syntax})" if known.is_transfer_syntax and known.name != syntax else "missing or unknown"


def _check(dataset: Any) -> None:
    """Refuse by what the elements say, before any pixel is touched."""
    if "PixelData" not in dataset:
        raise RefusedError("the DICOM object holds no pixels, or is cut short")
    check_size(_number(dataset, "Columns"), _number(dataset, "Rows"))
    frames = _number(dataset, "NumberOfFrames", 1)
    if frames not in (0, 1):
        raise RefusedError(f"the DICOM object holds {frames} frames; export the one wanted as a photograph of its own")
    bits, stored = _number(dataset, "BitsAllocated"), _number(dataset, "BitsStored", 8)
    if bits != 8 or stored != 8:
        raise RefusedError(f"the DICOM object has {max(bits, stored)} bits per value; 8-bit photographs are read")
    if _number(dataset, "PixelRepresentation", 0) != 0:
        raise RefusedError("the DICOM object has values with a sign; photographs have none")
    colour = str(dataset.get("PhotometricInterpretation", ""))
    samples = 1 if colour.startswith(("MONOCHROME", "PALETTE")) else 3
    if colour not in _COLOURS or _number(dataset, "SamplesPerPixel") != samples:
        raise RefusedError("the DICOM object's pixels are not RGB, YBR, monochrome or palette colours")


def _number(dataset: Any, keyword: str, default: int | None = None) -> int:
    """A whole number from the header. What is none is not quoted: it may be a piece of another element."""
    value = dataset.get(keyword)
    if value in (None, "") and default is not None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise RefusedError(f"the DICOM object gives no proper {keyword}") from error


def _check_compressed_size(dataset: Any) -> None:
    """The compressed frame has a header of its own, which may claim another size than the object does."""
    from pydicom.encaps import get_frame

    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    with Image.open(BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
        if image.size != (dataset.Columns, dataset.Rows):
            raise RefusedError(
                f"the compressed frame says {image.size[0]} x {image.size[1]} pixels, the DICOM object "
                f"{dataset.Columns} x {dataset.Rows}"
            )


def _decoded(dataset: Any, syntax: str) -> npt.NDArray[np.uint8]:
    from pydicom.pixels import get_decoder

    try:
        array, properties = get_decoder(syntax).as_array(dataset, index=0, raw=True, decoding_plugin=_PLUGINS[syntax])
    except RuntimeError as error:  # stands for whatever the plugin raised, a lack of memory included
        raise RefusedError("its compressed pixels are damaged, or take more memory than there is") from error
    dataset.PhotometricInterpretation = properties["photometric_interpretation"]  # JPEG 2000 comes back as RGB
    if array.dtype != np.uint8:
        raise RefusedError(f"the DICOM object's pixels decode to {array.dtype}; 8-bit photographs are read")
    return np.asarray(array)


def _to_rgb(dataset: Any, array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    colour = dataset.PhotometricInterpretation
    if colour == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        # Palettes hold 16-bit values as a rule, even for 8-bit photographs.
        looked_up = np.asarray(apply_color_lut(array, dataset))[..., :3]
        return (looked_up >> 8 if looked_up.itemsize > 1 else looked_up).astype(np.uint8)
    if array.ndim == 2:
        grey = 255 - array if colour == "MONOCHROME1" else array
        return np.repeat(grey[..., None], 3, axis=2)
    if colour.startswith("YBR"):
        converted: npt.NDArray[np.uint8] = cv2.cvtColor(array[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB)
        return converted
    return np.ascontiguousarray(array)
