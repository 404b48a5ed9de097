"""What is written agrees with what was evaluated, and can be read back."""

import json

import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import evaluate, write_evaluation

TABLES = {"metrics.json", "metrics.csv", "results.csv", "metrics.md", "flow.csv"}


@pytest.fixture
def made(study):
    table = study(40, seed=1).assign(split=["validation"] * 40 + ["test"] * 40)
    table = table.assign(**{"truth_a|b": 0.0, "probability_a|b": 0.3})
    return validated_predictions(table, "table")


def test_all_tables_have_the_same_values(made, tmp_path):
    evaluation = evaluate(made, resamples=60)
    write_evaluation(evaluation, made, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == TABLES
    tidy = pd.read_csv(tmp_path / "metrics.csv").set_index(["output", "metric"])
    content = json.loads((tmp_path / "metrics.json").read_text())
    text = (tmp_path / "metrics.md").read_text()
    for output, stored in zip(evaluation.outputs, content["outputs"], strict=True):
        assert [row["value"] for row in stored["estimates"]] == [estimate.value for estimate in output.estimates]
        for estimate in output.all_estimates():
            row = tidy.loc[(output.output, estimate.metric)]
            if estimate.value is None:
                assert pd.isna(row["value"]) and row["note"] == estimate.note
            else:
                assert row["value"] == pytest.approx(estimate.value)
                assert f"{estimate.value:.3f}" in text
            if estimate.low is not None:
                assert (row["low"], row["high"]) == pytest.approx((estimate.low, estimate.high))
    assert tidy.loc[("dr", "sensitivity"), "threshold"] == pytest.approx(evaluation.outputs[0].at[0].point.threshold)
    assert tidy.loc[("macro average", "macro_auroc"), "value"] == pytest.approx(evaluation.macro[0].value)
    assert content["outputs"][0]["at"][0]["point"]["chosen_on"] == "validation"
    assert pd.read_csv(tmp_path / "flow.csv")["photos"].tolist() == [40, 40, 40, 40]


def test_tidy_table_counts_photos_patients_and_positives(made, tmp_path):
    write_evaluation(evaluate(made, resamples=0), made, tmp_path)
    row = pd.read_csv(tmp_path / "metrics.csv").iloc[0]
    assert (row["n_photos"], row["n_patients"]) == (40, 20)
    assert row["positives"] == made.in_split("test").table["truth_dr"].sum()


def test_markdown_tables_stay_tables_whatever_an_output_is_called(made, tmp_path):
    write_evaluation(evaluate(made, resamples=0), made, tmp_path)
    lines = (tmp_path / "metrics.md").read_text().splitlines()
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("|"):
            blocks[-1].append(line.replace("\\|", ""))
        elif blocks[-1]:
            blocks.append([])
    assert len(blocks) > 4
    for block in filter(None, blocks):
        assert len({line.count("|") for line in block}) == 1


def test_written_files_are_the_same_every_time(made, tmp_path):
    for name in ("first", "second"):
        write_evaluation(evaluate(made, resamples=30), made, tmp_path / name)
    for name in TABLES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_threshold_chosen_on_test_is_called_optimistic_in_every_table(study, tmp_path):
    made = validated_predictions(study(40, seed=1), "table")
    write_evaluation(evaluate(made, resamples=20, rules=["youden", "threshold=0.5"]), made, tmp_path)
    tidy = pd.read_csv(tmp_path / "metrics.csv").set_index(["metric", "operating_point"])
    assert tidy.loc[("sensitivity", "youden"), "chosen_on"] == "test"
    assert "optimistic" in tidy.loc[("sensitivity", "youden"), "note"]
    assert tidy.loc[("sensitivity", "threshold=0.5"), "chosen_on"] == "given"
    assert "optimistic" not in str(tidy.loc[("sensitivity", "threshold=0.5"), "note"])
    text = (tmp_path / "metrics.md").read_text()
    assert "**Optimistic**, at 0." in text and "(youden, chosen on the photos it is measured on: " in text
    assert "At 0.5 (threshold=0.5, given beforehand):" in text


def test_targets_folds_and_averages_are_in_every_table(tmp_path):
    generator = np.random.default_rng(0)
    grade = generator.integers(0, 3, 90)
    names = [f"{index}.jpg" for index in range(90)]
    table = pd.DataFrame({"photo": names, "patient": names, "fold": np.arange(90) % 3})
    for step in (1, 2):
        table[f"truth_dr>={step}"] = (grade >= step).astype(float)
        table[f"probability_dr>={step}"] = (grade >= step) * 0.4 + 0.5 * generator.random(90)
    made = validated_predictions(table, "table")
    evaluation = evaluate(made, resamples=20)
    write_evaluation(evaluation, made, tmp_path)
    tidy = pd.read_csv(tmp_path / "metrics.csv")
    (family,) = evaluation.families
    kappa = tidy[(tidy["output"] == "dr") & (tidy["metric"] == "quadratic_weighted_kappa")].iloc[0]
    assert kappa["value"] == pytest.approx(family.decisions[0].estimates[-1].value)
    folds = tidy[(tidy["output"] == "dr>=1") & tidy["fold"].notna()]
    assert folds["value"].tolist() == pytest.approx([fold.auroc.value for fold in evaluation.outputs[0].folds])
    assert (tidy["output"] == "micro average").sum() == 2
    stored = json.loads((tmp_path / "metrics.json").read_text())["families"][0]
    assert np.sum(stored["decisions"][0]["confusion"]) == 90
    text = (tmp_path / "metrics.md").read_text()
    for words in (
        "## dr: 3 grades",
        "Quadratic-weighted kappa",
        "called 2",
        "SD of AUROC between folds",
        "Micro AUROC",
    ):
        assert words in text


def test_predictions_that_were_not_evaluated_are_refused(made, study, tmp_path):
    other = validated_predictions(study(40, seed=3), "other")
    with pytest.raises(UserError, match="not the ones that were evaluated"):
        write_evaluation(evaluate(made, resamples=0), other, tmp_path)
    assert not list(tmp_path.iterdir())
