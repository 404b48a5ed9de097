"""The interaction of start and method: fine-tuning's difference minus the probe's, of the folds that both have."""

import pytest
from rich.console import Console

from eyeground.core.tables import read_table
from eyeground.workflows.study.interaction import interactions
from eyeground.workflows.study.interaction_table import describe_interactions
from eyeground.workflows.study.opened import Study
from eyeground.workflows.study.report import INTERACTIONS, write_study
from eyeground.workflows.study.results import MACRO, study_results


def test_it_is_the_difference_of_differences_on_the_photos_of_both(done: Study) -> None:
    (found,) = interactions(done)
    assert (found.task, found.data, found.fraction, found.folds, found.draws) == ("diseases", "", 1.0, 1, 1)
    assert (found.initialisation, found.reference) == ("two", "one")
    # The fine-tuning has fold 1 alone, so its result is also that of the study.
    finetuned = next(
        one
        for one in study_results(done)[0]
        if (one.comparison.method, one.initialisation, one.output) == ("finetune", "two", MACRO)
    )
    assert found.finetune.value == pytest.approx(finetuned.difference.value)
    assert (found.photos, found.patients) == (finetuned.photos, finetuned.patients)
    assert found.interaction.value == pytest.approx(found.finetune.value - found.probe.value)
    # So few photos of one fold may give no interval; the note then says why.
    low, high = found.interaction.low, found.interaction.high
    assert found.interaction.note if low is None else low <= found.interaction.value <= high
    assert (found.p is None) == (low is None)
    assert found.p_holm == found.p


def test_it_stands_in_the_report_and_in_a_table(done: Study) -> None:
    write_study(done, Console(quiet=True))
    table = read_table(done.place.folder / INTERACTIONS)
    assert table["interaction"].notna().all()
    page = (done.place.folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "fine-tuning minus probe" in page
    assert "interaction beyond chance" in describe_interactions(interactions(done))
