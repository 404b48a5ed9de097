"""Lets the tests of this folder share results with those of DICOM."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("highdicom", reason="writing DICOM needs the extra `serve`")
sys.path.append(str(Path(__file__).parent.parent))

from screened_photos import photos, result_of, results, screener  # noqa: F401 - fixtures
