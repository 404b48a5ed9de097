#!/usr/bin/env bash
# confidenceinterval 1.0.5, recall_score, precision_score and f1_score ("the standard scikit-learn interface")
# Guess: recall_score(truth, calls) of a screener that calls nobody is 0, as scikit-learn's of the same name is.
# Seen: 0.6, the share of healthy photos: the default is average="micro", which for two classes is the accuracy.
# All three functions give it, so a model that finds no disease has recall, precision and F1 of 0.6.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install confidenceinterval==1.0.5 scikit-learn==1.9.1
venv/bin/python -W ignore - <<'PY'
import sys

import confidenceinterval
import sklearn.metrics

truth = [1] * 4 + [0] * 6  # four of ten photos with disease
calls = [0] * 10  # none called
seen = {}
for name in ("recall_score", "precision_score", "f1_score"):
    value, (low, high) = getattr(confidenceinterval, name)(truth, calls)
    seen[name] = value
    ours = getattr(sklearn.metrics, name)(truth, calls, zero_division=0)
    print(f"{name}: scikit-learn {ours:.2f}, confidenceinterval {value:.2f} ({low:.2f} to {high:.2f})")
if not all(abs(value - 0.6) < 1e-9 for value in seen.values()):
    sys.exit("changed: not the accuracy any more")
PY
