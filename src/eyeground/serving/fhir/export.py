"""The FHIR resources of screened photographs as files: one Bundle per photograph, as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeground.core.files import write_text
from eyeground.imaging.limits import RefusedError
from eyeground.screening.finding import Finding
from eyeground.screening.photos import PhotoFile
from eyeground.screening.runtime import Screener
from eyeground.screening.segmenter import Segmenter
from eyeground.serving.dicom.source import Source, is_dicom, read_source
from eyeground.serving.fhir.checks import check, require_library
from eyeground.serving.fhir.resources import Release, Subject, fhir_bundle, release_of
from eyeground.serving.places import outdated, place_of
from eyeground.serving.pseudonyms import Pseudonyms
from eyeground.serving.result import Result, identity_of


class FhirExport:
    """Writes the Bundle of each photograph into a folder.

    Args:
        folder: Made if missing.
        screener: That the findings are of.
        release: Of FHIR, R4 or R5.
        segmenters: Whose structures get an observation each, too.
        pseudonyms: De-identify.

    Raises:
        UserError: If there is no such release, or fhir.resources is not installed.
    """

    def __init__(
        self,
        folder: Path,
        screener: Screener,
        release: str,
        segmenters: Sequence[Segmenter] = (),
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        require_library()
        self._folder = Path(folder)
        self._screener = screener
        self._release = release_of(release)
        self._segmenters = {segmenter.bundle.identity: segmenter for segmenter in segmenters}
        self._pseudonyms = pseudonyms
        self._identity = f"{release} {identity_of(screener.bundle, screener.rule, self._segmenters)}"

    def has(self, photo: PhotoFile) -> bool:
        """Whether the Bundle of a photograph is there."""
        return self._file(photo).is_file()

    def write(self, photo: PhotoFile, finding: Finding, picture: NDArray[np.uint8]) -> None:
        """Write the Bundle of a photograph, and remove that of an earlier file, model, threshold or release."""
        segmented = {}
        if finding.standard is not None and photo.member is None:
            segmented = {name: segmenter(photo.path) for name, segmenter in self._segmenters.items()}
        result = Result(finding, self._screener.bundle, datetime.now(UTC), picture, segmented)
        write_bundle(self._file(photo), subject_of(photo), result, self._release, self._pseudonyms)
        for path in outdated(self._folder, self._file(photo).stem):
            path.unlink(missing_ok=True)

    def notes(self) -> Iterator[str]:
        """Nothing: each photograph has a Bundle."""
        return iter(())

    def _file(self, photo: PhotoFile) -> Path:
        return self._folder / f"{place_of(photo, self._identity, self._pseudonyms)}.json"


def write_bundle(
    file: Path, subject: Subject, result: Result, release: Release, pseudonyms: Pseudonyms | None = None
) -> None:
    """Write the Bundle of a photograph, checked; de-identified where pseudonyms are given."""
    if pseudonyms is not None:
        subject, result = _unnamed(subject, pseudonyms), result.without_day()
    bundle = fhir_bundle(subject, result, release)
    check(bundle, release)
    write_text(file, json.dumps(bundle, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def _unnamed(subject: Subject, pseudonyms: Pseudonyms) -> Subject:
    """The same without patient and day; UIDs are those of the de-identified photograph."""

    def uid(given: str | None) -> str | None:
        return None if given is None else pseudonyms.uid(given)

    return replace(
        subject,
        photo=uid(subject.instance) or pseudonyms.name(subject.photo),
        patient=pseudonyms.patient(subject.patient or "") or None,
        issuer=None,
        taken=None,
        study=uid(subject.study),
        series=uid(subject.series),
        instance=uid(subject.instance),
    )


def subject_of(photo: PhotoFile) -> Subject:
    """Whose photograph a file is: by its DICOM header, else as a manifest says."""
    source = _source(photo)
    eye = photo.eye if photo.eye in ("left", "right") else None
    if source is None:
        return Subject(photo.name, patient=photo.patient, eye=eye)  # type: ignore[arg-type]  # not narrowed to the words that it is in
    return from_dicom(source)


def from_dicom(source: Source) -> Subject:
    """Whose photograph a DICOM object is."""
    header = source.header
    return Subject(
        photo=source.instance,
        patient=header.PatientID or None,
        eye=source.eye,
        taken=_day(header.AcquisitionDateTime[:8] or header.ContentDate or header.StudyDate),
        study=str(header.StudyInstanceUID),
        series=str(header.SeriesInstanceUID),
        instance=source.instance,
        sop_class=str(header.SOPClassUID),
    )


def _source(photo: PhotoFile) -> Source | None:
    if photo.member is not None or not is_dicom(photo.path):
        return None
    try:
        return read_source(photo.path)
    except RefusedError:
        return None


def _day(text: str) -> str | None:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if text else None
