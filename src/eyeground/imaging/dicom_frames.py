"""The compressed frame of a DICOM object (JPEG, JPEG Lossless, JPEG-LS or JPEG 2000) as its stored values.

8-bit JPEG and JPEG 2000 are decoded by Pillow, the rest by imagecodecs. The frame's own header is checked first: it may claim
another size, and it knows better in which colours it is coded.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from eyeground.imaging.limits import RefusedError

CODECS = {
    "1.2.840.10008.1.2.4.50": "JPEG",
    "1.2.840.10008.1.2.4.51": "JPEG",
    "1.2.840.10008.1.2.4.55": "JPEG",  # progressive, which the standard has retired and cameras still write
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.81": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
}
_STARTS_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # of JPEG, and of JPEG-LS
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_JFIF, _ADOBE, _END = 0xE0, 0xEE, b"\xff\xd9"
DAMAGED = "its compressed pixels are damaged, or take more memory than there is"

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class _Header:
    """The header of a JPEG or JPEG-LS; `adobe` is the colour transformation of that marker, if there is one."""

    width: int
    height: int
    bits: int
    components: bytes
    is_subsampled: bool
    is_jfif: bool
    adobe: int | None

    @property
    def libjpeg_sees_rgb(self) -> bool:
        """Whether libjpeg takes it for RGB, and so gives nothing else."""
        return not self.is_jfif and (self.adobe == 0 or (self.adobe is None and self.components == b"RGB"))

    def colour(self, declared: str) -> str:
        """The colours that it is coded in: by its own header, else as the DICOM object declares."""
        if self.is_jfif or self.adobe == 1:
            return "YBR_FULL"
        if self.adobe is None and self.components == b"RGB":
            return "RGB"
        return "YBR_FULL" if self.adobe is None and self.is_subsampled else declared


def decoded_frame(dataset: Any, syntax: str) -> tuple[Values, str]:
    """Decode the frame of a DICOM object, after its elements were checked.

    Returns:
        (h, w) or (h, w, 3), uint8 or uint16, in the colours that it is coded in.
        Those colours, as the element PhotometricInterpretation names them.

    Raises:
        RefusedError: If the frame does not fit the object, is damaged, or needs a package that is not installed.
    """
    from pydicom.encaps import get_frame

    codec, colour, samples = CODECS[syntax], str(dataset.PhotometricInterpretation), int(dataset.SamplesPerPixel)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if codec == "JPEG 2000":
        values = _jpeg_2000(frame, dataset, syntax)
        colour = "RGB" if colour in ("YBR_RCT", "YBR_ICT") else colour  # its own transformations, which decoders undo
    else:
        header = _header(frame)
        _fit(header.width, header.height, dataset)
        if samples == 3 and codec == "JPEG":
            colour = header.colour(colour)
        by_pillow = codec == "JPEG" and header.bits == 8
        values = _by_pillow(frame, header) if by_pillow else _by_imagecodecs(frame, codec, samples)
    if values.ndim == 3 and values.shape[0] == samples != values.shape[2]:
        values = values.transpose(1, 2, 0)  # planes of JPEG-LS
    if values.shape != (dataset.Rows, dataset.Columns, samples)[: 2 if samples == 1 else 3]:
        raise RefusedError("its compressed frame holds another number of values than the DICOM object says")
    return values, colour


def _header(frame: bytes) -> _Header:
    """Read the markers of a JPEG or JPEG-LS up to its start of frame."""
    is_jfif, adobe, place = False, None, 2
    while frame[:2] == b"\xff\xd8" and place + 4 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        content = frame[place + 4 : place + 2 + int.from_bytes(frame[place + 2 : place + 4])]
        is_jfif |= marker == _JFIF and content.startswith(b"JFIF\0")
        if marker == _ADOBE and content.startswith(b"Adobe") and len(content) >= 12:
            adobe = content[11]
        if marker in _STARTS_OF_FRAME and len(content) >= 6:
            height, width = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
            sampling = content[7::3]
            is_subsampled = len(sampling) > 1 and len(set(sampling)) > 1
            return _Header(width, height, content[0], content[6::3], is_subsampled, is_jfif, adobe)
        place += 4 + len(content)
    raise RefusedError(DAMAGED)


def _fit(width: int, height: int, dataset: Any) -> None:
    if (width, height) != (dataset.Columns, dataset.Rows):
        raise RefusedError(
            f"the compressed frame says {width} x {height} pixels, the DICOM object {dataset.Columns} x {dataset.Rows}"
        )


def _by_pillow(frame: bytes, header: _Header) -> Values:
    try:
        with Image.open(BytesIO(frame), formats=("JPEG",)) as image:
            if len(header.components) == 3 and not header.libjpeg_sees_rgb:
                image.draft("YCbCr", image.size)  # as it is coded; conversion follows once the coding is known
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise RefusedError(DAMAGED) from error


def _by_imagecodecs(frame: bytes, codec: str, samples: int) -> Values:
    try:
        import imagecodecs
    except ImportError as error:
        raise RefusedError(f"reading {codec} in DICOM needs imagecodecs: pip install imagecodecs") from error
    if codec != "JPEG 2000" and not frame.rstrip(b"\0").endswith(_END):  # which libjpeg would fill with grey
        raise RefusedError(DAMAGED)
    try:
        if codec == "JPEG-LS":
            return np.asarray(imagecodecs.jpegls_decode(frame))
        if codec == "JPEG 2000":
            return np.asarray(imagecodecs.jpeg2k_decode(frame))
        as_coded = "RGB" if samples == 3 else None  # from one to the same is no conversion
        return np.asarray(imagecodecs.jpeg_decode(frame, colorspace=as_coded, outcolorspace=as_coded))
    except (RuntimeError, ValueError) as error:
        raise RefusedError(DAMAGED) from error


def _jpeg_2000(frame: bytes, dataset: Any, syntax: str) -> Values:
    from pydicom.pixels import get_decoder

    with Image.open(BytesIO(frame), formats=("JPEG2000",)) as image:
        _fit(*image.size, dataset)
    if int(dataset.BitsAllocated) > 8:
        return _by_imagecodecs(frame, "JPEG 2000", int(dataset.SamplesPerPixel))  # Pillow cuts colours to 8 bits
    try:
        array, _ = get_decoder(syntax).as_array(dataset, index=0, raw=True, decoding_plugin="pillow")
    except RuntimeError as error:  # the plugin's errors, a lack of memory included
        raise RefusedError(DAMAGED) from error
    return np.asarray(array)
