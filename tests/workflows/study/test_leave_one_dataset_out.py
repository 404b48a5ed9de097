"""Leave-one-dataset-out: a dataset is predicted by a model that saw none of it, and ranked within itself."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score

from eyeground.config.settings import read_recipe
from eyeground.errors import UserError
from eyeground.workflows.study.compute import drawn_rows, held_out_rows
from eyeground.workflows.study.data import Place
from eyeground.workflows.study.ledger import predictions_of_cell
from eyeground.workflows.study.opened import Study, open_study
from eyeground.workflows.study.report import write_study
from eyeground.workflows.study.results import main_results, study_results
from eyeground.workflows.study.run import run_study
from eyeground.workflows.study.settings import StudyRecipe

QUIET = Console(quiet=True)
DESIGN = ["tasks.0.design=leave_one_dataset_out", "tasks.0.together=[abroad]"]
HERE = [*DESIGN, "tasks.0.external=[]", "tasks.0.split=''", "probe.tasks=[abnormality]", "probe.fractions=[1.0]"]


@pytest.fixture(scope="module")
def study(root: Path) -> Study:
    """One task of two rendered datasets, probed."""
    recipe = read_recipe(StudyRecipe, root / "study.yaml", [*HERE, "finetune=null"])
    opened = open_study(recipe, Place(root / "left-out", root, root / "cache", 1), QUIET)
    run_study(opened, opened.pending(), QUIET)
    return opened


def test_each_dataset_is_held_out_once_and_its_patients_are_its_own(study: Study) -> None:
    assert {one.cell.fold for one in study.planned()} == {0, 1}
    task, manifest = study.recipe.task("abnormality"), study.tasks["abnormality"]
    for one in study.planned():
        held_out, drawn = (
            set(manifest.table["patient"].iloc[rows].str.split("-").str[0])
            for rows in (held_out_rows(one.cell, manifest), drawn_rows(one.cell, task, manifest))
        )
        assert (held_out, drawn) == (({"home"}, {"abroad"}) if one.cell.fold == 0 else ({"abroad"}, {"home"}))


def test_results_are_of_each_dataset_and_of_both_within_theirs(study: Study) -> None:
    results, lacking = study_results(study)
    assert not lacking
    found = {one.comparison.data: one.auroc.value for one in main_results(results) if one.initialisation == "two"}
    by_hand, pairs = {}, {}
    for one in study.planned():
        if one.cell.initialisation == "two":
            truth, probability, _ = predictions_of_cell(study.place.folder, one.address).known("abnormal")
            name = ("home", "abroad")[one.cell.fold]
            by_hand[name], pairs[name] = roc_auc_score(truth, probability), truth.sum() * (1 - truth).sum()
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand)
    assert found[""] == pytest.approx(np.average(list(by_hand.values()), weights=list(pairs.values())))


def test_the_report_says_what_was_held_out(study: Study) -> None:
    write_study(study, QUIET)
    page = (study.place.folder / "report" / "report.html").read_text(encoding="utf-8")
    for text in ("Each of the datasets home and abroad is held out once", "on abroad, held out", "pooled by pairs"):
        assert text in page


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (DESIGN[:1], "need each other"),
        ([*DESIGN[1:], "tasks.0.external=[]"], "`together` and `design"),
        ([DESIGN[0], "tasks.0.together=[abrod]"], "did you mean 'abroad'"),
        ([DESIGN[0], "tasks.0.together=[home]"], "two datasets of task 'abnormality' are called 'home'"),
        (DESIGN, "its own data 'abroad' cannot be external"),
    ],
)
def test_designs_that_do_not_fit_are_refused(root: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(StudyRecipe, root / "study.yaml", overrides)
