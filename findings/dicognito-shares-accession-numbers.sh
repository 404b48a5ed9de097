#!/usr/bin/env bash
# dicognito 0.19.0, Anonymizer
# Guess: an accession number and a study id that a camera left empty stay empty.
# Seen: both are filled, and with the same value for every patient, so that unrelated people's studies share an
# accession number: a PACS or a table that joins by it merges them, and a split by it puts all into one group.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if command -v uv >/dev/null; then uv venv -q --python python3 venv; install="uv pip install -q --python venv/bin/python"
else python3 -m venv venv; install="venv/bin/python -m pip install -q --no-compile"; fi
$install dicognito==0.19.0 pydicom==3.0.2
venv/bin/python -W ignore - <<'PY'
import sys

from dicognito.anonymizer import Anonymizer
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import generate_uid

anonymizer = Anonymizer()
numbers = []
for name, patient in (("Invented^Ida", "A7"), ("Madeup^Max", "B9")):
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.PatientName, d.PatientID, d.AccessionNumber, d.StudyID = name, patient, "", ""
    d.StudyDate, d.StudyTime, d.StudyInstanceUID = "20260101", "120000", generate_uid()
    anonymizer.anonymize(d)
    numbers.append(d.AccessionNumber)
    print(f"patient {d.PatientID}: AccessionNumber {d.AccessionNumber!r}, StudyID {d.StudyID!r} (both were empty)")
if not (numbers[0] and numbers[0] == numbers[1]):
    sys.exit("changed: the empty accession numbers are not given one value")
PY
