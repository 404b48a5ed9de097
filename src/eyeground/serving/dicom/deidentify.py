"""A DICOM photograph without its patient, by the Basic Application Confidentiality Profile (PS3.15), of which dicom-anonymizer has the table.

The table is applied at every depth, and goes further here: text that is not on a list is emptied, whatever attribute holds it. Pixels are
written anew, as a compressed stream may hold names, too. Results made of the photograph that is left name nobody.
"""

import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from eyeground.errors import UserError
from eyeground.imaging.decode import opened
from eyeground.imaging.dicom import read_pixels
from eyeground.imaging.limits import RefusedError
from eyeground.serving.dicom.attributes import EXPLICIT
from eyeground.serving.dicom.source import Source, read_source, source_from
from eyeground.serving.pseudonyms import Pseudonyms

METHOD = "Basic Application Confidentiality Profile"
_PHOTOGRAPHY_8, _PHOTOGRAPHY_16 = "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.840.10008.5.1.4.1.1.77.1.5.2"
_TEXTS = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
_MOMENTS = ("DA", "DT", "TM", "AS")
_BYTES = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_CODE = re.compile("[A-Z0-9 _]{0,16}")
_DUMMY = "ANONYMIZED"  # of the library, where an attribute may not be empty
_KEPT_TEXTS = (
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "CodeValue",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "CodeMeaning",
)
# The standard wants a value; checkers object to the library's, of the year 1.
_MOMENT_GIVEN = {"ContentDate": "19000101", "ContentTime": "000000", "AcquisitionDateTime": "19000101000000"}
_EMPTY = ("StudyDate", "StudyTime", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")


def deidentified(path: Path, pseudonyms: Pseudonyms) -> tuple[Any, Source]:
    """A photograph without its patient, as a pydicom data set, and its header for the results that are made of it.

    Args:
        path: A DICOM photograph that could be read.
        pseudonyms: For the patient and for all UIDs.

    Raises:
        RefusedError: If its pixels are said to hold text, or it is damaged.
        UserError: If dicom-anonymizer is not installed.
    """
    patient = read_source(path).header.PatientID
    with opened(path) as stream:
        pixels = read_pixels(stream)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            photo = _header(path)
            if str(photo.get("BurnedInAnnotation", "")).upper() == "YES":
                raise RefusedError("its header says that text is burned into its pixels, which may name the patient")
            _strip(photo, pseudonyms)
            _name(photo, pseudonyms.patient(patient))
            _give_pixels(photo, pixels)
            return photo, source_from(photo)
    except (UserError, RefusedError):
        raise
    except Exception as error:  # hostile bytes, which make pydicom raise any exception
        raise RefusedError("its DICOM header is damaged, so it cannot be de-identified") from error


def says_nothing_of_text(photo: Any) -> bool:
    """Whether a photograph leaves open if text is burned into its pixels."""
    return str(photo.get("BurnedInAnnotation", "")).upper() != "NO"


def _header(path: Path) -> Any:
    import pydicom
    from pydicom.dataset import Dataset

    with opened(path) as stream:
        # A data set of its own: without the preamble and the meta information, which may hold what others wrote there.
        return Dataset(pydicom.dcmread(stream, stop_before_pixels=True))


@cache
def _rules() -> dict[tuple[int, ...], Any]:
    """The library's table, without its random UIDs."""
    try:
        from dicomanonymizer.simpledicomanonymizer import initialize_actions_2024b, keep, replace_UID
    except ImportError as error:
        raise UserError("de-identifying DICOM needs dicom-anonymizer: pip install 'eyeground[serve]'") from error
    return {tag: keep if action is replace_UID else action for tag, action in initialize_actions_2024b().items()}


def _strip(dataset: Any, pseudonyms: Pseudonyms) -> None:
    """Take away at this depth and below whatever may name somebody."""
    from dicomanonymizer.simpledicomanonymizer import anonymize_dataset

    anonymize_dataset(dataset, base_rules_gen=_rules)
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                _strip(item, pseudonyms)
        elif element.VR == "UI":
            element.value = _uids(element.value, pseudonyms)
        elif element.VR in _TEXTS and element.keyword not in _KEPT_TEXTS:
            element.value = element.value if element.value == _DUMMY else ""
        elif element.VR == "CS":
            element.value = [one for one in _several(element.value) if _CODE.fullmatch(one)]
        elif element.VR in _MOMENTS and element.keyword in _MOMENT_GIVEN:
            element.value = _MOMENT_GIVEN[element.keyword]
        elif element.VR in _BYTES + _MOMENTS:
            del dataset[element.tag]


def _uids(value: Any, pseudonyms: Pseudonyms) -> Any:
    """Pseudonyms of one or several UIDs; one that the standard defines, such as a class, stays."""
    from pydicom.uid import UID

    return [one if UID(one).name != one else pseudonyms.uid(one) for one in _several(value) if one]


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]


def _name(photo: Any, patient: str) -> None:
    """Say who is shown, and that and how this was de-identified."""
    from pydicom.dataset import Dataset

    for keyword in _EMPTY:
        setattr(photo, keyword, "")
    photo.PatientID, photo.PatientName = patient, f"ANONYMOUS^{patient}"
    photo.PatientIdentityRemoved = "YES"
    photo.DeidentificationMethod = METHOD
    method = Dataset()
    method.CodeValue, method.CodingSchemeDesignator, method.CodeMeaning = "113100", "DCM", METHOD
    photo.DeidentificationMethodCodeSequence = [method]
    photo.LongitudinalTemporalInformationModified = "REMOVED"
    photo.SpecificCharacterSet = "ISO_IR 192"


def _give_pixels(photo: Any, pixels: Any) -> None:
    """The pixels, uncompressed, as 8 bits RGB; what described others is removed."""
    from pydicom.dataset import FileMetaDataset

    for element in list(photo):
        if "Palette" in element.keyword or element.keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
            del photo[element.tag]
    if photo.SOPClassUID == _PHOTOGRAPHY_16:
        photo.SOPClassUID = _PHOTOGRAPHY_8
    photo.Rows, photo.Columns = pixels.shape[:2]
    photo.SamplesPerPixel, photo.PlanarConfiguration, photo.PixelRepresentation = 3, 0, 0
    photo.BitsAllocated, photo.BitsStored, photo.HighBit = 8, 8, 7
    photo.PhotometricInterpretation = "RGB"
    photo.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    photo["PixelData"].VR = "OB"
    photo.file_meta = FileMetaDataset()
    photo.file_meta.TransferSyntaxUID = EXPLICIT
