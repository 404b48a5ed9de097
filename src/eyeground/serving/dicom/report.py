"""The result as Comprehensive 3D SR (TID 1500): one planar region per group of measurements, as viewers show nothing for a whole image.

The first region is the field of view and holds every output's probability and the photograph's quality. A second one, of a suspected
photograph, is where the evidence for what it is called abnormal for reaches half of its colour scale.
"""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.screening.overlay import CONTOUR_AT
from eyeground.serving.dicom.attributes import coded, common, finish, private_scheme, uid
from eyeground.serving.dicom.source import Source
from eyeground.serving.result import MAKER, PRELIMINARY, PRODUCT, RESEARCH_USE, Output, Result
from eyeground.serving.terminology import Concept, concept, concept_for, private

KIND, PLACE = "structured report", 1
_BORDER = 0.01  # of width and height, within which no corner lies
_MARK = (-0.65, -0.35)  # of the radius, from the centre to the right and down

Points = NDArray[np.float64]


def structured_report(source: Source, result: Result) -> Any:
    """Make the structured report of a photograph whose header gives its size.

    Returns:
        A pydicom data set.
    """
    from highdicom import sr

    report = sr.MeasurementReport(
        observation_context=_observer(result),
        procedure_reported=coded(concept("imaging report")),
        imaging_measurements=[_of_photograph(source, result), *_of_evidence(source, result)],
        title=coded(concept("report")),
    )
    _comment(report[0], result)
    dataset = sr.Comprehensive3DSR(
        evidence=[source.header],
        content=report[0],
        is_complete=True,
        is_final=False,
        is_verified=False,
        coding_schemes=[private_scheme()],
        **common(source, result, KIND, PLACE, "Screening result"),
    )
    return finish(dataset, source)


def _observer(result: Result) -> Any:
    """The software as the device that observed: its product, model, version, and weights."""
    from highdicom import sr
    from pydicom.sr.codedict import codes

    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid(result.identity),
        name=f"{PRODUCT} {result.version}",
        manufacturer_name=MAKER,
        model_name=result.finding.model,
        serial_number=result.weights_sha256,
    )
    return sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device))


def _of_photograph(source: Source, result: Result) -> Any:
    """The photograph as a whole: quality, overall result, and a probability for each output."""
    evaluations = [_evaluation(concept("quality assessment"), _quality(result))]
    evaluations.append(_evaluation(concept("overall assessment"), private(result.finding.status)))
    if result.is_judged:
        evaluations.append(_evaluation(private("Normality"), concept(result.finding.status)))
    return _group(
        source,
        result,
        "photograph",
        marked_field(source, result),
        concept("retina"),
        [_measurement(output) for output in _shown_first(result)] + _gradability(result),
        evaluations,
    )


def _of_evidence(source: Source, result: Result) -> list[Any]:
    """Where the evidence is for what a photograph is called abnormal for; none where the bundle gives none."""
    finding = result.finding
    region = evidence_region(source, result)
    if finding.status != "abnormal" or region is None:
        return []
    output = next(one for one in result.outputs if one.name == finding.output)
    return [
        _group(
            source,
            result,
            f"evidence for {output.words}",
            region,
            concept_for(output.disease),
            [_measurement(output)],
            [_evaluation(private("Normality"), concept("abnormal"))],
        )
    ]


def _group(
    source: Source,
    result: Result,
    name: str,
    region: Points,
    what: Concept,
    measurements: list[Any],
    evaluations: list[Any],
) -> Any:
    from highdicom import sr

    eye = None if source.eye is None else coded(concept(source.eye))
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid(source.instance, result.identity, name), name),
        referenced_region=sr.ImageRegion(
            "POLYLINE", region, sr.SourceImageForRegion(str(source.header.SOPClassUID), source.instance)
        ),
        finding_type=coded(what),
        algorithm_id=_algorithm(result),
        finding_sites=[sr.FindingSite(coded(concept("eye")), laterality=eye)],
        measurements=measurements,
        qualitative_evaluations=evaluations,
    )


def _measurement(output: Output) -> Any:
    """A probability with its threshold and normality, and by a modifier the disease that it is a probability of."""
    from highdicom import sr

    measurement = sr.Measurement(
        name=coded(private(measured(output))),
        value=output.probability,
        unit=coded(concept("no unit")),
        properties=sr.MeasurementProperties(normality=coded(concept(output.normality))),
    )
    relations, inner = sr.RelationshipTypeValues, measurement[0].ContentSequence
    disease = coded(concept_for(output.disease))
    inner.append(sr.CodeContentItem(coded(concept("finding")), disease, relations.HAS_CONCEPT_MOD))
    if output.threshold is not None:
        unit = coded(concept("no unit"))
        inner.append(
            sr.NumContentItem(
                coded(concept("threshold")), output.threshold, unit, relationship_type=relations.HAS_PROPERTIES
            )
        )
    return measurement


def measured(output: Output) -> str:
    """The name of an output's measurement: the disease first, as viewers cut off the end."""
    return f"{output.words}: probability"


def _shown_first(result: Result) -> list[Output]:
    """Outputs that reached their threshold first, as viewers show the first few; else in the model's order."""
    return sorted(result.outputs, key=lambda output: output.normality != "abnormal")


def _gradability(result: Result) -> list[Any]:
    from highdicom import sr

    quality = result.finding.gradability
    if quality is None:
        return []
    name = coded(private("Probability that a grader accepts the photograph"))
    return [sr.Measurement(name=name, value=round(quality.probability, 4), unit=coded(concept("no unit")))]


def _algorithm(result: Result) -> Any:
    from highdicom import sr

    return sr.AlgorithmIdentification(
        name=result.finding.model,
        version=f"{PRODUCT} {result.version}",
        parameters=[result.operating_point, f"Weights SHA-256 {result.weights_sha256}"],
        family=coded(concept("artificial intelligence")),
        manufacturer=MAKER,
    )


def _evaluation(name: Concept, value: Concept) -> Any:
    from highdicom import sr

    return sr.QualitativeEvaluation(coded(name), coded(value))


def _comment(root: Any, result: Result) -> None:
    """The result in sentences, for readers who see the report as a document."""
    from highdicom import sr

    text = " ".join(
        [RESEARCH_USE, PRELIMINARY, f"{result.headline}.", f"{result.finding.reason}.", result.operating_point]
    )
    root.ContentSequence.append(sr.TextContentItem(coded(concept("comment")), text, sr.RelationshipTypeValues.CONTAINS))


def _quality(result: Result) -> Concept:
    return concept("unusable" if result.finding.status in ("ungradable", "unreadable") else "usable")


def marked_field(source: Source, result: Result) -> Points:
    """A square that stands for the photograph as a whole: a closed polygon (points, 2) of columns and rows.

    It lies in the upper left of the field of view, as viewers write to the right of a region, and cut off what has no room.
    """
    standard = result.finding.standard
    if standard is None:
        x, y, radius = source.width / 2, source.height / 2, min(source.width, source.height) / 2
    else:
        disc, geometry = standard.disc, standard.geometry
        scale = geometry.side / geometry.standard_side
        x, y = disc.centre_x * scale + geometry.left, disc.centre_y * scale + geometry.top
        radius = disc.radius * scale
    low, high = _MARK
    corners = np.array([(low, low), (high, low), (high, high), (low, high)])
    return _within(corners * radius + (x, y), source)


def evidence_region(source: Source, result: Result) -> Points | None:
    """The largest region, as a closed polygon, where the evidence that is shown reaches half of its scale; None if none does."""
    finding = result.finding
    if finding.evidence is None or finding.standard is None:
        return None
    geometry = finding.standard.geometry
    side = geometry.standard_side
    strength = cv2.resize(finding.evidence_of() / finding.scale(), (side, side), interpolation=cv2.INTER_CUBIC)
    inside = (strength >= CONTOUR_AT) & finding.standard.field_of_view
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    largest = cv2.approxPolyDP(max(contours, key=cv2.contourArea), side / 200, True)[:, 0].astype(np.float64)
    if len(largest) < 3:
        return None
    return _within((largest + 0.5) * (geometry.side / side) + (geometry.left, geometry.top), source)


def _within(corners: Points, source: Source) -> Points:
    """A polygon moved into the picture, and closed."""
    low = np.array([_BORDER * source.width, _BORDER * source.height])
    clipped = np.clip(corners, low, np.array([source.width, source.height]) - low).round(2)
    distinct = [clipped[0], *(after for before, after in pairwise(clipped) if not np.array_equal(before, after))]
    return np.array([*distinct, distinct[0]])
