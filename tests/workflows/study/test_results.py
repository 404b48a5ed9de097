"""A study's results: within folds, over draws and outputs, paired; and the report shows them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score

from eyeground.core.tables import read_table
from eyeground.workflows.study.ledger import predictions_of_cell
from eyeground.workflows.study.opened import Study
from eyeground.workflows.study.report import RESULTS, write_study
from eyeground.workflows.study.results import MACRO, StudyResult, as_table, study_results


def result_of(results: list[StudyResult], **wanted: object) -> StudyResult:
    def place(one: StudyResult) -> dict[str, object]:
        return {**vars(one.comparison), "initialisation": one.initialisation, "output": one.output}

    found = [one for one in results if wanted.items() <= place(one).items()]
    assert len(found) == 1
    return found[0]


def auroc_by_hand(study: Study, start: str, output: str, seed: int, fraction: float) -> float:
    """AUROC of the pairs of a positive and a negative of one fold, over all folds."""
    right = pairs = 0.0
    for one in study.planned():
        cell = one.cell
        if (cell.initialisation, cell.task, cell.method) != (start, "diseases", "probe"):
            continue
        if (cell.seed, cell.fraction) != (seed, fraction):
            continue
        predictions = predictions_of_cell(study.place.folder, one.address)
        assert predictions is not None
        truth, probability, _ = predictions.known(output)
        of_fold = truth.sum() * (1 - truth).sum()
        if of_fold:
            right += roc_auc_score(truth, probability) * of_fold
            pairs += of_fold
    return right / pairs


def test_a_result_is_the_mean_over_draws_of_the_auroc_within_folds(done: Study) -> None:
    results, lacking = study_results(done)
    assert not lacking
    for output in ("amd", "diabetic_retinopathy"):
        found = result_of(
            results, task="diseases", data="", method="probe", fraction=0.5, initialisation="two", output=output
        )
        expected = np.mean([auroc_by_hand(done, "two", output, seed, 0.5) for seed in (0, 1)])
        assert found.auroc.value == pytest.approx(expected)
        assert found.draws == 2


def test_the_main_result_of_several_outputs_is_their_mean_and_its_difference_is_paired(done: Study) -> None:
    results, _ = study_results(done)
    place = {"task": "diseases", "data": "", "method": "probe", "fraction": 1.0}
    two, one = (result_of(results, **place, initialisation=name, output=MACRO) for name in ("two", "one"))
    parts = [
        result_of(results, **place, initialisation="two", output=output).auroc.value
        for output in ("amd", "diabetic_retinopathy")
    ]
    assert two.auroc.value == pytest.approx(np.mean(parts))
    assert one.difference is None
    assert two.difference is not None
    assert two.difference.value == pytest.approx(two.auroc.value - one.auroc.value)
    assert two.difference.low <= two.difference.value <= two.difference.high
    assert two.p_holm >= two.p


def test_external_photos_are_counted_once(done: Study) -> None:
    results, _ = study_results(done)
    abroad = done.external["abnormality", "abroad"][0]
    found = result_of(results, task="abnormality", data="abroad", method="probe", fraction=1.0, initialisation="one")
    assert found.photos == len(abroad)
    assert found.patients == abroad.patients


def test_a_comparison_that_lacks_a_cell_is_left_out_and_named(done: Study, tmp_path: Path) -> None:
    empty = replace(done, place=replace(done.place, folder=tmp_path))
    results, lacking = study_results(empty)
    assert not results
    assert len(lacking) == 7  # abnormality at home and abroad, diseases: at two fractions; one fine-tuning


def test_the_report_and_the_table_hold_every_result(done: Study) -> None:
    write_study(done, Console(quiet=True))
    table = read_table(done.place.folder / RESULTS)
    assert len(table) == len(study_results(done)[0])
    page = (done.place.folder / "report" / "report.html").read_text(encoding="utf-8")
    for text in (
        "Task: abnormality",
        "mean over 2 draws of the labels",
        "Task: diseases",
        "in folds held out",
        "on abroad",
        "Fine-tuning",
        "against one",
    ):
        assert text in page


def test_results_of_several_processes_are_those_of_one(done: Study) -> None:
    two = replace(done, place=replace(done.place, jobs=2))
    assert as_table(study_results(two)[0]).equals(as_table(study_results(done)[0]))
