#!/usr/bin/env bash
# retinalysis-vascx 2.1.0, recursive_cre (feature CRE) and recursive_knudtson_cre (feature CREKnudtson)
# Guess: six widths and one coefficient give one equivalent, as both features reduce widths by Knudtson's pairing.
# Seen: two. Knudtson et al. (2003) pair widest and narrowest anew in each round; recursive_cre sorts once, so that after
# the first round it pairs by old places: 1.2 % less for one wide vessel among five.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install --no-deps retinalysis-vascx==2.1.0
$install numpy==2.4.1
venv/bin/python - <<'PY'
import ast
import pathlib
import sys

import numpy as np

folder = next(pathlib.Path("venv").rglob("vascx/fundus/features"))
widths = [5.0, 5.0, 9.0, 9.0, 9.0, 18.0]
seen = {}
for file, name in (("cre.py", "recursive_cre"), ("cre_knudtson.py", "recursive_knudtson_cre")):
    nodes = [node for node in ast.parse((folder / file).read_text()).body if getattr(node, "name", "") == name]
    future = ast.parse("from __future__ import annotations").body
    scope = {"np": np}
    exec(compile(ast.Module(body=[*future, *nodes], type_ignores=[]), file, "exec"), scope)
    seen[name] = float(scope[name](widths, 0.88))
    print(f"{file}: {name} of {widths}: {seen[name]:.4f}")
if abs(seen["recursive_cre"] / seen["recursive_knudtson_cre"] - 1) < 0.005:
    sys.exit("changed: both give one equivalent")
PY
