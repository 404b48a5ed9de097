#!/usr/bin/env bash
# fhir.resources 8.3.0, decimals
# Guess: the value is a Decimal, so the JSON has the digits that came in: FHIR says that precision must be kept.
# Seen: the model holds Decimal("0.870") and writes 0.87; a number of 18 digits is cut to 17: on the way out each
# Decimal passes through a float. A probability given to three digits comes out with two.
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

came = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s}}'
lost = []
for digits in ("0.870", "123456789012345.678"):
    model = Observation(status="final", code={"text": "x"}, valueQuantity={"value": digits})
    out = model.model_dump_json().split('"value":')[1].rstrip("}")
    print(f"in {digits}, held as {model.valueQuantity.value!r}, out {out}")
    lost.append(out != digits)
again = Observation.model_validate_json(came % "0.870").model_dump_json()
print("read and written again:", again)
if not (all(lost) and again != came % "0.870"):
    sys.exit("changed: digits are kept")
PY
