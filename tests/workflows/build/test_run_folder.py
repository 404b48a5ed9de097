"""A run folder: a run is never replaced without being asked for, and an aborted start can be repeated."""

from pathlib import Path

import pandas as pd
import pytest

from eyeground.cli import main
from eyeground.config.targets import Target
from eyeground.config.training_recipe import ProbeRecipe
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError
from eyeground.workflows.build.run_folder import PREDICTIONS, RECIPE, make_room, open_run

RECIPES = [ProbeRecipe(targets=(Target(name=name),)) for name in ("glaukoma", "glaucoma")]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    table = pd.DataFrame({"photo": ["a.jpg", "b.jpg"], "patient": ["1", "2"], "glaucoma": [0, 1]})
    return Manifest(table.astype({"photo": "string", "patient": "string"}), tmp_path)


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_did_nothing_yet_is_started_again_with_another_recipe(
    tmp_path: Path, manifest: Manifest, resume: bool
) -> None:
    run = tmp_path / "run"
    open_run(run, RECIPES[0], manifest, resume=False)
    open_run(run, RECIPES[1], manifest, resume=resume)
    assert "glaucoma" in (run / RECIPE).read_text()


def test_of_several_processes_the_first_alone_writes(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    (tmp_path / "a.jpg").touch()
    monkeypatch.setenv("LOCAL_RANK", "1")
    joined = open_run(run, RECIPES[0], manifest, resume=False)  # before the first has made the folder
    assert joined.photo_paths()[0].exists() and not list(run.iterdir())
    monkeypatch.setenv("LOCAL_RANK", "0")
    first = open_run(run, RECIPES[0], manifest, resume=False)
    pd.testing.assert_frame_equal(first.table, joined.table, check_dtype=False)
    (run / PREDICTIONS).touch()
    monkeypatch.setenv("LOCAL_RANK", "1")
    make_room(run, resume=False, overwrite=True)
    assert (run / PREDICTIONS).exists()


def test_a_run_that_did_something_is_resumed_or_replaced_only_if_that_is_asked_for(
    tmp_path: Path, manifest: Manifest
) -> None:
    run = tmp_path / "run"
    open_run(run, RECIPES[0], manifest, resume=False)
    (run / "checkpoints").mkdir()
    (run / PREDICTIONS).write_bytes(b"predictions")
    (run / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds a run already; .*--resume .* or --overwrite"):
        open_run(run, RECIPES[0], manifest, resume=False)
    with pytest.raises(UserError, match=r"another recipe: 'targets' is .*replace the run with --overwrite"):
        open_run(run, RECIPES[1], manifest, resume=True)
    open_run(run, RECIPES[0], manifest, resume=True)
    make_room(run, resume=False, overwrite=True)
    assert [path.name for path in run.iterdir()] == ["notes.txt"]


def test_a_folder_of_other_things_is_never_a_run(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "photo.jpg").write_bytes(b"photo")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="not empty and not a run"):
            make_room(tmp_path / "run", resume=False, overwrite=overwrite)
    assert (tmp_path / "run" / "photo.jpg").exists()


@pytest.mark.parametrize("command", [["pretrain"], ["adapt", "--finetune", "--target", "glaukoma"], ["adapt", "--target", "glaukoma"]])  # fmt: skip
def test_a_wrong_target_is_told_at_once_and_leaves_no_folder(
    tmp_path: Path, manifest: Manifest, command: list[str], capsys: pytest.CaptureFixture[str], tiny_bundle
) -> None:
    manifest.table.to_csv(tmp_path / "list.csv", index=False)
    bundle = tiny_bundle(tmp_path / "bundle")
    start = ["--bundle", str(bundle.folder)] if command[0] == "adapt" else ["--set", "targets=[{name: glaukoma}]"]
    assert main([*command, str(tmp_path / "list.csv"), *start, "-o", str(tmp_path / "run")]) == 2
    assert "did you mean 'glaucoma'?" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
