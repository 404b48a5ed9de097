"""`eyeground compare` as a user meets it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eyeground.cli import main


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    """Predictions of three models, two of which have the same file name."""
    generator = np.random.default_rng(0)
    truth = (generator.random(120) < 0.4).astype(float)
    paths = []
    for place in ("imagenet/predictions.csv", "fundus/predictions.csv", "scratch.csv"):
        table = pd.DataFrame({"photo": [f"{index:03}.jpg" for index in range(120)], "truth_dr": truth})
        table["patient"] = np.repeat(np.arange(60), 2)
        table["probability_dr"] = 1 / (1 + np.exp(-1.5 * truth - generator.normal(size=120)))
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        table.to_csv(path, index=False)
        paths.append(str(path))
    return paths


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["compare", *arguments, "--resamples", "50"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_it_prints_a_table_and_writes_files(tables, tmp_path, capsys) -> None:
    code, out, _ = run(
        capsys,
        *tables,
        "--reference",
        "scratch",
        "--margin",
        "0.1",
        "-o",
        str(tmp_path / "out"),
        *("--name", "imagenet"),
        *("--name", "fundus"),
        *("--name", "scratch"),
    )
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("fundus − scratch") and "AUROC" in line)
    assert " to " in line
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.csv",
        "comparison.md",
        "forest.svg",
        "forest.png",
    }


def test_names_default_to_files_made_unique_by_their_folders(tables, tmp_path, capsys) -> None:
    _, out, _ = run(capsys, *tables, "-o", str(tmp_path / "out"))
    assert "imagenet/predictions − fundus/predictions" in out
    assert "fundus/predictions − scratch " in out
    twin = tmp_path / "scratch.parquet"
    pd.read_csv(tables[2]).to_parquet(twin)
    code, _, err = run(capsys, tables[2], str(twin), "-o", str(tmp_path / "out"))
    assert code == 2
    assert "two tables are called 'scratch'" in err


def test_a_threshold_can_be_given_for_each_model(tables, tmp_path, capsys) -> None:
    names = ("--name", "i", "--name", "f")
    code, out, _ = run(
        capsys, *tables[:2], *names, "-o", str(tmp_path / "out"), "--threshold", "i=0.6", "--threshold", "f=0.5"
    )
    assert code == 0
    assert "Thresholds, taken as they are: i 0.6 (given); f 0.5 (given)." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "amd"], "no output 'amd'"),
        (["--reference", "scrach"], "did you mean 'scratch'"),
        (["--name", "one"], "1 names (--name) for 3 tables"),
        (["--name", "a", "--name", "a", "--name", "b"], "'a' is given twice"),
        (["--threshold", "scratch=high"], "'high' is not a number"),
        (["--threshold", "0.5"], "expected MODEL="),
        (["--bundle", "scratch=nowhere"], "nowhere: no bundle here"),
        (["--margin", "2"], "must lie above 0 and below 1"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(arguments, message, tables, tmp_path, capsys) -> None:
    code, out, err = run(capsys, *tables, "-o", str(tmp_path / "out"), *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in out + err
    assert not (tmp_path / "out").exists()


def test_the_same_table_twice_is_refused(tables, tmp_path, capsys) -> None:
    code, _, err = run(capsys, tables[0], tables[0], "-o", str(tmp_path / "out"))
    assert code == 2
    assert "is given twice" in err


def test_every_photo_is_compared_on_request(tables, tmp_path, capsys) -> None:
    for path in tables:
        table = pd.read_csv(path)
        table.assign(split=["train"] * 80 + ["test"] * 40, age="unknown").to_csv(path, index=False)
    for options, photos in (([], 40), (["--every-photo"], 120)):
        assert run(capsys, *tables, *options, "-o", str(tmp_path / "o"))[0] == 0
        assert set(pd.read_csv(tmp_path / "o" / "comparison.csv")["n_photos"]) == {photos}
