"""FHIR's names of coding systems and of the codes that we use from its own lists."""

from typing import Any

from eyeground.serving.terminology import PRIVATE, Concept

_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UCUM": "http://unitsofmeasure.org",
    PRIVATE: "urn:uuid:6f0b7a52-3f0e-5b0e-8d0e-9d5a2c1f4e77",
}
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_INTERPRETATIONS = {
    "normal": ("N", "Normal"),
    "abnormal": ("A", "Abnormal"),
    "normality undetermined": ("IND", "Indeterminate"),
}


def codeable(concept: Concept, text: str | None = None) -> dict[str, Any]:
    """A concept with its words, or other words."""
    return {"coding": [coding(concept)], "text": text or concept.meaning}


def coding(concept: Concept) -> dict[str, str]:
    """A concept in FHIR's form."""
    return {"system": _SYSTEMS[concept.scheme], "code": concept.code, "display": concept.meaning}


def interpretation(normality: str) -> dict[str, Any]:
    """Whether a value is normal, from `eyeground.serving.result.Normality`."""
    code, words = _INTERPRETATIONS[normality]
    return _of(_INTERPRETATION, code, words)


def imaging() -> dict[str, Any]:
    """The category of observations made on images."""
    return _of(_CATEGORY, "imaging", "Imaging")


def ophthalmology() -> dict[str, Any]:
    """The diagnostic service of a report: the list has no ophthalmology, and `IMG` is diagnostic imaging."""
    return _of(_SECTION, "IMG", "Diagnostic Imaging")


def assembler() -> dict[str, Any]:
    """The part that a device has in what it made."""
    return _of(_PARTICIPANT, "assembler", "Assembler")


def _of(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}
