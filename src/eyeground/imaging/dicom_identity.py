"""Patient, eye and date of a DICOM object, as a manifest and a patient's result need them; never a name."""

import warnings
from dataclasses import dataclass
from typing import IO, Any

from eyeground.errors import UserError
from eyeground.imaging.dicom import read_elements

LONGEST = 64  # characters, as the standard has it for an identifier
_ELEMENTS = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientSex",
    "PatientAge",
    "ImageLaterality",
    "Laterality",
    "StudyDate",
    "StudyInstanceUID",
    "AccessionNumber",
    "SOPInstanceUID",
    "ManufacturerModelName",
)
_EYES = {"L": "left", "R": "right"}
_SEXES = {"F": "female", "M": "male"}
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True)
class Identity:
    """Patient, eye and study of a DICOM object; None where it has no valid value.

    Attributes:
        patient: PatientID; after IssuerOfPatientID, if there is one, as two hospitals may give one number to two
            people.
        eye: `left` or `right`, from ImageLaterality, else Laterality; None for both eyes.
        sex: `female` or `male`.
        age: In years.
        study, study_date, accession, instance, device: StudyInstanceUID, the date as YYYY-MM-DD, AccessionNumber,
            SOPInstanceUID, ManufacturerModelName.
    """

    patient: str | None = None
    eye: str | None = None
    sex: str | None = None
    age: float | None = None
    study: str | None = None
    study_date: str | None = None
    accession: str | None = None
    instance: str | None = None
    device: str | None = None


def read_identity(stream: IO[bytes]) -> Identity:
    """Read the identity of a DICOM object, from the elements before its pixels.

    All is None in a damaged object; without pydicom it is a `UserError`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote values that may name a patient
            dataset, _ = read_elements(stream, _ELEMENTS)
            return _identity(dataset)
    except UserError:
        raise
    except Exception:  # hostile bytes, which make pydicom raise any exception
        return Identity()


def _identity(dataset: Any) -> Identity:
    patient, issuer = _text(dataset, "PatientID"), _text(dataset, "IssuerOfPatientID")
    eye = _text(dataset, "ImageLaterality") or _text(dataset, "Laterality") or ""
    return Identity(
        patient=f"{issuer}-{patient}" if patient and issuer else patient,
        eye=_EYES.get(eye.upper()),
        sex=_SEXES.get((_text(dataset, "PatientSex") or "").upper()),
        age=_age(_text(dataset, "PatientAge") or ""),
        study=_text(dataset, "StudyInstanceUID"),
        study_date=_date(_text(dataset, "StudyDate") or ""),
        accession=_text(dataset, "AccessionNumber"),
        instance=_text(dataset, "SOPInstanceUID"),
        device=_text(dataset, "ManufacturerModelName"),
    )


def _text(dataset: Any, keyword: str) -> str | None:
    """An element as one line of printable text, as it goes into tables."""
    text = str(dataset.get(keyword) or "").strip()
    return "".join(mark if mark.isprintable() else " " for mark in text)[:LONGEST].strip() or None


def _date(text: str) -> str | None:
    digits = text.replace(".", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 and digits.isdecimal() else None


def _age(text: str) -> float | None:
    number, unit = text[:-1], text[-1:].upper()
    if not number.isdecimal() or unit not in _YEARS:
        return None
    return round(int(number) * _YEARS[unit], 2)
