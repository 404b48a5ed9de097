"""A result as a Bundle of FHIR resources: report, observations, the photograph's reference, device, and where it all came from.

The releases differ in few places: the photograph is a Media in R4 and an ImagingSelection in R5, and fields of Device and Provenance
have other names. Numbers are rounded before they are written.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from eyeground.config.label_words import disease_name
from eyeground.errors import unknown
from eyeground.serving.fhir.codes import assembler, codeable, coding, imaging, interpretation, ophthalmology
from eyeground.serving.result import DECIMALS, MAKER, PRELIMINARY, PRODUCT, RESEARCH_USE, Output, Result
from eyeground.serving.terminology import Concept, concept, concept_for, private

Release = Literal["R4", "R5"]
RELEASES: dict[str, Release] = {"R4": "R4", "R5": "R5"}
Eye = Literal["left", "right"]
Resource = dict[str, Any]
_NAMESPACE = uuid.UUID("b9a5c0f4-7a0e-5e5c-9f57-2b8d0c6c1f30")
_UIDS, _INSTANCE, _UNITS = "urn:dicom:uid", "urn:oid:", "http://unitsofmeasure.org"
_PHOTOGRAPH = "photograph"  # the name of its resource


@dataclass(frozen=True)
class Subject:
    """Whose photograph it is; whatever is not known is None.

    Attributes:
        photo: Identifies the photograph, such as its SOPInstanceUID; from it, with what decided, identifiers are made.
        patient, issuer: Identifier, and the system that gave it as a URI.
        eye: Which one.
        taken: Day on which the photograph was taken, as FHIR writes it; cameras leave out the time zone of the hour.
        study, series, instance, sop_class: UIDs of a DICOM photograph.
    """

    photo: str
    patient: str | None = None
    issuer: str | None = None
    eye: Eye | None = None
    taken: str | None = None
    study: str | None = None
    series: str | None = None
    instance: str | None = None
    sop_class: str | None = None


def fhir_bundle(subject: Subject, result: Result, release: Release = "R4") -> Resource:
    """Make the Bundle of a photograph, as JSON in Python's form.

    Args:
        subject, result: Of the same photograph.
        release: R4 (4.0.1) or R5 (5.0.0).

    Returns:
        A Bundle of type `collection`. The same result made again has the same identifiers.
    """
    names = _Names(subject, result)
    photo = _photograph(subject, release)
    observations = [("quality", _quality(subject, result, names))]
    observations += [(output.name, _probability(subject, result, names, output)) for output in result.outputs]
    observations += [(f"{one.owner} {one.structure}", _share(subject, names, one)) for one in _areas(result)]
    named = [("device", _device(result, release)), *observations]
    if photo is not None:
        named.append((_PHOTOGRAPH, photo))
        for _, observation in observations:
            observation["derivedFrom"] = [{"reference": names.of(_PHOTOGRAPH)}]
    named.append(("report", _report(subject, result, names, [name for name, _ in observations])))
    named.append(("provenance", _provenance(result, names, [name for name, _ in named])))
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": moment(result.made),
        "entry": [{"fullUrl": names.of(name), "resource": resource} for name, resource in named],
    }


def release_of(text: str) -> Release:
    """A release by its name.

    Raises:
        UserError: If there is none of this name.
    """
    if text not in RELEASES:
        raise unknown("release of FHIR", text, RELEASES)
    return RELEASES[text]


class _Names:
    """Names of a photograph's resources, made from the photograph and what decided."""

    def __init__(self, subject: Subject, result: Result) -> None:
        self._seed = f"{subject.photo} {result.identity}"

    def of(self, name: str) -> str:
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{self._seed} {name}')}"


def moment(at: datetime) -> str:
    """A moment to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _report(subject: Subject, result: Result, names: _Names, observations: list[str]) -> Resource:
    finding = result.finding
    suspected = [concept_for(output.disease) for output in result.outputs if output.normality == "abnormal"]
    report: Resource = {
        "resourceType": "DiagnosticReport",
        "identifier": _identifier(names.of("report")),
        "status": "preliminary",
        "category": [ophthalmology()],
        "code": codeable(concept("imaging report"), "Screening result of a fundus photograph"),
        "issued": moment(result.made),
        "performer": [{"reference": names.of("device")}],
        "result": [{"reference": names.of(name)} for name in observations],
        "conclusion": f"{result.headline}. {finding.reason}. {RESEARCH_USE} {PRELIMINARY}",
    }
    if finding.status == "abnormal":
        report["conclusionCode"] = [codeable(one) for one in dict.fromkeys(suspected)]
    return _of_subject(report, subject)


def _probability(subject: Subject, result: Result, names: _Names, output: Output) -> Resource:
    """The probability of one output, with its threshold as the range that is normal."""
    observation = _observation(subject, names, output.name, private(f"{output.words}: probability"))
    observation["code"]["coding"].append(coding(concept_for(output.disease)))
    observation["valueQuantity"] = _quantity(output.probability)
    observation["interpretation"] = [interpretation(output.normality)]
    if output.threshold is not None:
        bound = "low" if output.name in result.finding.rule.healthy else "high"
        text = f"Threshold {output.threshold:g}. {result.operating_point}"
        observation["referenceRange"] = [{bound: _quantity(output.threshold), "text": text}]
    else:
        observation["note"] = [{"text": "This output has no threshold and decides nothing."}]
    return observation


def _quality(subject: Subject, result: Result, names: _Names) -> Resource:
    """Whether the photograph can be judged, and the result as a whole."""
    finding = result.finding
    usable = concept("unusable" if finding.status in ("ungradable", "unreadable") else "usable")
    observation = _observation(subject, names, "quality", concept("quality assessment"))
    observation["valueCodeableConcept"] = codeable(usable, finding.status)
    observation["note"] = [{"text": f"{finding.reason}."}]
    if finding.gradability is not None:
        name = private("Probability that a grader accepts the photograph")
        value = _quantity(round(finding.gradability.probability, DECIMALS))
        observation["component"] = [{"code": codeable(name), "valueQuantity": value}]
    return observation


@dataclass(frozen=True)
class _Area:
    """What a segmenter found of a structure: its share of the field of view, in percent."""

    owner: str
    structure: str
    share: float


def _areas(result: Result) -> list[_Area]:
    return [
        _Area(owner, structure, round(100 * float((found >= segmented.thresholds[structure]).sum()) / seen, DECIMALS))
        for owner, segmented in sorted(result.segmented.items())
        for structure, found in segmented.maps.items()
        if (seen := float(segmented.standard.field_of_view.sum()))
    ]


def _share(subject: Subject, names: _Names, area: _Area) -> Resource:
    words = disease_name(area.structure)
    code = private(f"{words}: share of the field of view")
    observation = _observation(subject, names, f"{area.owner} {area.structure}", code)
    observation["code"]["coding"].append(coding(concept_for(words)))
    observation["valueQuantity"] = {"value": area.share, "unit": "%", "system": _UNITS, "code": "%"}
    observation["note"] = [{"text": f"Segmented by {area.owner}."}]
    return observation


def _observation(subject: Subject, names: _Names, name: str, code: Concept) -> Resource:
    observation: Resource = {
        "resourceType": "Observation",
        "identifier": _identifier(names.of(name)),
        "status": "preliminary",
        "category": [imaging()],
        "code": codeable(code),
        "method": {"text": f"{PRODUCT}. {RESEARCH_USE} {PRELIMINARY}"},
        "bodySite": body_site(subject.eye),
        "device": {"reference": names.of("device")},
    }
    return _of_subject(observation, subject)


def body_site(eye: Eye | None) -> dict[str, Any]:
    """The eye, and which one where it is known."""
    return codeable(concept(f"{eye} eye" if eye else "eye"))


def _device(result: Result, release: Release) -> Resource:
    """The software with its model; R5 calls a device's name `name`, and its version's type may not be left out of a list."""
    name = f"{PRODUCT} with {result.finding.model}"
    device: Resource = {
        "resourceType": "Device",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:sha256:{result.bundle.digest}"}],
        "status": "active",
        "manufacturer": MAKER,
        "modelNumber": result.finding.model,
        "version": [
            {"type": {"text": PRODUCT}, "value": result.version},
            {"type": {"text": "SHA-256 of the model's weights"}, "value": result.weights_sha256},
        ],
        "note": [{"text": f"{RESEARCH_USE} {result.operating_point}"}],
    }
    kind = codeable(concept("artificial intelligence"))
    if release == "R5":
        return device | {"name": [{"value": name, "type": "user-friendly-name"}], "type": [kind]}
    return device | {"deviceName": [{"name": name, "type": "user-friendly-name"}], "type": kind}


def _photograph(subject: Subject, release: Release) -> Resource | None:
    """A reference to the DICOM photograph; None of another, which has no address that others know."""
    if subject.instance is None:
        return None
    if release == "R5":
        selection: Resource = {
            "resourceType": "ImagingSelection",
            "status": "available",
            "code": codeable(concept("imaging report"), "Photograph that the result is of"),
            "studyUid": subject.study,
            "seriesUid": subject.series,
            "bodySite": {"concept": body_site(subject.eye)},
            "instance": [
                {
                    "uid": subject.instance,
                    "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"{_INSTANCE}{subject.sop_class}"},
                }
            ],
        }
        return _of_subject(selection, subject, moment_of=None)
    media: Resource = {
        "resourceType": "Media",
        "identifier": [{"system": _UIDS, "value": f"{_INSTANCE}{subject.instance}"}],
        "status": "completed",
        "modality": codeable(concept("fundus camera")),
        "bodySite": body_site(subject.eye),
        "content": {"contentType": "application/dicom", "title": f"{_INSTANCE}{subject.instance}"},
    }
    return _of_subject(media, subject, moment_of="createdDateTime")


def _provenance(result: Result, names: _Names, made: list[str]) -> Resource:
    """What was made of what, by whom and when."""
    provenance: Resource = {
        "resourceType": "Provenance",
        "target": [{"reference": names.of(name)} for name in made if name not in ("device", _PHOTOGRAPH)],
        "occurredDateTime": moment(result.made),
        "recorded": moment(result.made),
        "agent": [{"type": assembler(), "who": {"reference": names.of("device")}}],
    }
    if _PHOTOGRAPH in made:
        provenance["entity"] = [{"role": "source", "what": {"reference": names.of(_PHOTOGRAPH)}}]
    return provenance


def _of_subject(resource: Resource, subject: Subject, moment_of: str | None = "effectiveDateTime") -> Resource:
    """The resource with patient and moment, where they are known; the patient by identifier, not as a resource."""
    if subject.patient is not None:
        identifier = {"value": subject.patient} | ({"system": subject.issuer} if subject.issuer else {})
        resource["subject"] = {"type": "Patient", "identifier": identifier}
    if moment_of is not None and subject.taken is not None:
        resource[moment_of] = subject.taken
    return resource


def _quantity(value: float) -> dict[str, Any]:
    return {"value": value, "unit": "1", "system": _UNITS, "code": "1"}


def _identifier(value: str) -> list[dict[str, str]]:
    return [{"system": "urn:ietf:rfc:3986", "value": value}]
