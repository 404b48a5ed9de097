"""Figures for few outputs and for many, and for names that are long."""

import numpy as np
import pandas as pd
import pytest

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import validated_predictions
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.curves import precision_recall_with_band, roc_with_band
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.reporting.figure_style import COLOURS, LINES, as_svg
from eyeground.evaluation.reporting.figures import (
    MOST_CURVES_PER_PANEL,
    precision_recall_figure,
    roc_figure,
)
from eyeground.evaluation.reporting.matrix_figure import class_figure, confusion_figure
from eyeground.evaluation.reporting.score_figure import score_figure
from eyeground.evaluation.samples import samples_of

PAGE = 6.9  # inches of text on A4


def predictions_of(study, outputs, patients=30):
    table = study(patients, seed=0)
    for index in range(outputs - 1):
        other = study(patients, seed=index + 1)
        name = f"age_related_macular_degeneration_{index}>=2"
        table = table.assign(**{f"truth_{name}": other["truth_dr"], f"probability_{name}": other["probability_dr"]})
    return validated_predictions(table, "table")


def points_of(predictions):
    return [
        OperatingPoint(
            output=output, threshold=0.6, rule="sensitivity=0.95", chosen_on="validation", positives=5, negatives=5
        )
        for output in predictions.outputs
    ]


def figures_of(predictions):
    evaluation = evaluate(predictions, points_of(predictions), resamples=20)
    samples = samples_of(predictions)
    resampling = Resampling(one_stratum(predictions.table["patient"].nunique()), 20, 0)
    roc = {output: roc_with_band(sample, resampling) for output, sample in samples.items()}
    steps = {output: precision_recall_with_band(sample, resampling) for output, sample in samples.items()}
    return (
        roc_figure(evaluation, roc),
        precision_recall_figure(evaluation, steps),
        score_figure(evaluation.outputs, samples),
        confusion_figure(evaluation),
    )


def test_every_curve_of_a_panel_has_its_own_colour_and_line():
    assert len(set(COLOURS)) == len(set(LINES)) == MOST_CURVES_PER_PANEL


@pytest.mark.parametrize(("outputs", "panels"), [(1, 1), (4, 1), (5, 5)])
def test_many_outputs_get_a_panel_each_and_fit_on_a_page(study, outputs, panels):
    roc, steps, scores, confusion = figures_of(predictions_of(study, outputs))
    assert len(roc.axes) == len(steps.axes) == panels
    assert len(scores.axes) == len(confusion.axes) == outputs
    assert all(figure.get_size_inches()[0] <= PAGE + 1e-9 for figure in (roc, steps, scores, confusion))


@pytest.mark.parametrize("outputs", [1, 5])
def test_panels_stay_large_under_long_names_and_many_outputs(study, outputs):
    for figure in figures_of(predictions_of(study, outputs)):
        as_svg(figure)
        for axes in figure.axes:
            extent = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
            assert min(extent.width, extent.height) > 1, "inches"


def test_a_point_is_drawn_where_its_confusion_matrix_says(study):
    predictions = predictions_of(study, 1)
    output = evaluate(predictions, points_of(predictions), resamples=0).outputs[0]
    roc, steps, _, _ = figures_of(predictions)
    sensitivity, specificity, precision = (
        output.estimate(name).value for name in ("sensitivity", "specificity", "ppv")
    )
    circles = [
        line.get_xydata()[0]
        for figure in (roc, steps)
        for line in figure.axes[0].lines
        if line.get_marker() == "o" and len(line.get_xdata())
    ]
    np.testing.assert_allclose(circles, [(1 - specificity, sensitivity), (sensitivity, precision)])


def test_scores_of_exactly_0_and_1_are_drawn(predictions):
    made = predictions([0, 1, 0, 1], [0.0, 1.0, 0.0, 1.0])
    figure = score_figure(evaluate(made, resamples=0).outputs, samples_of(made))
    assert "svg" in as_svg(figure)
    same = predictions([0, 1], [0.3, 0.3])
    assert "0.3" in [
        label.get_text()
        for label in score_figure(evaluate(same, resamples=0).outputs, samples_of(same)).axes[0].get_xticklabels()
    ]


def test_classes_have_a_cell_for_each_pair_and_fit_on_a_page():
    classes = [f"disease_number_{index}" for index in range(12)]
    truth = np.arange(60) % 12
    table = {"photo": [f"{index}.jpg" for index in range(60)], "patient": [f"{index}" for index in range(60)]}
    for index, name in enumerate(classes):
        table[f"truth_finding={name}"] = (truth == index).astype(float)
        table[f"probability_finding={name}"] = np.where(truth == index, 0.9, 0.01)

    evaluation = evaluate(validated_predictions(pd.DataFrame(table), "table"), resamples=0)
    figure = class_figure(evaluation.families[0])
    assert figure.get_size_inches()[0] <= PAGE
    assert [text.get_text() for text in figure.axes[0].texts].count("5") == 12
