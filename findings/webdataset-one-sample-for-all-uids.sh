#!/usr/bin/env bash
# webdataset 1.0.2, photos named by their DICOM SOP instance UID
# Guess: four photos written under four keys come back as four samples with the same keys.
# Seen: one sample with key "1": the key ends at the first dot, so the rest of each UID becomes part of the field's
# name. TarWriter takes such keys without a word. "P7.left" and "P7.right" meet in one sample likewise.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install webdataset==1.0.2 numpy==2.4.6
venv/bin/python -W ignore - <<'PY'
import sys

import webdataset as wds

uids = [f"1.2.826.0.1.3680043.8.498.{i}" for i in range(1, 5)]
with wds.TarWriter("photos.tar") as shard:
    for uid in uids:
        shard.write({"__key__": uid, "cls": 1, "txt": "a photo"})
samples = list(wds.WebDataset("photos.tar", shardshuffle=False))
print("keys written:", uids)
print("keys read:   ", [sample["__key__"] for sample in samples])
print("fields of the first sample:", [name for name in samples[0] if not name.startswith("__")][:3], "...")
if len(samples) != 1:
    sys.exit(f"changed: {len(samples)} samples came back")
PY
