"""Ophthalmic Photography objects as a careful camera writes them, from rendered photographs; dciodvfy finds no error in them."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    OphthalmicPhotography8BitImageStorage,
    generate_uid,
)

MADE = datetime(2026, 1, 3, 9, 30, tzinfo=UTC)  # when results were made
FRAME_TIME = 0x00181063
EMPTY_SEQUENCES = (
    "IlluminationTypeCodeSequence",
    "LightPathFilterTypeStackCodeSequence",
    "ImagePathFilterTypeStackCodeSequence",
    "LensesCodeSequence",
    "RefractiveStateSequence",
    "AcquisitionContextSequence",
)
EMPTY = ("EmmetropicMagnification", "IntraOcularPressure", "HorizontalFieldOfView", "PupilDilated")
SYNCHRONISATION = {"SynchronizationTrigger": "NO TRIGGER", "AcquisitionTimeSynchronized": "N"}
MOMENT = {
    "StudyDate": "20260102",
    "StudyTime": "101500",
    "ContentDate": "20260102",
    "ContentTime": "101530",
    "AcquisitionDateTime": "20260102101530",
}
PATIENT = {
    "PatientName": "Rendered^Rita",
    "PatientID": "R-0042",
    "PatientBirthDate": "19600504",
    "PatientSex": "F",
    "ReferringPhysicianName": "",
    "StudyID": "1",
    "AccessionNumber": "A-77",
}


def coded(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item


def ophthalmic_photo(pixels: np.ndarray, eye: str = "R", jpeg: bool = False, **changes: object) -> Dataset:
    """A data set of a photograph, uint8 RGB (h, w, 3); `changes` replace elements by keyword, None removes one."""
    height, width = pixels.shape[:2]
    photo = Dataset()
    photo.file_meta = FileMetaDataset()
    photo.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    photo.SOPClassUID = OphthalmicPhotography8BitImageStorage
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SynchronizationFrameOfReferenceUID"):
        setattr(photo, keyword, generate_uid())
    for keyword, value in (PATIENT | MOMENT | SYNCHRONISATION).items():
        setattr(photo, keyword, value)
    photo.Modality, photo.SeriesNumber, photo.InstanceNumber = "OP", 1, 1
    photo.Manufacturer, photo.ManufacturerModelName = "Rendered", "Camera"
    photo.ImageType, photo.PatientOrientation = ["ORIGINAL", "PRIMARY", "", "COLOR"], ["L", "F"]
    photo.BurnedInAnnotation, photo.ImageLaterality = "NO", eye
    photo.AnatomicRegionSequence = [coded("81745001", "Eye")]
    photo.AcquisitionDeviceTypeCodeSequence = [coded("409898007", "Fundus Camera")]
    photo.DetectorType, photo.PatientEyeMovementCommanded = "CMOS", "NO"
    for keyword in EMPTY_SEQUENCES:
        setattr(photo, keyword, [])
    for keyword in EMPTY:
        setattr(photo, keyword, None)
    photo.NumberOfFrames, photo.FrameIncrementPointer, photo.FrameTime = 1, FRAME_TIME, 0
    photo.SamplesPerPixel, photo.PlanarConfiguration, photo.PixelRepresentation = 3, 0, 0
    photo.Rows, photo.Columns, photo.BitsAllocated, photo.BitsStored, photo.HighBit = height, width, 8, 8, 7
    if jpeg:
        stream = BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=95)
        photo.PhotometricInterpretation, photo.LossyImageCompression = "YBR_FULL_422", "01"
        photo.LossyImageCompressionMethod = "ISO_10918_1"
        photo.LossyImageCompressionRatio = round(pixels.size / len(stream.getvalue()), 2)
        photo.PixelData = encapsulate([stream.getvalue()])
        photo["PixelData"].is_undefined_length = True
    else:
        photo.PhotometricInterpretation, photo.LossyImageCompression = "RGB", "00"
        photo.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    photo["PixelData"].VR = "OB"
    for keyword, value in changes.items():
        if value is None:
            delattr(photo, keyword)
        else:
            setattr(photo, keyword, value)
    return photo


def write_photo(path: Path, pixels: np.ndarray, **how: object) -> Path:
    """Write a photograph as a file; keywords as for `ophthalmic_photo`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ophthalmic_photo(pixels, **how).save_as(path, enforce_file_format=True)  # type: ignore[arg-type]
    return path
