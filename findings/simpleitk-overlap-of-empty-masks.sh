#!/usr/bin/env bash
# SimpleITK 2.5.7, LabelOverlapMeasuresImageFilter on a healthy eye: no lesion drawn, none found
# Guess: every measure is NaN, or Dice and Jaccard are 1.
# Seen: Dice is infinite, Jaccard and the false positive error are 1.8e308, the largest double: finite, so that
# isfinite and nanmean let it pass, and one healthy photo makes a set's mean meaningless.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install simpleitk==2.5.7 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import math
import sys

import numpy as np
import SimpleITK as sitk

empty = sitk.GetImageFromArray(np.zeros((64, 64), np.uint8))
measures = sitk.LabelOverlapMeasuresImageFilter()
measures.Execute(empty, empty)
dice, jaccard = measures.GetDiceCoefficient(), measures.GetJaccardCoefficient()
print("Dice:", dice)
print("Jaccard:", jaccard, "- finite:", math.isfinite(jaccard))
print("false positive error:", measures.GetFalsePositiveError())
print("mean Jaccard of 99 perfect photos and this one:", np.nanmean([1.0] * 99 + [jaccard]))
if not (math.isinf(dice) and math.isfinite(jaccard) and jaccard > 1e300):
    sys.exit("changed: other values for empty masks")
PY
