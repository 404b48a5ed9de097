"""`embed` at the command line: a table from a folder, without a manifest and with the default model."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import eyeground
from eyeground.cli import main
from eyeground.datasets.synthetic import render


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.fromarray(render("normal", height=160, width=160, seed=1).pixels).save(tmp_path / "photos" / "eye.png")
    return tmp_path / "photos"


def test_a_folder_becomes_a_table(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "torn.jpg").write_bytes(b"x")
    table = photos.parent / "t.parquet"
    assert main(["embed", str(photos), "-o", str(table), "--jobs", "1"]) == 0
    found = pd.read_parquet(table)
    width = eyeground.load().bundle.description.embedding_size
    assert list(found.columns) == ["photo", "reason", *(f"e{number}" for number in range(width))]
    assert found["e0"].notna().tolist() == [True, False]
    printed = capsys.readouterr().out
    assert ", the default" in printed and "2 photos" in printed and "without numbers: 1" in printed


def test_nothing_readable_is_exit_code_one(photos: Path) -> None:
    (photos / "eye.png").write_bytes(b"x")
    assert main(["embed", str(photos), "-o", str(photos.parent / "t.csv"), "--jobs", "1"]) == 1
    assert pd.read_csv(photos.parent / "t.csv")["reason"].notna().all()
