"""The DICOM objects of screened photographs as files: a folder per photograph, complete or not there at all.

Only DICOM photographs have them: of a JPEG nobody knows patient and study, and an object without them would be filed with nobody.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyeground.core.files import replacing, write_text
from eyeground.errors import UserError
from eyeground.imaging.limits import RefusedError
from eyeground.screening.finding import Finding
from eyeground.screening.photos import PhotoFile
from eyeground.screening.runtime import Screener
from eyeground.screening.segmenter import Segmenter
from eyeground.serving.dicom.deidentify import deidentified, says_nothing_of_text
from eyeground.serving.dicom.objects import dicom_objects
from eyeground.serving.dicom.source import is_dicom, read_source
from eyeground.serving.places import outdated, place_of
from eyeground.serving.pseudonyms import Pseudonyms
from eyeground.serving.result import Result, identity_of

_NOT_DICOM = "no DICOM object"
_IN_ARCHIVE = "in an archive; unpack it and name the folder"
_REFUSED = ".txt"  # holds why a photograph has no objects, so that a screening that goes on need not try again
_OPEN_TEXT = "a header that does not say whether text is burned into the pixels; look at them before you pass them on"


class DicomExport:
    """Writes the objects of each photograph below a folder.

    Args:
        folder: Made if missing.
        screener: That the findings are of.
        segmenters: Of which each photograph gets a segmentation, too.
        pseudonyms: De-identify, and write the photograph itself as well, as no archive has it under its new identity.

    Raises:
        UserError: If highdicom is not installed.
    """

    def __init__(
        self,
        folder: Path,
        screener: Screener,
        segmenters: Sequence[Segmenter] = (),
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        try:
            import highdicom  # noqa: F401 - asked for before the first photograph is screened
        except ImportError as error:
            raise UserError("writing DICOM needs highdicom: pip install 'eyeground[serve]'") from error
        self._folder = Path(folder)
        self._screener = screener
        self._segmenters = {segmenter.bundle.identity: segmenter for segmenter in segmenters}
        self._pseudonyms = pseudonyms
        self._identity = identity_of(screener.bundle, screener.rule, self._segmenters)
        self._left_out: dict[str, str] = {}
        self._remarks: dict[str, str] = {}

    def has(self, photo: PhotoFile) -> bool:
        """Whether the objects of a photograph are there, or there can be none."""
        refused = self._place(photo).with_suffix(_REFUSED)
        if refused.is_file():
            self._left_out[photo.name] = refused.read_text(encoding="utf-8").strip()
            return True
        return not self._is_fit(photo) or self._place(photo).is_dir()

    def write(self, photo: PhotoFile, finding: Finding, picture: NDArray[np.uint8]) -> None:
        """Write the objects of a photograph, and remove those of an earlier file, model or threshold."""
        if not self._is_fit(photo):
            return
        place = self._place(photo)
        segmented = {}
        if finding.standard is not None:
            segmented = {name: segmenter(photo.path) for name, segmenter in self._segmenters.items()}
        result = Result(finding, self._screener.bundle, datetime.now(UTC), picture, segmented)
        try:
            self._remarks[photo.name] = write_results(place, photo.path, result, self._pseudonyms)
        except RefusedError as refusal:
            self._left_out[photo.name] = str(refusal)
            write_text(place.with_suffix(_REFUSED), f"{refusal}\n")
        for path in outdated(self._folder, place.name):
            path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)

    def notes(self) -> Iterator[str]:
        """How many photographs have no objects, and why, and what is to be looked at, in sentences."""
        for reason, count in Counter(self._left_out.values()).items():
            yield f"{_photos(count)} no DICOM results: {reason}"
        for remark, count in Counter(filter(None, self._remarks.values())).items():
            yield f"{_photos(count)} {remark}"

    def _is_fit(self, photo: PhotoFile) -> bool:
        """Whether a photograph can have objects, by where it is and its first bytes; the reason is noted if not."""
        if photo.member is None and is_dicom(photo.path):
            self._left_out.pop(photo.name, None)
            return True
        self._left_out[photo.name] = _NOT_DICOM if photo.member is None else _IN_ARCHIVE
        return False

    def _place(self, photo: PhotoFile) -> Path:
        return self._folder / place_of(photo, self._identity, self._pseudonyms)


def write_results(place: Path, path: Path, result: Result, pseudonyms: Pseudonyms | None = None) -> str:
    """Make the objects of a photograph's result, de-identified where pseudonyms are given, and write them as a folder.

    Returns:
        What a person should look at, to be said after "1 photo has"; empty for nothing.

    Raises:
        UserError: If they cannot be written.
        RefusedError: If they cannot be made.
    """
    if pseudonyms is None:
        write_objects(place, dicom_objects(read_source(path), result))
        return ""
    if result.finding.standard is None:
        raise RefusedError("it cannot be read, so nobody knows what its pixels show")
    photo, source = deidentified(path, pseudonyms)
    write_objects(place, {"photo": photo, **dicom_objects(source, result.without_day())})
    return _OPEN_TEXT if says_nothing_of_text(photo) else ""


def write_objects(place: Path, objects: Mapping[str, Any]) -> None:
    """Write objects as a folder, which appears complete or not at all.

    Raises:
        UserError: If they cannot be written.
    """
    unfinished = place.with_name(f".{place.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        for name, dataset in objects.items():
            with replacing(unfinished / f"{name}.dcm") as partial:
                dataset.save_as(partial, enforce_file_format=True)
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
    except OSError as error:
        raise UserError(f"{place.parent}: cannot be written: {error.strerror or error}") from error


def _photos(count: int) -> str:
    return "1 photo has" if count == 1 else f"{count:,} photos have"
