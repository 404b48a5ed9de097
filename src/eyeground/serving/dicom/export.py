"""The DICOM objects of screened photographs as files: a folder per photograph, complete or not there at all.

Only DICOM photographs have them: of a JPEG nobody knows patient and study, and an object without them would be filed with nobody.
"""

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeground.core.files import replacing
from eyeground.errors import UserError
from eyeground.imaging.limits import RefusedError
from eyeground.screening.finding import Finding
from eyeground.screening.photos import PhotoFile
from eyeground.screening.runtime import Screener
from eyeground.screening.segmenter import Segmenter
from eyeground.serving.dicom.objects import dicom_objects
from eyeground.serving.dicom.source import Source, is_dicom, read_source
from eyeground.serving.places import outdated, place_of
from eyeground.serving.result import Result, identity_of

_NOT_DICOM = "no DICOM object"
_IN_ARCHIVE = "in an archive; unpack it and name the folder"


class DicomExport:
    """Writes the objects of each photograph below a folder.

    Args:
        folder: Made if missing.
        screener: That the findings are of.
        segmenters: Of which each photograph gets a segmentation, too.

    Raises:
        UserError: If highdicom is not installed.
    """

    def __init__(self, folder: Path, screener: Screener, segmenters: Sequence[Segmenter] = ()) -> None:
        try:
            import highdicom  # noqa: F401 - asked for before the first photograph is screened
        except ImportError as error:
            raise UserError("writing DICOM needs highdicom: pip install 'eyeground[serve]'") from error
        self._folder = Path(folder)
        self._screener = screener
        self._segmenters = {segmenter.bundle.identity: segmenter for segmenter in segmenters}
        self._identity = identity_of(screener.bundle, screener.rule, self._segmenters)
        self._left_out: dict[str, str] = {}

    def has(self, photo: PhotoFile) -> bool:
        """Whether the objects of a photograph are there, or there can be none."""
        return self._place(photo).is_dir() or self._source_of(photo) is None

    def write(self, photo: PhotoFile, finding: Finding, picture: NDArray[np.uint8]) -> None:
        """Write the objects of a photograph, and remove those of an earlier file, model or threshold."""
        source = self._source_of(photo)
        if source is None:
            return
        segmented = {}
        if finding.standard is not None:
            segmented = {name: segmenter(photo.path) for name, segmenter in self._segmenters.items()}
        result = Result(finding, self._screener.bundle, datetime.now(UTC), picture, segmented)
        try:
            write_objects(self._place(photo), source, result)
        except RefusedError as refusal:
            self._left_out[photo.name] = str(refusal)
            return
        for path in outdated(self._folder, self._place(photo).name):
            shutil.rmtree(path, ignore_errors=True)

    def notes(self) -> Iterator[str]:
        """How many photographs have no objects, and why, in sentences."""
        reasons = list(self._left_out.values())
        for reason in dict.fromkeys(reasons):
            count = reasons.count(reason)
            photos = "1 photo has" if count == 1 else f"{count:,} photos have"
            yield f"{photos} no DICOM results: {reason}"

    def _place(self, photo: PhotoFile) -> Path:
        return self._folder / place_of(photo, self._identity)

    def _source_of(self, photo: PhotoFile) -> Source | None:
        """The photograph's header; None, and the reason noted, if results cannot be filed with it."""
        if photo.member is not None:
            self._left_out[photo.name] = _IN_ARCHIVE
            return None
        if not is_dicom(photo.path):
            self._left_out[photo.name] = _NOT_DICOM
            return None
        try:
            return read_source(photo.path)
        except RefusedError as refusal:
            self._left_out[photo.name] = str(refusal)
            return None


def write_objects(place: Path, source: Source, result: Result) -> list[Path]:
    """Make the objects of a result and write them as a folder, which appears complete or not at all.

    Returns:
        The files.

    Raises:
        UserError: If they cannot be written.
        RefusedError: If they cannot be made.
    """
    unfinished = place.with_name(f".{place.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    objects = dicom_objects(source, result)
    try:
        for name, dataset in objects.items():
            with replacing(unfinished / f"{name}.dcm") as partial:
                dataset.save_as(partial, enforce_file_format=True)
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
    except OSError as error:
        raise UserError(f"{place.parent}: cannot be written: {error.strerror or error}") from error
    return [place / f"{name}.dcm" for name in objects]
