"""The attributes that all objects of one photograph share: patient and study of the photograph, equipment and identity of ours.

UIDs are derived from the photograph's and from what decided, so that a result made again is the same object to an archive.
"""

import uuid
from typing import Any

from eyeground.serving.dicom.source import UTF_8, Source
from eyeground.serving.result import MAKER, PRODUCT, Result
from eyeground.serving.terminology import PRIVATE, PRIVATE_NAME, Concept

EXPLICIT = "1.2.840.10008.1.2.1"  # and little-endian
FIRST_SERIES = 9000  # above the numbers that cameras give
_LONGEST_DESCRIPTION = 64
_NAMESPACE = uuid.UUID("7e5b4c0a-6c2f-5d7e-9a43-0b1f6a7d2c11")


def uid(*parts: str) -> str:
    """A UID below 2.25 (ISO/IEC 9834-8, name-based), the same for the same parts."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(31).join(parts)).int}"


def common(source: Source, result: Result, kind: str, place: int, title: str) -> dict[str, Any]:
    """Arguments that every class of highdicom takes.

    Args:
        source, result: The photograph and its result.
        kind: Of object, which with photograph and result makes its UIDs.
        place: Of the kind among the others, which makes the series' number.
        title: For the description of its series, before the eye.
    """
    return {
        "series_instance_uid": uid(source.instance, result.identity, kind, "series"),
        "sop_instance_uid": uid(source.instance, result.identity, kind),
        "series_number": FIRST_SERIES + place,
        "instance_number": 1,
        "manufacturer": MAKER,
        "manufacturer_model_name": f"{PRODUCT} {result.finding.model}"[:_LONGEST_DESCRIPTION],
        "software_versions": result.version,
        "device_serial_number": result.weights_sha256,
        "content_qualification": "RESEARCH",
        "content_date": result.made.date(),
        "content_time": result.made.time().replace(microsecond=0),
        "series_description": described(title, source),
        "transfer_syntax_uid": EXPLICIT,
        "specific_character_set": UTF_8,
    }


def study(source: Source) -> dict[str, Any]:
    """Patient and study of the photograph, for classes of highdicom that do not take them from a reference."""
    header = source.header
    return {
        "study_instance_uid": header.StudyInstanceUID,
        "patient_id": header.PatientID,
        "patient_name": header.PatientName,
        "patient_birth_date": header.PatientBirthDate,
        "patient_sex": header.PatientSex or None,
        "accession_number": header.AccessionNumber,
        "study_id": header.StudyID,
        "study_date": header.StudyDate or None,
        "study_time": header.StudyTime or None,
        "referring_physician_name": header.ReferringPhysicianName or None,
    }


def described(title: str, source: Source) -> str:
    """A series' description with the eye, as viewers show no laterality, and with what it may be used for."""
    eye = f"{source.eye} eye" if source.eye else "eye not stated"
    return f"{title}, {eye} (research use)"[:_LONGEST_DESCRIPTION]


def finish(dataset: Any, source: Source) -> Any:
    """The object with what highdicom leaves out: the eye, and whose the patient's number is."""
    if "ImageLaterality" in source.header and "Rows" in dataset:
        dataset.ImageLaterality = source.header.ImageLaterality
    for keyword in ("IssuerOfPatientID", "StudyDescription"):
        if source.header.get(keyword):
            setattr(dataset, keyword, source.header[keyword].value)
    if source.header.PatientIdentityRemoved == "YES":
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "Made of a photograph that was de-identified"
    dataset.SeriesDate, dataset.SeriesTime = dataset.ContentDate, dataset.ContentTime
    dataset.TimezoneOffsetFromUTC = "+0000"
    return dataset


def coded(concept: Concept) -> Any:
    """A concept as highdicom takes it."""
    from highdicom.sr import CodedConcept

    return CodedConcept(concept.code, concept.scheme, concept.meaning)


def reference(source: Source) -> Any:
    """The photograph as an item of a sequence that refers to it."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.header.SOPClassUID, source.instance
    return item


def private_scheme() -> Any:
    """The identification of our private coding scheme."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(PRIVATE, name=PRIVATE_NAME, responsible_organization=MAKER)
