"""Operating points as a part of the report."""

import numpy as np
import pandas as pd
import pytest

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import validated_predictions
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.reporting.operating_points_section import operating_points_section
from eyeground.evaluation.reporting.result_rows import results_table


def section_of(table, points=(), **options):
    predictions = validated_predictions(table, "table")
    evaluation = evaluate(predictions, points, resamples=50, **options)
    return operating_points_section(evaluation, predictions), evaluation


def point(threshold, **others):
    return OperatingPoint(
        **{"output": "dr", "threshold": threshold, "rule": "youden", "chosen_on": "validation"}
        | {"positives": 7, "negatives": 9}
        | others
    )


def tables_of(section):
    return {block.name: block for block in section.tables}


def test_tables_have_the_values_of_the_evaluation(study):
    section, evaluation = section_of(study(40, seed=0), [point(0.6)], prevalences=[0.05])
    tables = tables_of(section)
    at = evaluation.outputs[0].at[0]
    row = tables["operating_points"].table.loc[0]
    for heading, metric in (("Sensitivity", "sensitivity"), ("PPV", "ppv")):
        estimate = next(one for one in at.estimates if one.metric == metric)
        assert row[heading] == f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"
    assert tables["thresholds"].table.loc[0].tolist() == ["dr", "Youden's index", "0.6", "validation", "7", "9"]
    assert list(tables["referrals"].table["Prevalence"])[1] == "5.0%"
    called = at.confusion.true_positives + at.confusion.false_positives
    assert tables["referrals"].table.loc[0, "Referred"].startswith(f"{1000 * called / 80:.0f} (")
    assert "PPV" in tables["referrals"].table
    assert f"{at.confusion.true_positives} true and {at.confusion.false_positives} false positives" in (
        section.figures[0].alt
    )


def test_a_threshold_chosen_on_these_photos_is_headed_optimistic_and_kept_apart(study):
    section, _ = section_of(study(40, seed=0), [point(0.6)], rules=["sensitivity=0.9"])
    tables = tables_of(section)
    assert section.paragraphs[0].startswith("Optimistic")
    assert list(tables["operating_points"].table["Operating point"]) == ["Youden's index"]
    optimistic = tables["operating_points_optimistic"]
    assert optimistic.caption.startswith("Optimistic")
    assert list(optimistic.table["Operating point"]) == ["sensitivity ≥ 0.9 (optimistic)"]
    assert len(tables["referrals"].table) == len(tables["referrals_optimistic"].table) == 1
    assert list(tables["thresholds"].table["Chosen on"]) == ["validation", "these photos"]
    notes = results_table(section.results).set_index("operating_point")["note"]
    assert notes["sensitivity=0.9"].str.contains("optimistic").all()
    assert not notes["youden"].str.contains("optimistic").any()


def test_only_optimistic_thresholds_give_no_sentence_on_expected_referrals(study):
    section, _ = section_of(study(40, seed=0), rules=["youden"])
    assert not any("Of 1,000 photos" in paragraph for paragraph in section.paragraphs)
    assert "operating_points" not in tables_of(section)


@pytest.mark.parametrize(
    ("chosen_on", "words"),
    [("given", "no truths were used"), ("train", "training photos"), ("validation", "validation photos")],
)
def test_paragraphs_say_where_thresholds_come_from(study, chosen_on, words):
    section, _ = section_of(study(30, seed=0), [point(0.5, chosen_on=chosen_on, rule="threshold=0.5")])
    assert words in section.paragraphs[0]


def test_without_thresholds_the_section_says_why(study):
    section, _ = section_of(study(30, seed=0))
    assert section.tables == () and section.figures == ()
    assert "no validation photos" in section.paragraphs[0]


def test_classes_of_a_target_have_a_table_and_a_matrix():
    generator = np.random.default_rng(0)
    grade = generator.integers(0, 4, 120)
    score = grade + generator.normal(0, 0.7, 120)
    table = pd.DataFrame({"photo": [f"{index}.jpg" for index in range(120)], "patient": np.arange(120).astype(str)})
    for step in (1, 2, 3):
        table[f"truth_grade>={step}"] = (grade >= step).astype(float)
        table[f"probability_grade>={step}"] = 1 / (1 + np.exp(-3 * (score - step + 0.5)))
    section, evaluation = section_of(table)
    row = tables_of(section)["classes"].table.loc[0]
    kappa = next(one for one in evaluation.families[0].decisions[0].estimates if one.metric.startswith("quadratic"))
    assert row["Quadratic-weighted kappa"].startswith(f"{kappa.value:.3f} (")
    matrix = section.figures[-1]
    agreed = np.trace(np.array(evaluation.families[0].decisions[0].confusion))
    assert matrix.name == "classes_grade" and f"{agreed} of 120 photos classified correctly" in matrix.alt
    assert len(matrix.figure.axes) == 1
