#!/usr/bin/env bash
# pydicom 3.0.2 with pylibjpeg-openjpeg 2.6.0, Dataset.compress to lossy JPEG 2000
# Guess: the object then says LossyImageCompression 01, with ratio and method, as the standard demands for ever after.
# Seen: it goes on saying "00", never compressed with loss, though pixels differ; ratio and method are not added, and
# ImageType stays ORIGINAL. A study that excludes lossy photos by this attribute lets them in.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install pydicom==3.0.2 pylibjpeg==2.1.0 pylibjpeg-openjpeg==2.6.0 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import JPEG2000, ExplicitVRLittleEndian, OphthalmicPhotography8BitImageStorage, generate_uid

y, x = np.mgrid[:128, :128]
retina = np.where((y - 64) ** 2 + (x - 64) ** 2 < 60**2, 120 + 40 * np.sin(x / 3) * np.cos(y / 4), 0).astype(np.uint8)
d = Dataset()
d.file_meta = FileMetaDataset()
d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
d.SOPClassUID, d.SOPInstanceUID = OphthalmicPhotography8BitImageStorage, generate_uid()
d.ImageType, d.LossyImageCompression = ["ORIGINAL", "PRIMARY"], "00"
d.set_pixel_data(retina, "MONOCHROME2", 8)
d.ImageType = ["ORIGINAL", "PRIMARY"]
d.compress(JPEG2000, j2k_cr=[20])
changed = int(np.count_nonzero(d.pixel_array != retina))
print(f"{changed} of {retina.size} pixels differ from the original")
for name in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod", "ImageType"):
    print(f"{name}: {d.get(name)}")
if not (changed and d.LossyImageCompression == "00" and "LossyImageCompressionMethod" not in d):
    sys.exit("changed: the loss is declared")
PY
