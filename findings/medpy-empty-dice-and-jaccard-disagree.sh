#!/usr/bin/env bash
# MedPy 0.5.2, medpy.metric.binary.dc and jc on a healthy eye: no lesion drawn, none found
# Guess: both measures treat two empty masks alike, as one is a function of the other (J = D / (2 - D)).
# Seen: Dice is NaN, Jaccard 1.0: the healthy photos of a test set drop out of one mean and lift the other.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install medpy==0.5.2 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import math
import sys

import numpy as np
from medpy.metric.binary import dc, jc

empty = np.zeros((64, 64), bool)
dice, jaccard = float(dc(empty, empty)), float(jc(empty, empty))
print("Dice of two empty masks:   ", dice)
print("Jaccard of two empty masks:", jaccard)
if not (math.isnan(dice) and jaccard == 1.0):
    sys.exit("changed: other values for empty masks")
PY
