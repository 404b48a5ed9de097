"""`study` on the command line: what --dry-run lists, --cells and --shard limit, and mistakes are one sentence."""

from pathlib import Path

import pytest
import yaml

from eyeground.cli import main
from eyeground.core.tables import read_table
from eyeground.data.manifest import write_manifest
from eyeground.datasets.synthetic import render_dataset

pytestmark = pytest.mark.train

NETWORK = {"architecture": {"backbone": "test_resnet"}, "preprocessing": {"side": 48}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets, and a recipe whose second start is trained upstream on the first of them."""
    folder = tmp_path_factory.mktemp("study")
    for name, seed in (("upstream", 3), ("home", 4)):
        manifest = render_dataset(folder / name, 16, side=64, seed=seed, prevalence={"diabetic_retinopathy": 0.5})
        write_manifest(manifest, folder / name / "manifest.csv")
    fitting = {"epochs": 1, "batch_size": 8}
    recipe = {
        "name": "small",
        "data": {
            "upstream": {"folder": "upstream/manifest.csv", "shares": {"train": 0.5, "validation": 0.5}},
            "home": {"folder": "home/manifest.csv"},
        },
        "initialisations": [
            {"name": "scratch", **NETWORK},
            {
                "name": "fundus",
                "upstream": "upstream",
                "pretrain": {"initialisation": "scratch", "optimisation": fitting, **NETWORK},
            },
        ],
        "tasks": [{"name": "abnormality", "data": "home", "targets": [{"name": "abnormal"}], "folds": 2}],
        "probe": {"fractions": [1.0], "C": [0.1]},
        "resamples": 50,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder


def study(root: Path, *more: str) -> int:
    places = ["--root", str(root), "-o", str(root / "out"), "--cache", str(root / "cache")]
    return main(["study", str(root / "study.yaml"), *places, *more])


def test_a_dry_run_lists_cells_and_computes_none(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(root, "--dry-run") == 0
    listed = capsys.readouterr().out
    assert "4 cells, 0 done; 4 to compute" in listed
    assert listed.count("after upstream") == 2
    assert not (root / "out" / "cells").exists()
    assert not (root / "out" / "upstream").exists()


def test_a_dry_run_cleans_nothing_and_says_what_will_be(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study(root, "-o", str(tmp_path), "--dry-run", "--set", "data.home.clean=true") == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert listed.count("after cleaning") == 4
    assert "home will be cleaned first" in listed
    assert not (tmp_path / "data" / "home.parquet").exists()
    assert study(root, "-o", str(tmp_path), "--cells", "1", "--set", "data.home.clean=true") == 0
    capsys.readouterr()
    assert study(root, "-o", str(tmp_path), "--dry-run", "--set", "data.home.clean=true") == 0
    assert "clean" not in capsys.readouterr().out


def test_without_the_photos_a_dry_run_says_what_is_missing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = ["--root", "/nowhere", "-o", "/nowhere/out", "--dry-run"]
    assert main(["study", str(root / "study.yaml"), *elsewhere]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "4 cells" in printed
    assert "data 'home' are not there" in printed
    assert main(["study", str(root / "study.yaml"), *elsewhere[:-1]]) == 2


@pytest.mark.parametrize("shard", ["0/2", "3/2", "half"])
def test_a_shard_that_is_none_is_refused(root: Path, shard: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(root, "--shard", shard) == 2
    assert "expected i/n" in capsys.readouterr().err


def test_upstream_is_trained_once_and_its_own_head_is_a_cell(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(root, "--shard", "1/2") == 2
    assert "is not trained yet" in " ".join(capsys.readouterr().err.split())
    assert study(root, "--cells", "1") == 0
    assert len(list((root / "out" / "cells").iterdir())) == 1
    bundles = list((root / "out" / "upstream").glob("*/bundle/bundle.json"))
    assert len(bundles) == 1
    before = bundles[0].stat().st_mtime_ns
    assert study(root) == 0
    assert bundles[0].stat().st_mtime_ns == before
    results = read_table(root / "out" / "figures.csv")
    assert set(results["method"]) == {"as released", "probe"}
    assert set(results.loc[results["method"] == "as released", "initialisation"]) == {"fundus"}


def test_data_that_changed_since_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(root, "--cells", "1") == 0
    path = root / "home" / "manifest.csv"
    text = path.read_text(encoding="utf-8")
    try:
        table = read_table(path)
        table["abnormal"] = 1 - table["abnormal"].astype(int)
        table.to_csv(path, index=False)
        assert study(root) == 2
        assert "other photographs, labels or settings of 'home'" in " ".join(capsys.readouterr().err.split())
    finally:
        path.write_text(text, encoding="utf-8")
