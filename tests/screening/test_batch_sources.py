"""Whole screenings of archives and manifests, killed ones and those whose disk is full, against plain ones."""

import json
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from eyeground.errors import EXIT_USER_ERROR
from eyeground.screening.batch import UNPACKED, screen
from eyeground.screening.photos import LEDGER

FEW, MANY = 10, 52  # less than one batch of 16, and more than three

KILLED = """
import os, signal, sys
from eyeground.screening import batch, ledger, runtime
source, bundle, output, left = sys.argv[1:]
left, add = int(left), ledger.Ledger.add
def add_or_die(self, records):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, records)
ledger.Ledger.add = add_or_die
batch.screen(source, runtime.load(bundle, threads=1), output, jobs=1)
"""

CROWDED = """
import resource, sys
from eyeground.cli import main
limit, *arguments = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
sys.exit(main(["screen", *arguments]))
"""


def child(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], check=False, capture_output=True, text=True
    )


@pytest.fixture
def packed(folder_of_photos) -> Callable[[int], dict[str, Path]]:
    """Make the same photographs as a folder, a zip and a compressed tar."""

    def make(count: int) -> dict[str, Path]:
        made = {"folder": folder_of_photos(count)}
        for ending, kind in ((".zip", "zip"), (".tar.gz", "gztar")):
            made[ending] = Path(shutil.make_archive(f"{made['folder'].parent}/packed", kind, made["folder"]))
        return made

    return make


def table(output: Path, prefix: str = "") -> pd.DataFrame:
    read = pd.read_parquet(output / "results.parquet")
    # The name of a picture depends on its photo's name, which the archive's own is part of.
    return read.assign(photo=read["photo"].str.removeprefix(prefix)).drop(columns="picture")


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_an_archive_is_screened_like_the_folder_that_was_packed(packed, screener, tmp_path, ending):
    archives = packed(FEW)
    screen(archives["folder"], screener, tmp_path / "plain", jobs=1)
    before = archives[ending].read_bytes(), archives[ending].stat().st_mtime_ns
    screened = screen(archives[ending], screener, tmp_path / "packed", jobs=2)
    assert screened.photos == FEW
    expected = table(tmp_path / "plain")
    pd.testing.assert_frame_equal(table(tmp_path / "packed", f"packed{ending}/"), expected, rtol=1e-6)
    assert (archives[ending].read_bytes(), archives[ending].stat().st_mtime_ns) == before
    assert not (tmp_path / "packed" / UNPACKED).exists()
    assert len(list((tmp_path / "packed" / "overlays").rglob("*.jpg"))) == FEW


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
@pytest.mark.parametrize(("ending", "deaths"), [(".zip", [2]), (".tar.gz", [1, 2])])
def test_a_killed_screening_of_an_archive_ends_like_one_that_was_not(packed, screener, tmp_path, ending, deaths):
    source, output = packed(MANY)[ending], tmp_path / "killed"
    for death in deaths:
        assert child(KILLED, source, screener.bundle.folder, output, death).returncode == -signal.SIGKILL
        assert list((output / UNPACKED).iterdir())
        assert not (output / "results.csv").exists()
    resumed = screen(source, screener, output, jobs=1)
    assert 0 < resumed.finished_before < MANY
    screen(source, screener, tmp_path / "complete", jobs=1)
    for name in ("results.csv", "results.jsonl"):
        assert (output / name).read_bytes() == (tmp_path / "complete" / name).read_bytes()
    assert not (output / UNPACKED).exists()
    lines = (output / LEDGER).read_text().splitlines()[1:]
    assert len({json.loads(line)["row"]["photo"] for line in lines}) == len(lines) == MANY


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize(
    ("source", "limit", "said"),
    [
        ("folder", 20_000, "evidence.jpg: cannot be written"),
        ("broken", 9_000, f"{LEDGER}: cannot be written"),
        (".zip", 2_000, f"{UNPACKED}: a photograph cannot be unpacked"),
    ],
)
def test_a_disk_without_room_is_one_sentence_and_a_later_run_goes_on(packed, screener, tmp_path, source, limit, said):
    broken = tmp_path / "broken"
    broken.mkdir()
    for index in range(4 * FEW):
        (broken / f"{index}.jpg").write_text("not a picture")
    photos, output = {**packed(FEW), "broken": broken}[source], tmp_path / "output"
    crowded = child(CROWDED, limit, photos, "--bundle", screener.bundle.folder, "-o", output, "--jobs", 1)
    assert crowded.returncode == EXIT_USER_ERROR
    assert said in "".join(crowded.stderr.splitlines())
    assert "Traceback" not in crowded.stderr
    assert not list(output.rglob("*.partial"))
    assert not list(output.glob("results.*"))
    screen(photos, screener, output, jobs=1)
    screen(photos, screener, tmp_path / "complete", jobs=1)
    assert (output / "results.csv").read_bytes() == (tmp_path / "complete" / "results.csv").read_bytes()


def test_a_manifest_gives_rows_their_patients_and_tables_of_eyes_and_patients(folder_of_photos, screener, tmp_path):
    folder = folder_of_photos(4)
    (tmp_path / "list.csv").write_text(
        "photo,patient,eye\n"
        "photos/clinic b/eye 000.jpg,0815-Q,left\n"
        "photos/clinic a/eye 001.jpg,0815-Q,right\n"
        "photos/clinic a/eye 002.jpg,8,left\n"
        "photos/gone.jpg,8,right\n"
    )
    screened = screen(tmp_path / "list.csv", screener, tmp_path / "output", jobs=1)
    rows = pd.read_csv(tmp_path / "output" / "results.csv", dtype=str)
    assert list(rows.columns[:5]) == ["photo", "key", "patient", "eye", "status"]
    by_photo = rows.set_index("photo")
    assert by_photo.loc["photos/clinic b/eye 000.jpg", "patient"] == "0815-Q"
    assert by_photo.loc["photos/gone.jpg", "reason"] == "there is no such file"
    assert screened.patients == {"refer": 1, "check the file": 1}
    patients = pd.read_csv(tmp_path / "output" / "patients.csv", dtype=str).set_index("patient")
    assert patients.loc["0815-Q", "photo"] == "photos/clinic a/eye 001.jpg"
    assert patients.loc["8", "result"] == "check the file" and pd.isna(patients.loc["8", "retake"])
    assert "0815-Q" not in screened.report.read_text()
    assert all(key in screened.report.read_text() for key in [*rows["key"], *patients["key"]])
    elsewhere = screen(tmp_path / "list.csv", screener, tmp_path / "elsewhere", jobs=1)
    assert list(pd.read_csv(elsewhere.output_folder / "results.csv")["key"]) == list(rows["key"])
    again = screen(folder, screener, tmp_path / "output", jobs=1)
    assert again.patients == {}
    assert not (tmp_path / "output" / "patients.csv").exists()


def test_no_name_leads_a_picture_out_of_its_folder(folder_of_photos, screener, tmp_path):
    folder = folder_of_photos(1)
    inside = folder / "inside"
    inside.mkdir()
    (inside / "list.csv").write_text("photo\n../clinic b/eye 000.jpg\n")
    with tarfile.open(inside / "above.tar", "w") as archive:
        for name in ("../../above.jpg", "/root.jpg", "x.jpg.evidence.jpg/y.jpg", f"{'long' * 80}/z.jpg", "x.jpg"):
            archive.add(folder / "clinic b" / "eye 000.jpg", name)
    output = tmp_path / "deep" / "er" / "output"
    screened = screen([inside / "list.csv", inside / "above.tar"], screener, output, jobs=1)
    assert screened.photos == 6
    made = [path for path in tmp_path.rglob("*.evidence.jpg") if path.is_file()]
    assert len(made) == 6
    assert all(path.is_relative_to(output / "overlays") for path in made)
