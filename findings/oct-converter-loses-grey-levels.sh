#!/usr/bin/env bash
# oct-converter 0.7.0, create_dicom_from_oct (here a Zeiss .img, which is raw 8-bit values)
# Guess: the DICOM file holds the OCT's 256 grey levels, in 8 bits or in 16.
# Seen: 101 levels, 0 to 100, in an object that says 16 bits stored: each volume is stretched to its own minimum and
# maximum and cut to whole numbers; nothing in the object says so, and two volumes' values can't be compared.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install oct-converter==0.7.0 pydicom==3.0.2 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys

import numpy as np
import pydicom
from oct_converter.dicom import create_dicom_from_oct

name = "P1_Macular Cube 512x128_1-2-2026_9-30-10_OD_sn1_cube_z.img"
volume = np.random.default_rng(0).integers(0, 256, (4, 64, 32), dtype=np.uint8)
volume.tofile(name)
(written,) = create_dicom_from_oct(name, ".", rows=64, cols=32)
dataset = pydicom.dcmread(written)
levels = np.unique(dataset.pixel_array)
print("levels in the camera's file:", len(np.unique(volume)))
print(f"levels in the DICOM file: {len(levels)}, {levels.min()} to {levels.max()}, BitsStored {dataset.BitsStored}")
print("DerivationDescription:", dataset.get("DerivationDescription"), "- RescaleSlope:", dataset.get("RescaleSlope"))
if len(levels) != 101:
    sys.exit("changed: another number of grey levels")
PY
