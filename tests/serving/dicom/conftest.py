"""The conformance checker of DICOM objects."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("highdicom", reason="writing DICOM needs the extra `serve`")
sys.path.append(str(Path(__file__).parent.parent))

from screened_photos import photos, result_of, results, screener  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def errors_in() -> Callable[[Path], list[str]]:
    """What dciodvfy, the conformance checker of dicom3tools, calls an error in a file."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (package dicom3tools) is not installed: DICOM objects are not checked for conformance")

    def check(path: Path) -> list[str]:
        ran = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        lines = f"{ran.stdout}\n{ran.stderr}".splitlines()
        assert any(line.strip() for line in lines), "dciodvfy names the kind of object"
        return [line for line in lines if line.startswith("Error")]

    return check
