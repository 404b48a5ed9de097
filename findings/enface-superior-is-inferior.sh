#!/usr/bin/env bash
# retinalysis-enface 2.0.0, OpticDisc.superior_point and inferior_point
# Guess: the superior point of the optic disc lies above its centre (smaller y) in either eye; laterality is known.
# Seen: right in left eyes, but in right eyes "superior" is the lower point and "inferior" the upper one, while the
# package's own superior hemifield is the upper half. A superior-inferior difference changes its sign with the eye.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install retinalysis-enface==2.0.0 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys

import numpy as np
from rtnls_enface.fundus import Fundus
from rtnls_enface.grids import HemifieldGrid

y, x = np.mgrid[:1024, :1024]
above = {}
for eye, disc_x, fovea_x in (("left", 304, 624), ("right", 720, 400)):
    disc = ((y - 512) ** 2 + (x - disc_x) ** 2 < 60**2).astype(np.uint8)
    fundus = Fundus(disc_path_or_mask=disc, fovea_location=(fovea_x, 512), roi_mask=np.ones((1024, 1024), np.uint8))
    hemifield = HemifieldGrid(fundus, 1.0, fundus.mask).superior
    superior, inferior = fundus.disc.superior_point.y, fundus.disc.inferior_point.y
    above[eye] = superior < inferior
    print(f"{eye} eye ({fundus.laterality}): disc centre y=512, superior y={superior:.0f}, inferior y={inferior:.0f}")
    print(f"  its superior hemifield lies around y={np.argwhere(hemifield)[:, 0].mean():.0f}")
if not (above["left"] and not above["right"]):
    sys.exit("changed: superior and inferior agree in both eyes")
PY
