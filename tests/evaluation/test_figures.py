"""Figures for few outputs and for many, and for names that are long."""

import pytest

from eyeground.evaluation import evaluate, write_evaluation
from eyeground.evaluation.figures import COLOURS, LINES, MOST_CURVES_PER_PANEL
from eyeground.predictions import validated_predictions


def test_every_curve_of_a_panel_has_its_own_colour_and_line():
    assert len(set(COLOURS)) == len(set(LINES)) == MOST_CURVES_PER_PANEL


@pytest.mark.parametrize(("outputs", "panels"), [(4, 1), (5, 5)])
def test_many_outputs_get_a_panel_each(study, tmp_path, outputs, panels):
    table = study(30, seed=0)
    for index in range(outputs - 1):
        other = study(30, seed=index + 1)
        name = f"age_related_macular_degeneration_{index}>=2"
        table = table.assign(**{f"truth_{name}": other["truth_dr"], f"probability_{name}": other["probability_dr"]})
    predictions = validated_predictions(table, "table")
    write_evaluation(evaluate(predictions, resamples=20), predictions, tmp_path)
    drawing = (tmp_path / "roc.svg").read_text()
    assert drawing.count('<g id="axes_') == panels
    assert not (tmp_path / "confusion.svg").exists()
