"""A comparison as tables, words, figure and files."""

import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import validated_predictions
from eyeground.evaluation import compare
from eyeground.evaluation.comparing.report import comparison_section, write_comparison
from eyeground.evaluation.comparing.tables import comparison_table, overview_table


@pytest.fixture
def models(study):
    """Two models on two outputs with validation and test photos; nobody has the second finding in the test split."""
    table = study(60, seed=7)
    table["split"] = np.where(np.arange(120) < 60, "validation", "test")
    table["truth_amd"] = np.where(table["split"] == "test", 0.0, table["truth_dr"])
    table["probability_amd"] = table["probability_dr"]
    noise = 0.2 * np.random.default_rng(1).random(120)
    other = table.assign(probability_dr=(table["probability_dr"] - noise).clip(0.001))
    return {"fundus": validated_predictions(table, "a"), "imagenet": validated_predictions(other, "b")}


@pytest.fixture
def comparison(models):
    return compare(models, reference="imagenet", margin=0.05, resamples=200)


def test_tidy_table_has_every_figure_once(comparison):
    table = comparison_table(comparison)
    assert len(table) == 2 * (2 * 4 + 4)
    assert not table.duplicated(["output", "metric", "model", "minus"]).any()
    row = table[(table["output"] == "dr") & (table["metric"] == "auroc_difference")].iloc[0]
    (difference,) = comparison.outputs[0].differences_in("auroc")
    assert (row["model"], row["minus"], row["verdict"]) == ("fundus", "imagenet", difference.verdict)
    assert row[["value", "low", "high", "p", "p_adjusted"]].tolist() == [
        difference.estimate.value,
        difference.estimate.low,
        difference.estimate.high,
        difference.p,
        difference.p_adjusted,
    ]
    assert table.loc[table["value"].isna(), "note"].str.startswith("not estimable: no positives in test").all()
    assert table["value"].isna().sum() == 9  # AUROC, AUPRC and sensitivity of the finding that nobody has


def test_section_says_what_was_compared_counted_and_meant(comparison):
    section = comparison_section(comparison)
    text = " ".join(section.paragraphs)
    assert section.key == "comparison"
    assert "fundus and imagenet are compared, each with imagenet, on 2 outputs" in text
    assert "for the 1 test of AUROC made here" in text
    assert "one-sided 2.5 %" in text
    assert "amd: fundus − imagenet not estimable: no positives in test" in text
    assert [block.name for block in section.tables] == ["comparison-models", "comparison-auroc", "comparison-decisions"]
    assert "fundus" in section.figures[0].alt


def test_photos_left_out_are_told(models):
    fewer = validated_predictions(models["fundus"].table.iloc[:-3], "a")
    text = comparison_section(compare(models | {"fundus": fewer}, resamples=20)).paragraphs[0]
    assert "Left out, because another model lacks them: 3 of imagenet photos." in text


def test_many_differences_are_counted_instead_of_told(models):
    four = {f"{name}{index}": each for name, each in models.items() for index in range(2)}
    section = comparison_section(compare(four, outputs=["dr"], resamples=100))
    assert any(
        paragraph.startswith("Of 6 differences in AUROC, 4 have an interval") for paragraph in section.paragraphs
    )


def test_files_are_written_and_a_forest_without_figures_removed(models, comparison, tmp_path):
    write_comparison(comparison, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"comparison.csv", "comparison.md", "forest.svg", "forest.png"}
    assert pd.read_csv(tmp_path / "comparison.csv").columns.tolist() == comparison_table(comparison).columns.tolist()
    before = (tmp_path / "forest.svg").read_bytes()
    write_comparison(comparison, tmp_path)
    assert (tmp_path / "forest.svg").read_bytes() == before
    write_comparison(compare(models, outputs=["amd"], resamples=20), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"comparison.csv", "comparison.md"}


def test_filled_marks_are_differences_whose_interval_leaves_out_zero(comparison):
    figure = comparison_section(comparison).figures[0].figure
    (difference,) = comparison.outputs[0].differences_in("auroc")
    marks = [line for line in figure.axes[1].lines if line.get_marker() == "s"]
    assert [line.get_xdata()[0] for line in marks] == [difference.estimate.value]
    away = not difference.estimate.low <= 0 <= difference.estimate.high
    assert (marks[0].get_markerfacecolor() != "white") == away


def test_without_thresholds_the_tables_keep_to_ranking(models):
    unsplit = {name: validated_predictions(each.table.drop(columns="split"), name) for name, each in models.items()}
    comparison = compare(unsplit, outputs=["dr"], resamples=50)
    assert set(overview_table(comparison)["Metric"]) == {"AUROC", "AUPRC"}
    assert len(comparison_section(comparison).tables) == 2
    assert any(
        "are not compared: no threshold for 'fundus'" in text for text in comparison_section(comparison).paragraphs
    )
