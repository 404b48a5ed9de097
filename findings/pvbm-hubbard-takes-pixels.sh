#!/usr/bin/env bash
# PVBM 3.0.1.8, crae_hubbard and crve_hubbard of CREVBMs (central retinal equivalents)
# Guess: a photo twice as large gives an equivalent of twice as many pixels, as Knudtson's formulas beside them do.
# Seen: not so. The constants (-10.76, +450.05) are in square microns, and widths are given in pixels: a vein pair of 8 px
# gives 24 px, three times its widths, and the same eye at twice the size 30 px.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install --no-deps PVBM==3.0.1.8
venv/bin/python - <<'PY'
import ast
import pathlib
import sys

# The two formulas alone: the module imports all of scipy and scikit-image.
file = next(pathlib.Path("venv").rglob("PVBM/CentralRetinalAnalysis.py"))
wanted = ("crae_hubbard", "crve_hubbard", "crve_knudtson")
nodes = [node for node in ast.walk(ast.parse(file.read_text())) if getattr(node, "name", "") in wanted]
formulas = {}
exec(compile(ast.Module(body=nodes, type_ignores=[]), str(file), "exec"), formulas)
ratio = {}
for name in wanted:
    once, twice = (formulas[name](None, width, width) for width in (8.0, 16.0))
    ratio[name] = twice / once
    print(f"{name}: two vessels of 8 px {once:.2f} px, of 16 px {twice:.2f} px, {ratio[name]:.2f} times")
if abs(ratio["crve_knudtson"] - 2) > 1e-9 or abs(ratio["crve_hubbard"] - 2) < 0.1:
    sys.exit("changed: Hubbard's equivalents grow with the photo")
PY
