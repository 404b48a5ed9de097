#!/usr/bin/env bash
# fundus-image-toolbox 0.1.3, multilevel_3way_split
# Guess: proportions=[0.7, 0.1, 0.2], said to be "for train, validation, and test sets", gives a 20 % test set.
# Seen: 67.4 % train, 22.6 % validation, 10 % test: the test set takes the second share. The default [0.6, 0.2, 0.2]
# hides it. Loaded from its file, as the package itself imports torch.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install pandas==3.0.2 scikit-learn==1.9.1
$install --no-deps fundus-image-toolbox==0.1.3
venv/bin/python -W ignore - <<'PY'
import importlib.util
import sys
from pathlib import Path

import pandas as pd

package = Path(importlib.util.find_spec("fundus_image_toolbox").origin).parent
spec = importlib.util.spec_from_file_location("split", package / "utils" / "multilevel_3way_split.py")
split = importlib.util.module_from_spec(spec)
spec.loader.exec_module(split)

photos = pd.DataFrame({"patient": [f"P{i // 2}" for i in range(1000)], "eye": ["L", "R"] * 500})
asked = [0.7, 0.1, 0.2]
got = [len(part) / 1000 for part in split.multilevel_3way_split(photos, proportions=asked, split_by="patient")]
print("train, validation, test asked for:", asked)
print("train, validation, test given:    ", got)
if not (got[1] > 0.2 and got[2] < 0.11):
    sys.exit("changed: the shares are as asked for")
PY
