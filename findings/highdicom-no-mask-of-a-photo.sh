#!/usr/bin/env bash
# highdicom 0.28.2, Segmentation of a fundus photo (Ophthalmic Photography 8 Bit)
# Guess: a mask of a photo is written like one of any image: the object has all that the standard wants of it.
# Seen: AttributeError: the class counts as multi-frame, so functional groups are asked for, which an object of ophthalmic
# photography cannot have. With invented ones in a copy of the header, a segmentation is written, but without plane
# position and orientation, without which the viewer OHIF 3.13 loads for ever.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import OphthalmicPhotography8BitImageStorage

photo = Dataset()
photo.SOPClassUID, photo.SOPInstanceUID = OphthalmicPhotography8BitImageStorage, hd.UID()
photo.StudyInstanceUID, photo.SeriesInstanceUID = hd.UID(), hd.UID()
photo.PatientName, photo.PatientID, photo.PatientBirthDate, photo.PatientSex = "Invented^Ida", "P1", "19500301", "F"
photo.StudyID, photo.StudyDate, photo.StudyTime, photo.AccessionNumber = "1", "20260101", "120000", "1"
photo.ReferringPhysicianName, photo.Modality, photo.ImageLaterality = "", "OP", "R"
photo.Rows, photo.Columns, photo.NumberOfFrames = 48, 64, 1
mask = np.zeros((1, 48, 64), np.uint8)
mask[:, 10:20, 10:20] = 1


def segmentation():
    return hd.seg.Segmentation(
        source_images=[photo],
        pixel_array=mask,
        segmentation_type="BINARY",
        segment_descriptions=[
            hd.seg.SegmentDescription(
                segment_number=1,
                segment_label="disc",
                segmented_property_category=codes.SCT.AnatomicalStructure,
                segmented_property_type=codes.SCT.OpticNerveHead,
                algorithm_type="MANUAL",
            )
        ],
        series_instance_uid=hd.UID(),
        series_number=2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
    )


try:
    segmentation()
except AttributeError as error:
    print("AttributeError:", error)
else:
    sys.exit("changed: the mask is written")
spacing, shared = Dataset(), Dataset()
spacing.PixelSpacing = [1, 1]
shared.PixelMeasuresSequence = [spacing]
photo.SharedFunctionalGroupsSequence = [shared]
written = segmentation()
groups = [written.SharedFunctionalGroupsSequence[0], *written.PerFrameFunctionalGroupsSequence]
plane = [keyword for one in groups for keyword in one.dir("Plane")]
print("with invented functional groups it is written; planes in it:", plane or "none")
if plane:
    sys.exit("changed: the plane is written")
PY
