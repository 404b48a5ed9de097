"""Which DICOM objects hold no photograph, by the first bytes of a file; importing pydicom would take a quarter of a second.

An export also holds structured reports, presentation states, PDFs, measurements of the eye and its own directory.
"""

FIRST_BYTES = 1024  # hold the element that names the class, which comes third
_CLASS = b"\x02\x00\x02\x00UI"  # MediaStorageSOPClassUID
_LONGEST = 64
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# By their numbers in the standard's registry: each with all that stands below it.
_NO_PICTURES = (
    *(
        _STORAGE + number
        for number in (
            "9",  # waveforms
            "11",  # presentation states
            "66",  # raw data, registrations, segmentations
            "67",  # real world values
            "68",  # surfaces
            "77.1.5.3",  # stereometric relationships
            "78",  # ophthalmic measurements
            "79",
            "80",  # visual fields
            "88",  # structured reports
            "90",  # content assessments
            "104",  # encapsulated documents
            "131",
            "200",
            "481.3",  # radiotherapy: structures, plans, records
            "481.4",
            "481.5",
            "481.6",
            "481.7",
            "481.8",
            "481.9",
        )
    ),
    "1.2.840.10008.1.3.10",  # the directory of a medium
    "1.2.840.10008.5.1.4.38",  # hanging protocols
    "1.2.840.10008.5.1.4.39",  # colour palettes
)


def is_no_picture(first: bytes) -> bool:
    """Whether a DICOM object that begins with these `FIRST_BYTES` bytes is of a class without a photograph."""
    place = first.find(_CLASS, 132)
    if place < 0:
        return False
    start = place + len(_CLASS) + 2
    length = int.from_bytes(first[start - 2 : start], "little")
    sop_class = first[start : start + min(length, _LONGEST)].rstrip(b"\0 ").decode("ascii", "replace")
    return any(sop_class == number or sop_class.startswith(f"{number}.") for number in _NO_PICTURES)
