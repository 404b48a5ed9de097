"""`cache` shows what is kept of photographs, and removes that and nothing else."""

from pathlib import Path

import pytest

from eyeground.cli import main


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    for name in (
        "standard-v1-224/ab/abc.png",
        "standard-v2-512/cd/cde.png",
        "embeddings/x.npy",
        "models/mine/bundle.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(bytes(1500))
    return tmp_path


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_it_shows_each_folder_and_the_whole(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--cache", str(cache)]) == 0
    printed = capsys.readouterr().out
    assert "standard-v2-512" in printed and "1.5KB" in printed and "3 files, 4.5KB" in printed
    assert "models" not in printed and len(kept(cache)) == 4


def test_clearing_leaves_models_alone(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--cache", str(cache), "--clear"]) == 0
    assert kept(cache) == {"bundle.json"}
    assert "removed: 3 files" in capsys.readouterr().out


def test_a_limit_is_a_size(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--cache", str(cache), "--limit", "3.2kB"]) == 0
    assert len(kept(cache)) == 3
    assert main(["cache", "--cache", str(cache), "--limit", "much"]) == 2
    assert "such as 20GB" in capsys.readouterr().err


def test_a_cache_that_is_not_there_holds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--cache", str(tmp_path / "none")]) == 0
    assert "0 files" in capsys.readouterr().out
