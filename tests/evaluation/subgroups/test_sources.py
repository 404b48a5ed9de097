"""Several sources: ranked within one, told from the score, and said."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation import evaluate
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.reporting.discrimination import discrimination_section
from eyeground.evaluation.subgroups.shortcuts import shortcuts
from eyeground.evaluation.subgroups.shortcuts_section import shortcuts_section


def mixed(sources: tuple[str, ...] = ("a", "b", "c"), column: str = "source", seed: int = 0) -> Predictions:
    """Sources of rising prevalence, whose photos score higher by the source whatever their truth."""
    generator = np.random.default_rng(seed)
    place = np.repeat(np.arange(len(sources)), 120)
    truth = generator.random(len(place)) < 0.2 + 0.3 * place
    score = 1 / (1 + np.exp(-(1.5 * place + 0.8 * truth + generator.normal(size=len(place)))))
    names = [f"{number}.jpg" for number in range(len(place))]
    columns = {"photo": names, "patient": names, "truth_dr": truth.astype(float), "probability_dr": score}
    return validated_predictions(pd.DataFrame(columns | {column: np.array(sources)[place]}), "mixed")


def within(table: pd.DataFrame, column: str) -> float:
    """AUROC of every source, weighted by its pairs."""
    areas, pairs = [], []
    for _, part in table.groupby(column):
        positives = part["truth_dr"].sum()
        areas.append(roc_auc_score(part["truth_dr"], part["probability_dr"]))
        pairs.append(positives * (len(part) - positives))
    return float(np.average(areas, weights=pairs))


@pytest.mark.parametrize("column", ["source", "device"])
def test_the_first_auroc_is_of_pairs_within_a_source_and_the_pooled_one_carries_a_warning(column):
    made = mixed(column=column)
    (output,) = evaluate(made, resamples=100).outputs
    pooled = output.estimate("auroc")
    assert output.ranking.metric == f"auroc_within_{column}"
    assert output.ranking.value == pytest.approx(within(made.table, column))
    assert output.ranking.low < output.ranking.value < output.ranking.high < pooled.value
    assert pooled.value == pytest.approx(roc_auc_score(made.table["truth_dr"], made.table["probability_dr"]))
    assert f"pooled over 3 {column}s" in pooled.note


@pytest.mark.parametrize("sources", [("a",), ("a", "a", "a")])
def test_of_a_single_source_there_is_one_auroc_and_no_warning(sources):
    (output,) = evaluate(mixed(sources), resamples=0).outputs
    assert output.ranking.metric == "auroc" and "pooled" not in output.ranking.note


def test_photos_of_an_unknown_source_are_left_out_within_sources_and_counted():
    made = mixed()
    table = made.table.assign(source=made.table["source"].where(made.table.index >= 30))
    (output,) = evaluate(validated_predictions(table, "table"), resamples=0).outputs
    assert output.ranking.value == pytest.approx(within(table[table["source"].notna()], "source"))
    assert "without 30 of an unknown source" in output.ranking.note


def test_the_source_is_told_from_the_probability_alone_against_the_rest():
    made = mixed()
    cohort = cohort_of(made, resamples=100)
    (pair,) = shortcuts(cohort).within
    areas = [roc_auc_score(made.table["source"] == name, made.table["probability_dr"]) for name in "abc"]
    told = pair.level_from_score
    assert told.value == pytest.approx(np.mean([max(area, 1 - area) for area in areas]))
    assert told.low < told.value < told.high
    assert (
        "Which dataset is this photo from? By its probability alone"
        in shortcuts_section(shortcuts(cohort)).paragraphs[1]
    )


def test_where_the_score_knows_nothing_of_the_source_chance_is_in_the_interval():
    made = mixed()
    shuffled = np.random.default_rng(1).permutation(made.table["source"])
    (pair,) = shortcuts(cohort_of(validated_predictions(made.table.assign(source=shuffled), "t"), resamples=200)).within
    assert pair.level_from_score.low < 0.5 + 0.03 and pair.level_from_score.value < 0.6


def test_the_question_is_asked_of_a_single_source_too():
    section = shortcuts_section(shortcuts(cohort_of(mixed(("a",)), resamples=0)))
    assert "Which dataset is this photo from? Not known" in section.paragraphs[1]


def test_the_report_shows_both_and_says_which_to_quote():
    made = mixed()
    section = discrimination_section(evaluate(made, resamples=20), made)
    (table,) = section.tables
    assert list(table.table.columns)[4:6] == ["AUROC within a source", "AUROC"]
    assert any("is the result to quote" in paragraph for paragraph in section.paragraphs)
