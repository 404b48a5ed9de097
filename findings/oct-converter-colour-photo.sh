#!/usr/bin/env bash
# oct-converter 0.7.0, the colour fundus photo beside a Topcon .fda or .fds scan
# Guess: it becomes an Ophthalmic Photography 8 Bit object, RGB, three samples of 8 bits per pixel.
# Seen: an Ophthalmic Tomography object with modality OP, PhotometricInterpretation RGB, SamplesPerPixel 1 and 16 bits,
# whose pixel data is three times as long as that says. pydicom reads three grey frames, in each of which red, green
# and blue are neighbours in a row, with a warning that there are more frames than said.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install oct-converter==0.7.0 pydicom==3.0.2 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from oct_converter.dicom.dicom import write_color_fundus_dicom
from oct_converter.dicom.metadata import (
    DicomMetadata,
    ImageGeometry,
    ManufacturerMeta,
    OCTImageParams,
    PatientMeta,
    SeriesMeta,
)

meta = DicomMetadata(
    PatientMeta("Ida", "Invented", "P1", "F", datetime(1950, 3, 1)),
    SeriesMeta(series_id="1", laterality="R", acquisition_date=datetime(2026, 1, 2)),
    ManufacturerMeta("Topcon"),
    ImageGeometry([1, 1], 1.0, [1, 0, 0, 0, 1, 0]),
    OCTImageParams(),
)
photo = np.full((60, 80, 3), (190, 80, 30), np.uint8)  # as FDA.read_fundus_image().image
write_color_fundus_dicom(meta, photo, Path("photo.dcm"))
d = pydicom.dcmread("photo.dcm")
said = d.Rows * d.Columns * d.SamplesPerPixel * d.BitsAllocated // 8
print(f"{d.SOPClassUID.name}, modality {d.Modality}, {d.PhotometricInterpretation}")
print(f"{d.SamplesPerPixel} sample of {d.BitsAllocated} bits: {said} bytes said, {len(d.PixelData)} bytes held")
pixels = d.pixel_array
print(f"pydicom reads {pixels.shape}, the first row of the first frame: {pixels[0, 0, :6]} ...")
if not (d.PhotometricInterpretation == "RGB" and d.SamplesPerPixel == 1 and len(d.PixelData) == 3 * said):
    sys.exit("changed: the object describes its pixels")
PY
