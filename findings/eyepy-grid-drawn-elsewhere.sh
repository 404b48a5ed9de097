#!/usr/bin/env bash
# eyepy 0.21.0, center= of a circular grid
# Guess: the grid that is measured lies where the grid that is drawn lies.
# Seen: center=(200, 80) is drawn at row 200, column 80, as documented (row, col), and measured at row 80, column 200.
# A picture of the grid on the fovea looks right while figures come from elsewhere; a centred grid hides it.
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
photo_meta = EyeEnfaceMeta(scale_x=0.1, scale_y=0.1, scale_unit="mm", modality="CFP", laterality="OD")
photo = EyeEnface(np.zeros((300, 300), np.uint8), photo_meta)
volume = EyeVolume(data=np.zeros((60, 50, 60), np.uint8), meta=meta, localizer=photo)
drusen = volume.add_pixel_annotation(name="drusen", radii=[1.5], n_sectors=[1], rotation=[0], center=(200, 80))
column, row = drusen.create_region_shape_primitives()["circles"][0]["center"]
(region,) = drusen.masks.values()
measured = tuple(int(round(float(v))) for v in np.argwhere(region > 0.5).mean(axis=0))
print(f"drawn at row {row}, column {column}; measured at row {measured[0]}, column {measured[1]}")
if measured == (row, column):
    sys.exit("changed: drawn and measured grids agree")
PY
