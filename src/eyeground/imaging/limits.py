"""Limits on a photograph's file and header, checked before decoding, and the error that refuses it."""

# The largest cameras give 25 megapixels. 64 are decoded upright in under 1 GB of address space; in DICOM they take 1.1 GB
# as JPEG and 1.8 as JPEG 2000.
MOST_PIXELS = 64_000_000
LONGEST_SIDE = 32_000  # OpenCV's coordinates are 16 bits wide in places
MOST_BYTES = 256 * 2**20  # 64 megapixels of uncompressed RGB fit

FIRST_BYTES = 132  # enough to recognise a photograph
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"P6\n": "PPM",
    b"P6\r": "PPM",
    b"P6 ": "PPM",
    b"P6\t": "PPM",
}
_BMP, _BMP_HEADERS = b"BM", (12, 40, 52, 56, 64, 108, 124)  # bytes; two letters alone begin many a text


class RefusedError(Exception):
    """A reason to refuse a file, raised where its path is not known; `read_photo` turns it into the public error."""


def check_size(width: int, height: int) -> None:
    """Refuse a size that no fundus camera makes.

    Raises:
        RefusedError: If either side is not positive or the photograph is too large.
    """
    if width < 1 or height < 1:
        raise RefusedError(f"its header says {width} x {height} pixels")
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise RefusedError(
            f"its header says {width} x {height} pixels; the most accepted is {MOST_PIXELS // 1_000_000} megapixels "
            f"and {LONGEST_SIDE} on a side"
        )


def kind_of(first: bytes) -> str | None:
    """The kind of a photograph by its first `FIRST_BYTES` bytes, as Pillow names it, or DICOM; None for other files."""
    if first[128:132] == b"DICM":  # first, as a DICOM object may begin like a TIFF
        return "DICOM"
    for signature, kind in _SIGNATURES.items():
        if first.startswith(signature):
            return kind
    is_bitmap = first.startswith(_BMP) and int.from_bytes(first[14:18], "little") in _BMP_HEADERS
    return "BMP" if is_bitmap else None
