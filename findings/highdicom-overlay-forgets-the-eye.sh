#!/usr/bin/env bash
# highdicom 0.28.2, SCImage.from_ref_dataset for an overlay on a fundus photo
# Guess: the overlay says which eye the photo it was made from shows; laterality= that contradicts the photo is refused.
# Seen: ImageLaterality of the photo is not taken over: the overlay names no eye. laterality="L" for a right eye is
# taken, and goes to the series' Laterality, so the image's own attribute, where readers of photographs look, is absent.
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
from pydicom.uid import OphthalmicPhotography8BitImageStorage

photo = Dataset()
photo.SOPClassUID, photo.SOPInstanceUID = OphthalmicPhotography8BitImageStorage, hd.UID()
photo.StudyInstanceUID, photo.SeriesInstanceUID = hd.UID(), hd.UID()
photo.PatientName, photo.PatientID, photo.PatientBirthDate, photo.PatientSex = "Invented^Ida", "P1", "19500301", "F"
photo.StudyID, photo.StudyDate, photo.StudyTime, photo.AccessionNumber = "1", "20260101", "120000", "1"
photo.ReferringPhysicianName, photo.Modality, photo.ImageLaterality = "", "OP", "R"


def overlay(**more):
    return hd.sc.SCImage.from_ref_dataset(
        ref_dataset=photo,
        pixel_array=np.zeros((48, 64, 3), np.uint8),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=hd.UID(),
        sop_instance_uid=hd.UID(),
        series_number=2,
        instance_number=1,
        manufacturer="Maker",
        patient_orientation=("L", "F"),
        **more,
    )


plain, left = overlay(), overlay(laterality="L")
print("photo: ImageLaterality", photo.ImageLaterality)
for name, d in (("overlay", plain), ("overlay with laterality='L'", left)):
    print(f"{name}: ImageLaterality {d.get('ImageLaterality')}, Laterality {d.get('Laterality')}")
if plain.get("ImageLaterality") or plain.get("Laterality") or left.get("ImageLaterality"):
    sys.exit("changed: the eye is written")
PY
