"""Discrimination as a part of the report."""

import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import validated_predictions
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.reporting.discrimination import discrimination_section


@pytest.fixture
def outputs(study):
    """A table with several outputs over the same photos."""

    def make(count):
        table = study(40, seed=0)
        for index in range(1, count):
            other = study(40, seed=index)
            table[f"truth_disease_{index}"] = other["truth_dr"]
            table[f"probability_disease_{index}"] = other["probability_dr"]
        return table

    return make


def section_of(table, **options):
    predictions = validated_predictions(table, "table")
    evaluation = evaluate(predictions, resamples=50, **options)
    return discrimination_section(evaluation, predictions), evaluation


def test_the_table_has_the_values_of_the_evaluation(outputs):
    section, evaluation = section_of(outputs(2))
    table = section.tables[0].table.set_index("Output")
    for output in evaluation.outputs:
        estimate = output.estimate("auroc")
        row = table.loc[output.output.replace("_", " ")]
        assert row["AUROC"] == f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"
        assert row["Positive"] == str(output.positives)
    macro = next(estimate for estimate in evaluation.macro if estimate.metric == "macro_auroc")
    assert table.loc["All outputs, macro", "AUROC"].startswith(f"{macro.value:.3f}")
    micro = next(estimate for estimate in evaluation.micro if estimate.metric == "micro_auprc")
    assert table.loc["All outputs, micro", "AUPRC"].startswith(f"{micro.value:.3f}")


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (1, ["roc", "precision_recall", "scores"]),
        (3, ["roc", "precision_recall", "scores"]),
        (4, ["roc", "precision_recall", "auroc_forest", "scores"]),
    ],
)
def test_there_is_a_forest_from_four_outputs_on(outputs, count, names):
    section, evaluation = section_of(outputs(count))
    assert [figure.name for figure in section.figures] == names
    auroc = f"{evaluation.outputs[0].estimate('auroc').value:.3f}"
    assert auroc in section.figures[0].alt
    assert all(figure.caption and figure.alt for figure in section.figures)


def test_an_output_without_positives_is_marked_and_the_others_are_plotted(outputs):
    table = outputs(2)
    table["truth_disease_1"] = 0.0
    section, _ = section_of(table)
    assert "no positives" in section.tables[0].table.set_index("Output").loc["disease 1", "AUROC"]
    assert any("disease 1" in paragraph and "no positives" in paragraph for paragraph in section.paragraphs)
    assert [figure.name for figure in section.figures] == ["roc", "precision_recall", "scores"]


@pytest.mark.parametrize("truth", [0.0, np.nan])
def test_one_class_or_no_truth_at_all_is_a_section_without_figures(outputs, truth):
    table = outputs(1).assign(truth_dr=truth)
    section, _ = section_of(table)
    assert section.figures == ()
    assert "not estimable" in section.tables[0].table.loc[0, "AUROC"]


def test_three_photos_are_enough(predictions):
    made = predictions([0, 1, 1], [0.2, 0.9, 0.1])
    section = discrimination_section(evaluate(made, resamples=20), made)
    assert section.tables[0].table.loc[0, "AUROC"].startswith("0.500")


def test_averages_of_a_target_stand_beside_those_of_all_outputs(outputs):
    table = outputs(1)
    grade = np.random.default_rng(0).integers(0, 3, len(table))
    for step in (1, 2):
        table[f"truth_grade>={step}"] = (grade >= step).astype(float)
        table[f"probability_grade>={step}"] = np.clip((grade - step + 1) / 3, 0, 1)
    names = list(section_of(table)[0].tables[0].table["Output"])
    assert names[-2:] == ["grade, macro", "grade, micro"]
    only = section_of(table.drop(columns=["truth_dr", "probability_dr"]))[0].tables[0].table
    assert list(only["Output"]) == ["grade ≥ 1", "grade ≥ 2", "All outputs, macro", "All outputs, micro"]


def test_cross_validated_predictions_are_marked(outputs):
    table = outputs(1)
    table["fold"] = pd.factorize(table["patient"])[0] % 3
    section, evaluation = section_of(table)
    assert any("cross-validated" in paragraph for paragraph in section.paragraphs)
    assert section.tables[0].table.loc[0, "AUROC"].startswith(f"{evaluation.outputs[0].estimate('auroc').value:.3f}")
