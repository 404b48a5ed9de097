#!/usr/bin/env bash
# eyepy 0.21.0, a circular grid on an OCT volume with a fundus photo as localizer
# Guess: radii=[1.5] in millimetres measures drusen within 1.5 mm, whatever the photo's pixels are.
# Seen: the radius is divided by the OCT's scale but drawn in the photo's pixels: with A-scans 0.1 mm apart and photo
# pixels of 0.02 mm, the circle has 0.3 mm, a 25th of the area.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install eyepy==0.21.0 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys

import numpy as np
from eyepy import EyeBscanMeta, EyeVolume, EyeVolumeMeta
from eyepy.core.eyeenface import EyeEnface
from eyepy.core.eyemeta import EyeEnfaceMeta

bscans = [EyeBscanMeta(start_pos=(0, i * 0.1), end_pos=(6, i * 0.1), pos_unit="mm") for i in range(60)]
meta = EyeVolumeMeta(scale_x=0.1, scale_y=0.004, scale_z=0.1, scale_unit="mm", bscan_meta=bscans, laterality="OD")
photo_meta = EyeEnfaceMeta(scale_x=0.02, scale_y=0.02, scale_unit="mm", modality="CFP", laterality="OD")
photo = EyeEnface(np.zeros((300, 300), np.uint8), photo_meta)
volume = EyeVolume(data=np.zeros((60, 50, 60), np.uint8), meta=meta, localizer=photo)
drusen = volume.add_pixel_annotation(name="drusen", radii=[1.5], n_sectors=[1], rotation=[0])
(region,) = drusen.masks.values()
area = float((region > 0.5).sum() * 0.02 * 0.02)
print(f"circle asked for: radius 1.5 mm, {np.pi * 1.5**2:.2f} mm2")
print(f"circle measured:  radius {np.sqrt(area / np.pi):.1f} mm, {area:.2f} mm2")
if not area < 0.5:
    sys.exit("changed: the circle has another size")
PY
