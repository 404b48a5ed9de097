"""The header of a DICOM photograph, as far as results repeat it: patient, study, eye and size, each checked.

A value that breaks the standard is left out; where without it a result could reach a wrong patient, the object is refused. Pixels and
private elements are never read here.
"""

import re
import warnings
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal

from eyeground.errors import UserError
from eyeground.imaging.decode import opened
from eyeground.imaging.dicom import read_elements
from eyeground.imaging.limits import FIRST_BYTES, RefusedError, check_size, kind_of

Eye = Literal["left", "right"]

_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_NAMES = ("PatientName", "ReferringPhysicianName")
_SHORT = ("StudyID", "AccessionNumber")
_LONG = ("PatientID", "IssuerOfPatientID", "StudyDescription", "InstitutionName", "Manufacturer")
_DATES, _TIMES = ("PatientBirthDate", "StudyDate", "ContentDate"), ("StudyTime", "ContentTime")
_SIZES = ("Rows", "Columns", "NumberOfFrames")
_ELEMENTS = (
    *_UIDS,
    *_NAMES,
    *_SHORT,
    *_LONG,
    *_DATES,
    *_TIMES,
    *_SIZES,
    "SpecificCharacterSet",
    "PatientSex",
    "PatientIdentityRemoved",
    "ImageLaterality",
    "Laterality",
    "PatientOrientation",
    "AcquisitionDateTime",
    "Modality",
)
UTF_8 = "ISO_IR 192"
_EYES: dict[str, Eye] = {"L": "left", "R": "right"}
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_DATE_TIME = re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d(\.\d{1,6})?")
_LONGEST_SHORT, _LONGEST_LONG, _LONGEST_UID = 16, 64, 64
_DAY = 8  # digits
_MOST_GROUPS = 3  # alphabetic, ideographic, phonetic


@dataclass(frozen=True)
class Source:
    """A DICOM photograph that results are made of.

    Attributes:
        header: A pydicom data set of its checked elements, text as UTF-8; it has no pixels.
        eye: From ImageLaterality, else Laterality; None for both eyes or where it is not stated.
        width, height: Of the photograph in pixels; 0 where the header gives no size that is read.
    """

    header: Any
    eye: Eye | None
    width: int
    height: int

    @property
    def manufacturer(self) -> str:
        """Of the camera, or of the program that made the object."""
        return str(self.header.Manufacturer)

    @property
    def instance(self) -> str:
        """SOPInstanceUID of the photograph."""
        return str(self.header.SOPInstanceUID)


def is_dicom(path: Path) -> bool:
    """Whether a file is a DICOM object by its first bytes; one that cannot be opened is none."""
    try:
        with opened(path) as stream:
            return kind_of(stream.read(FIRST_BYTES)) == "DICOM"
    except RefusedError:
        return False


def read_source(path: Path) -> Source:
    """Read the header of a DICOM photograph.

    Raises:
        RefusedError: If it is damaged, or has no valid study, series, instance or patient, so that results could be filed
            under a wrong one; with a sentence that quotes nothing of it.
        UserError: If pydicom is not installed.
    """
    with opened(path) as stream:
        return source_of(stream)


def source_of(stream: IO[bytes]) -> Source:
    """As `read_source`, of an open file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote values that may name a patient
            return source_from(read_elements(stream, _ELEMENTS)[0])
    except (UserError, RefusedError):
        raise
    except Exception as error:  # hostile bytes, which make pydicom raise any exception
        raise RefusedError("its DICOM header is damaged, so no result can be filed with it") from error


def source_from(given: Any) -> Source:
    """As `read_source`, of a pydicom data set; what it may raise on hostile values is for the caller."""
    from pydicom.dataset import Dataset

    header = Dataset()
    header.SpecificCharacterSet = UTF_8
    for keyword in _UIDS:
        value = str(given.get(keyword, ""))
        if not UID.fullmatch(value) or len(value) > _LONGEST_UID:
            raise RefusedError(f"its {keyword} is missing or not valid, so no result can be filed with it")
        setattr(header, keyword, value)
    for keywords, check in (
        (_NAMES, _name),
        (_SHORT, lambda text: _line(text, _LONGEST_SHORT)),
        (_LONG, lambda text: _line(text, _LONGEST_LONG)),
        (_DATES, _day),
        (_TIMES, _matching(_TIME)),
        (("AcquisitionDateTime",), _matching(_DATE_TIME)),
        (("PatientSex",), _matching(re.compile("[MFO]"))),
        (("Modality",), _matching(re.compile("[A-Z]{2,16}"))),
        (("PatientIdentityRemoved",), _matching(re.compile("YES|NO"))),
    ):
        for keyword in keywords:
            setattr(header, keyword, check(_text(given, keyword)))
    if _text(given, "PatientID") and not header.PatientID:
        raise RefusedError("its PatientID is not valid, so no result can be filed with it")
    orientation = [str(one) for one in given.get("PatientOrientation") or ()]
    if len(orientation) == 2 and all(re.fullmatch("[LRAPHF]{1,3}", one) for one in orientation):
        header.PatientOrientation = orientation
    letter = str(given.get("ImageLaterality") or given.get("Laterality") or "").strip().upper()
    if letter in ("L", "R", "B"):
        header.ImageLaterality = letter
    width, height = _size(given)
    header.Rows, header.Columns = height, width
    return Source(header, _EYES.get(letter), width, height)


def _size(given: Any) -> tuple[int, int]:
    try:
        width, height = int(given.Columns), int(given.Rows)
        check_size(width, height)
    except (AttributeError, TypeError, ValueError, RefusedError):
        return 0, 0
    return width, height


def _text(given: Any, keyword: str) -> str:
    """An element as text; of one that holds several values, with the backslash between them, which no check accepts."""
    value = given.get(keyword) or ""
    return ("\\".join(map(str, value)) if isinstance(value, MutableSequence) else str(value)).strip(" \0")


def _line(text: str, longest: int) -> str:
    """The text; none if it is too long, or holds what DICOM's text on one line may not."""
    return text if len(text) <= longest and "\\" not in text and all(map(str.isprintable, text)) else ""


def _name(text: str) -> str:
    """A person's name with its groups, each of which may have 64 characters; none if it breaks that."""
    groups = text.split("=")
    return text if len(groups) <= _MOST_GROUPS and all(_line(group, _LONGEST_LONG) == group for group in groups) else ""


def _day(text: str) -> str:
    """A day of the calendar as DICOM writes it; none if it is not one."""
    try:
        return text if len(text) == _DAY and f"{datetime.strptime(text, '%Y%m%d'):%Y%m%d}" == text else ""
    except ValueError:
        return ""


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: text if pattern.fullmatch(text) else ""
