import os
import subprocess
import sys

import cv2
import pandas as pd
import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits address space")

# In a process of its own, as a limit cannot be raised again. Two cores, as each takes address space for its threads.
SCREEN = """
import os, resource, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from eyeground.cli import run
run()
"""


def test_a_folder_is_screened_in_one_gigabyte_of_address_space(fundus, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(17):  # more than a batch
        cv2.imwrite(str(photos / f"{number:02d}.png"), fundus(seed=number)[..., ::-1])
    model = "eyeground-mobilenetv2-imagenet+fundus-224"
    command = [sys.executable, "-c", SCREEN, "screen", str(photos), "--bundle", model, "-o", str(tmp_path / "out")]
    variables = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    rows = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert len(rows) == 17 and not (rows["status"] == "unreadable").any()
