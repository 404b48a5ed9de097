"""Pixels of a photograph in a DICOM object of any camera: one frame of RGB, YBR, monochrome or palette colours.

Only the elements that describe pixels are parsed, so a patient's name is never in memory, and they are checked before decoding.
More than 8 bits per value are accepted in objects of photography alone, since CT images are no photographs.
"""

import zlib
from io import BufferedReader, BytesIO
from typing import IO, Any

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.errors import UserError
from eyeground.imaging.deep_pixels import depth_of, upper_8
from eyeground.imaging.dicom_frames import CODECS, decoded_frame
from eyeground.imaging.limits import MOST_BYTES, RefusedError, check_size

_DEFLATED = "1.2.840.10008.1.2.1.99"
_EXPLICIT = "1.2.840.10008.1.2.1"  # and little-endian
_NATIVE = ("1.2.840.10008.1.2", _EXPLICIT, "1.2.840.10008.1.2.2", _DEFLATED)
_RLE = "1.2.840.10008.1.2.5"
SYNTAXES = (*_NATIVE, _RLE, *CODECS)  # the transfer syntaxes that are read
_ELEMENTS = (
    "SOPClassUID",
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
)
_START_OF_META = 132  # bytes: the preamble and "DICM"
_LENGTH_OF_META, _SYNTAX = 0x00020000, 0x00020010
_AFTER_LENGTH = 12  # bytes of the element that gives the length of the others
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
# Secondary Capture, and the family of visible light with all ophthalmic photography.
_PHOTOGRAPHY = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.77.1.")


def read_pixels(stream: BufferedReader) -> npt.NDArray[np.uint8]:
    """Return the single frame of a DICOM object as `(height, width, 3)` uint8 RGB.

    Raises:
        RefusedError: If the object holds no supported photograph, with what it holds instead.
        UserError: If pydicom is not installed.
    """
    dataset, syntax = read_elements(stream, _ELEMENTS)
    if syntax not in SYNTAXES:
        raise RefusedError(f"its DICOM transfer syntax is not supported: {_syntax_name(syntax)}")
    _check(dataset)
    values, colour = decoded_frame(dataset, syntax) if syntax in CODECS else _decoded(dataset, syntax)
    if colour == "PALETTE COLOR":
        return _looked_up(dataset, values)
    return _to_rgb(_in_8_bits(dataset, values, syntax), colour)


def read_elements(stream: IO[bytes], elements: tuple[str, ...]) -> tuple[Any, str]:
    """Some elements of a DICOM object, and its transfer syntax.

    Raises:
        RefusedError: If it is deflated and inflates beyond the largest file accepted.
        UserError: If pydicom is not installed.
    """
    try:
        import pydicom
        from pydicom.datadict import tag_for_keyword
        from pydicom.filereader import read_dataset
    except ImportError as error:
        raise UserError("reading DICOM needs pydicom: pip install pydicom") from error

    # Separately, as pydicom would inflate an entire deflated object before it gives the syntax.
    stream.seek(_START_OF_META)
    tags = [_LENGTH_OF_META, _SYNTAX]
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2, specific_tags=tags)
    syntax = str(meta.get("TransferSyntaxUID", ""))
    if syntax == _DEFLATED:
        stream.seek(_START_OF_META + _AFTER_LENGTH + int(meta.FileMetaInformationGroupLength))
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflating.decompress(stream.read(), MOST_BYTES)
        if inflating.unconsumed_tail:
            raise RefusedError(f"its deflated content has more than the {MOST_BYTES // 2**20} MB accepted")
        tags = [tag for tag in map(tag_for_keyword, elements) if tag is not None]
        return read_dataset(BytesIO(content), False, True, specific_tags=tags), syntax
    stream.seek(0)
    stop_early = "PixelData" not in elements
    return pydicom.dcmread(stream, specific_tags=list(elements), stop_before_pixels=stop_early), syntax


def _syntax_name(syntax: str) -> str:
    """The syntax's name; an unknown one is not quoted, as in a damaged file it may be part of another element."""
    from pydicom.uid import UID

    known = UID(syntax)
    return f"{known.name} ({syntax})" if known.is_transfer_syntax and known.name != syntax else "missing or unknown"


def _check(dataset: Any) -> None:
    """Refuse by the elements, before any pixel is decoded."""
    if "PixelData" not in dataset:
        raise RefusedError("the DICOM object holds no pixels, or is cut short")
    check_size(_number(dataset, "Columns"), _number(dataset, "Rows"))
    frames = _number(dataset, "NumberOfFrames", 1)
    if frames not in (0, 1):
        raise RefusedError(f"the DICOM object holds {frames} frames; export the one wanted as a photograph of its own")
    bits, stored = _number(dataset, "BitsAllocated"), _number(dataset, "BitsStored", 8)
    if bits not in (8, 16) or not 8 <= stored <= bits:
        raise RefusedError(f"the DICOM object has {bits} bits per value, {stored} of them used; read are 8 to 16")
    if bits > 8 and not str(dataset.get("SOPClassUID", "")).startswith(_PHOTOGRAPHY):
        raise RefusedError(f"the DICOM object has {bits} bits per value and is not an object of photography")
    if _number(dataset, "PixelRepresentation", 0) != 0:
        raise RefusedError("the DICOM object has values with a sign; photographs have none")
    colour = str(dataset.get("PhotometricInterpretation", ""))
    samples = 1 if colour.startswith(("MONOCHROME", "PALETTE")) else 3
    if colour not in _COLOURS or _number(dataset, "SamplesPerPixel") != samples:
        raise RefusedError("the DICOM object's pixels are not RGB, YBR, monochrome or palette colours")


def _number(dataset: Any, keyword: str, default: int | None = None) -> int:
    """An integer of the header; anything else is not quoted, as it may be part of another element."""
    value = dataset.get(keyword)
    if value in (None, "") and default is not None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise RefusedError(f"the DICOM object gives no proper {keyword}") from error


def _decoded(dataset: Any, syntax: str) -> tuple[npt.NDArray[Any], str]:
    """Values that pydicom decodes itself: uncompressed, or in run lengths."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.pixels import get_decoder

    plugin = "pydicom" if syntax == _RLE else ""
    # After inflating, it is explicit and little-endian.
    decoder = get_decoder(_EXPLICIT if syntax == _DEFLATED else syntax)
    if syntax == _DEFLATED:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = _EXPLICIT
    stored, dataset.BitsStored = dataset.get("BitsStored"), dataset.BitsAllocated  # else pydicom cuts the bits above
    try:
        array, _ = decoder.as_array(dataset, index=0, raw=True, decoding_plugin=plugin)
    except (RuntimeError, ValueError) as error:  # RuntimeError stands for whatever the plugin raised
        raise RefusedError("its pixels are damaged, or take more memory than there is") from error
    dataset.BitsStored = stored
    return np.asarray(array), str(dataset.PhotometricInterpretation)


def _in_8_bits(dataset: Any, values: npt.NDArray[Any], syntax: str) -> npt.NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return np.asarray(values)
    if values.dtype != np.uint16:
        raise RefusedError(f"the DICOM object's pixels decode to {values.dtype}; 8 and 16 bits are read")
    stored = _number(dataset, "BitsStored", 8)
    if syntax in _NATIVE:  # the picture may lie anywhere in the word, and overlays beside it
        lowest = _number(dataset, "HighBit", stored - 1) + 1 - stored
        if not 0 <= lowest <= 16 - stored:
            raise RefusedError("the DICOM object's HighBit and BitsStored contradict each other")
        values = (values >> lowest) & np.uint16((1 << stored) - 1)
    return upper_8(values, depth_of(values, stored))


def _looked_up(dataset: Any, index: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    from pydicom.pixels import apply_color_lut

    # Palettes usually hold 16-bit values, even for 8-bit photographs; some programs fill only the lower 8.
    colours = np.asarray(apply_color_lut(index, dataset))[..., :3]
    is_deep = colours.itemsize > 1 and int(colours.max()) > 255
    return (colours >> 8 if is_deep else colours).astype(np.uint8)


def _to_rgb(array: npt.NDArray[np.uint8], colour: str) -> npt.NDArray[np.uint8]:
    if array.ndim == 2:
        grey = 255 - array if colour == "MONOCHROME1" else array
        return np.repeat(grey[..., None], 3, axis=2)
    if colour.startswith("YBR"):
        converted: npt.NDArray[np.uint8] = cv2.cvtColor(array[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB)
        return converted
    return np.ascontiguousarray(array)
