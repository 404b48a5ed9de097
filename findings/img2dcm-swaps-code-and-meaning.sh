#!/usr/bin/env bash
# DCMTK 3.6.7 (Debian 12), img2dcm -oph, read with pydicom 3.0.2 and checked by dciodvfy (dicom3tools 20260927)
# Guess: the anatomic region is code 81745001 with the meaning "Eye".
# Seen: code value "Eye", meaning "81745001". dciodvfy warns of characters but counts no error, and whoever asks
# for the code of the eye finds no photo that came in this way. (Exit 2: no img2dcm on this machine.)
command -v img2dcm >/dev/null || { echo "needs img2dcm (Debian package dcmtk)"; exit 2; }
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install pydicom==3.0.2 pillow==13.0.0 dicom3tools==20260927
venv/bin/python -W ignore - <<'PY'
import subprocess
import sys

import pydicom
from PIL import Image

Image.new("RGB", (64, 48), (190, 80, 30)).save("photo.jpg", quality=95)
keys = ["ImageLaterality=R", "(0022,0015)[0].CodeValue=409898007"]
keys += ["(0022,0015)[0].CodingSchemeDesignator=SCT", "(0022,0015)[0].CodeMeaning=Fundus Camera"]
command = ["img2dcm", "-oph", *(part for key in keys for part in ("-k", key)), "photo.jpg", "photo.dcm"]
subprocess.run(command, check=True)
region = pydicom.dcmread("photo.dcm").AnatomicRegionSequence[0]
print("code value:", region.CodeValue, "- code meaning:", region.CodeMeaning)
check = subprocess.run(["venv/bin/dciodvfy", "photo.dcm"], capture_output=True, text=True)
lines = (check.stdout + check.stderr).splitlines()
print("dciodvfy:", sum(line.startswith("Error") for line in lines), "errors;", *[x for x in lines if "Eye>" in x][:1])
if region.CodeValue != "Eye":
    sys.exit("changed: the code value is the code")
PY
