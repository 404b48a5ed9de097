"""The command line as a user meets it: what it says, how it exits, and that a mistake never shows a traceback."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import eyeground
from eyeground.cli import main
from eyeground.data.manifest import read_manifest
from eyeground.datasets.synthetic import render_dataset


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    render_dataset(folder, 6, side=64, seed=3)
    return folder


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"eyeground {eyeground.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["pretrain", "nowhere.csv", "-o", "run"], "nowhere.csv: no such table", marks=pytest.mark.train),
        (["evaluate", "nowhere.csv", "-o", "out"], "nowhere.csv: no such table"),
        (["screen", "nowhere", "--bundle", "no-bundle", "-o", "out"], "no-bundle: no bundle here"),
        (["inspect", "no-bundle"], "no-bundle: no bundle here"),
        (["import", "odir", "folder", "-o", "x.csv"], "did you mean 'odir5k'?"),
        (["import", "odir5k", "nowhere", "-o", "x.csv"], "no such folder"),
        (["split", "nowhere.csv", "-o", "x.csv"], "nowhere.csv: no such table"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err + captured.out


@pytest.mark.parametrize("arguments", [["pretrain"], ["split", "--folds", "many"], ["no-such-command"]])
def test_wrong_usage_is_exit_code_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


@pytest.mark.train
def test_wrong_setting_is_named_with_the_right_one(
    photos: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wrong = ["pretrain", str(photos / "manifest.csv"), "-o", str(tmp_path / "run"), "--set", "optimisation.epoch=3"]
    assert main(wrong) == 2
    assert "did you mean" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.train
def test_holding_out_a_fold_needs_folds(photos: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["pretrain", str(photos / "manifest.csv"), "-o", str(tmp_path / "run"), "--fold", "0"]) == 2
    assert "no column 'split'; `eyeground split" in capsys.readouterr().err


def test_photos_are_imported_checked_and_split(
    photos: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table, cache = tmp_path / "mine.csv", str(tmp_path / "cache")
    pd.read_csv(photos / "manifest.csv").rename(columns={"photo": "file", "patient": "id"}).to_csv(table, index=False)
    imported = tmp_path / "imported.csv"
    columns = ["--column", "photo=file", "--column", "patient=id", "--column", "eye=eye", "--label", "abnormal"]
    assert main(["import", "csv", str(table), "-o", str(imported), *columns, "--photo-folder", str(photos)]) == 0
    assert read_manifest(imported).labels == ("abnormal",)
    checked = ["check", str(imported), "-o", str(tmp_path / "checked"), "--cache", cache, "--jobs", "1"]
    assert main(checked) == 0
    assert {path.name for path in (tmp_path / "checked").iterdir()} == {"flow.csv", "photos.csv", "duplicates.csv"}
    shares = ["--train", "0.5", "--validation", "0.25", "--test", "0.25"]
    assert main(["split", str(imported), "-o", str(tmp_path / "split.csv"), "--folds", "3", *shares]) == 0
    split = read_manifest(tmp_path / "split.csv").table
    assert set(split["fold"]) == {0, 1, 2}
    assert set(split["split"]) == {"train", "validation", "test"}
    assert "12" in capsys.readouterr().out


def test_help_and_screening_never_import_torch() -> None:
    code = (
        "import sys; from eyeground.cli import main; main(['screen', '--help']); main(['--help']); "
        "import eyeground.screening.batch; "
        "heavy = {'torch', 'torchvision', 'timm', 'lightning'} & set(sys.modules); sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
