#!/usr/bin/env bash
# fhir.resources 8.3.0 (R4B and R5), where DICOM meets FHIR
# Guess: a validated model refuses gender "F" (DICOM's code; FHIR's is "female") and status "nonsense".
# Seen: both pass and are written: required code lists are not checked, though a negative height, an unknown field and a
# time without zone are refused. The server that receives the resource is the first to complain.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install fhir.resources==8.3.0
venv/bin/python -W ignore - <<'PY'
import sys

from fhir.resources.observation import Observation
from fhir.resources.patient import Patient
from fhir.resources.R4B.observation import Observation as ObservationR4B
from fhir.resources.R4B.patient import Patient as PatientR4B

code = {"text": "referable diabetic retinopathy"}
try:
    written = [model(gender="F").model_dump_json() for model in (Patient, PatientR4B)]
    written += [model(status="nonsense", code=code).model_dump_json() for model in (Observation, ObservationR4B)]
except ValueError as error:
    sys.exit(f"changed: refused, {error}")
print(*written, sep="\n")
try:
    Observation(status="final", code=code, effectiveDateTime="2026-11-29T12:00:00")
except ValueError:
    print("a time without zone is refused")
PY
