#!/usr/bin/env bash
# pydicom 3.0.2 with Pillow 13.0.0: an RGB JPEG without Adobe marker, components named R, G, B, in a DICOM object
# Guess: Pillow alone reads the JPEG, so pydicom with Pillow's plugin reads the object.
# Seen: Pillow alone gives the right colours; pydicom with Pillow raises "broken data stream", as if the photo were
# damaged. GDCM (python-gdcm 3.2.6) and DCMTK read the same object.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install pydicom==3.0.2 pillow==13.0.0 python-gdcm==3.2.6 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import io
import sys

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, OphthalmicPhotography8BitImageStorage, generate_uid

buffer = io.BytesIO()
Image.new("RGB", (64, 48), (190, 80, 30)).save(buffer, "JPEG", quality=95, keep_rgb=True)
jpeg = buffer.getvalue()
assert jpeg[2:4] == b"\xff\xee"  # the Adobe segment comes first
jpeg = jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6], "big") :]
components = "".join(chr(layer[0]) for layer in Image.open(io.BytesIO(jpeg)).layer)
print("components:", components, "- Adobe marker:", b"Adobe" in jpeg)
print("Pillow alone:", np.asarray(Image.open(io.BytesIO(jpeg)))[20, 20])


def decode(plugin):
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    d.SOPClassUID, d.SOPInstanceUID = OphthalmicPhotography8BitImageStorage, generate_uid()
    d.SamplesPerPixel, d.PhotometricInterpretation, d.PlanarConfiguration = 3, "RGB", 0
    d.Rows, d.Columns, d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 48, 64, 8, 8, 7, 0
    d.PixelData = encapsulate([jpeg])
    d.pixel_array_options(decoding_plugin=plugin)
    return d.pixel_array[20, 20]


print("pydicom with GDCM:", decode("gdcm"))
try:
    print("pydicom with Pillow:", decode("pillow"))
except RuntimeError as error:
    print("pydicom with Pillow:", " ".join(str(error).split())[:140])
else:
    sys.exit("changed: pydicom reads it with Pillow")
PY
