"""A study's cells: computed once, out of fold, by the same draws for every start, and the same after a kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import TRAINING_PHOTOS, photo_hash
from eyeground.data.manifest import read_manifest
from eyeground.errors import UserError
from eyeground.workflows.study.compute import drawn_rows, held_out_rows
from eyeground.workflows.study.data import Place
from eyeground.workflows.study.ledger import CELLS, predictions_of_cell
from eyeground.workflows.study.opened import Study, open_study
from eyeground.workflows.study.photos import prepare_for
from eyeground.workflows.study.results import as_table, study_results
from eyeground.workflows.study.run import run_study
from eyeground.workflows.study.settings import StudyRecipe

QUIET = Console(quiet=True)


def tables(study: Study) -> dict[str, bytes]:
    """Every table of every cell, by its place."""
    cells = study.place.folder / CELLS
    # A folder with a dot is of a writer that was killed; it is no cell.
    complete = (path for path in sorted(cells.glob("*/*.parquet")) if not path.parent.name.startswith("."))
    return {str(path.relative_to(cells)): path.read_bytes() for path in complete}


def test_all_cells_are_done_and_none_is_computed_again(done: Study, recipe: StudyRecipe) -> None:
    # Probes: 2 tasks x 2 starts x 2 folds x (2 draws of one half + 1 of all); fine-tunings: 2 starts of 1 fold.
    assert len(done.planned()) == 2 * 2 * 2 * 3 + 2
    assert done.pending() == ()
    before = {path: path.stat().st_mtime_ns for path in (done.place.folder / CELLS).iterdir()}
    again = open_study(recipe, done.place, QUIET)
    run_study(again, again.pending(), QUIET)
    assert {path: path.stat().st_mtime_ns for path in (done.place.folder / CELLS).iterdir()} == before


def test_no_patient_is_both_drawn_and_held_out(done: Study) -> None:
    for one in done.planned():
        task, manifest = done.recipe.task(one.cell.task), done.tasks[one.cell.task]
        patients = manifest.table["patient"].to_numpy()
        drawn, held_out = drawn_rows(one.cell, task, manifest), held_out_rows(one.cell, manifest)
        assert len(drawn)
        assert len(held_out)
        assert not set(patients[drawn]) & set(patients[held_out])


def test_every_photo_of_a_task_is_predicted_once_for_each_draw(done: Study) -> None:
    for start in done.starts:
        predicted: list[str] = []
        for one in done.planned():
            cell = one.cell
            if (cell.initialisation, cell.task, cell.method, cell.fraction, cell.seed) == (
                start, "abnormality", "probe", 0.5, 1,
            ):  # fmt: skip
                table = predictions_of_cell(done.place.folder, one.address)
                assert table is not None
                predicted += table.table["photo"].tolist()
        assert sorted(predicted) == sorted(done.tasks["abnormality"].table["photo"])


def test_a_task_of_a_split_has_its_patients_alone(done: Study) -> None:
    home = read_manifest(done.place.folder / "data" / "home.parquet")
    assert set(done.tasks["abnormality"].table["patient"]) == set(home.in_split("test").table["patient"])


def test_renaming_changes_no_address_and_another_label_does(done: Study, recipe: StudyRecipe) -> None:
    renamed = recipe.model_copy(
        update={
            "initialisations": tuple(
                one.model_copy(update={"name": f"new {one.name}"}) for one in recipe.initialisations
            )
        }
    )
    again = open_study(renamed, done.place, QUIET)
    assert again.pending() == ()
    table = done.tasks["abnormality"].table
    flipped = table.assign(abnormal=table["abnormal"].mask(table.index == 0, 1 - table["abnormal"]))
    changed = replace(done, tasks=done.tasks | {"abnormality": replace(done.tasks["abnormality"], table=flipped)})
    assert {one.cell.task for one in changed.pending()} == {"abnormality"}


def test_shards_share_all_cells_out(done: Study, recipe: StudyRecipe, root: Path) -> None:
    fresh = replace(done, place=Place(root / "sharded", root, root / "cache", 1))
    shards = [fresh.pending(part, 3) for part in (1, 2, 3)]
    assert sorted(one.address for shard in shards for one in shard) == sorted(one.address for one in fresh.planned())
    for shard in shards:
        run_study(fresh, shard, QUIET)
    assert tables(fresh) == tables(done)


def test_processes_compute_what_one_does(done: Study, root: Path) -> None:
    two = replace(done, place=Place(root / "parallel", root, root / "cache", 2))
    probes = [one for one in two.planned() if one.cell.method == "probe"]
    run_study(two, probes, QUIET)
    expected = tables(done)
    assert tables(two) == {name: expected[name] for name in tables(two)}
    assert len(tables(two)) >= len(probes)


def test_a_study_killed_again_and_again_ends_in_the_same_tables(done: Study, root: Path) -> None:
    command = [
        sys.executable, "-m", "eyeground", "study", str(root / "study.yaml"), "--root", str(root), "-o", str(root / "killed"),
        "--cache", str(root / "killed-cache"),
    ]  # fmt: skip
    cells = root / "killed" / CELLS
    for done_before in (2, 13, 24):  # among probes, twice, and in a fine-tuning
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and len(list(cells.glob("[!.]*"))) < done_before:
            time.sleep(0.02)
        time.sleep(0.1)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert not list((root / "killed" / "work").glob("*"))
    killed = replace(done, place=replace(done.place, folder=root / "killed"))
    assert tables(killed) == tables(done)
    results = as_table(study_results(killed)[0])
    assert results.equals(as_table(study_results(done)[0]))
    assert (root / "killed" / "report" / "report.html").is_file()


def test_a_bundle_that_was_trained_on_a_photo_of_the_task_is_refused(
    done: Study, tiny_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    seen = [photo_hash(photo) for photo in done.tasks["abnormality"].photo_paths()[:2]]
    bundle = tiny_bundle(tmp_path / "bundle", {TRAINING_PHOTOS: "".join(f"{one}\n" for one in sorted(seen)).encode()})
    knowing = replace(done, starts=done.starts | {"one": replace(done.starts["one"], bundle=bundle)})
    probes = [one for one in done.planned() if one.cell.method == "probe" and one.cell.initialisation == "one"]
    with pytest.raises(UserError, match="was trained on 2 of the"):
        prepare_for(knowing, probes, QUIET)
