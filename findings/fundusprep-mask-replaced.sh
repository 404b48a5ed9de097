#!/usr/bin/env bash
# retinalysis-fundusprep 1.3.0, FundusPreprocessor
# Guess: a lesion mask handed in beside a photo comes back cropped like the photo, with or without contrast_enhance.
# Seen: with contrast_enhance=True the result's "mask" is the field of view; the lesions drawn by a grader are gone,
# without a word. A network trained on it learns where the retina is.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install retinalysis-fundusprep==1.3.0 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys

import numpy as np
from rtnls_fundusprep.preprocessor import FundusPreprocessor

y, x = np.mgrid[:512, :512]
photo = np.zeros((512, 512, 3), np.uint8)
photo[(y - 256) ** 2 + (x - 256) ** 2 < 240**2] = (190, 80, 30)
lesion = np.zeros((512, 512), np.uint8)
lesion[200:220, 300:330] = 1

covered = {}
for enhance in (False, True):
    item = FundusPreprocessor(square_size=256, contrast_enhance=enhance)(photo, mask=lesion)
    covered[enhance] = float(np.mean(item["mask"] > 0))
    print(f"contrast_enhance={enhance}: the returned mask covers {covered[enhance]:.1%} of the picture")
if not (covered[False] < 0.01 and covered[True] > 0.5):
    sys.exit("changed: the lesion mask is kept")
PY
