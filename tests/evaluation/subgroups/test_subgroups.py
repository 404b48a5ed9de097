"""Subgroups against scikit-learn on their own rows, and gaps against resampled copies of the rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import evaluate
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.subgroups.subgroups import subgroups
from eyeground.evaluation.subgroups.subgroups_section import subgroups_section

POINT = OperatingPoint(output="dr", threshold=0.6, rule="youden", chosen_on="validation", positives=10, negatives=10)


@pytest.fixture
def table(study):
    """80 patients with two eyes, a sex and an age each; some ages are unknown."""
    made = study(80, seed=3)
    generator = np.random.default_rng(4)
    patients = made["patient"].astype(int)
    return made.assign(
        eye=["left", "right"] * 80,
        sex=generator.choice(["female", "male"], 80)[patients],
        age=np.where(patients % 9 == 0, np.nan, generator.integers(30, 85, 80)[patients]),
    )


def found(table, **settings):
    return subgroups(cohort_of(validated_predictions(table, "table"), [POINT], **settings))


def test_levels_have_the_figures_of_their_rows(table):
    output = found(table, resamples=0).outputs[0]
    for column, value in (("sex", "female"), ("eye", "right")):
        level, rows = output.level(column, value), table[table[column] == value]
        rest = table[table[column] != value]
        called = rows["probability_dr"] >= POINT.threshold
        expected = {
            "auroc": roc_auc_score(rows["truth_dr"], rows["probability_dr"]),
            "brier": brier_score_loss(rows["truth_dr"], rows["probability_dr"]),
            "sensitivity": recall_score(rows["truth_dr"], called),
            "specificity": recall_score(1 - rows["truth_dr"], ~called),
            "prevalence": rows["truth_dr"].mean(),
            "mean_calibration": rows["probability_dr"].mean() - rows["truth_dr"].mean(),
        }
        for metric, figure in expected.items():
            assert level.metric(metric).estimate.value == pytest.approx(figure, abs=1e-12)
        gap = expected["auroc"] - roc_auc_score(rest["truth_dr"], rest["probability_dr"])
        assert level.metric("auroc").gap.estimate.value == pytest.approx(gap, abs=1e-12)
        assert (level.photos, level.patients) == (len(rows), rows["patient"].nunique())


def test_a_gap_is_that_of_copied_rows_resample_by_resample(table):
    predictions = validated_predictions(table, "table")
    level = found(table, resamples=60, seed=5).outputs[0].level("eye", "left")
    truth, score, left = (table[column].to_numpy() for column in ("truth_dr", "probability_dr", "eye"))
    left = left == "left"
    photos_of = [np.flatnonzero(table["patient"] == one) for one in np.unique(table["patient"])]
    gaps = []
    for weights in cohort_of(predictions, resamples=60, seed=5).resampling.weights():
        for counts in weights:
            rows = np.concatenate([photos_of[one] for one in np.repeat(np.arange(80), counts)])
            here, there = rows[left[rows]], rows[~left[rows]]
            gaps.append(brier_score_loss(truth[here], score[here]) - brier_score_loss(truth[there], score[there]))
    gap = level.metric("brier").gap
    assert (gap.estimate.low, gap.estimate.high) == pytest.approx(tuple(np.quantile(gaps, [0.025, 0.975])), abs=1e-12)
    smaller = min(np.sum(np.array(gaps) <= 0), np.sum(np.array(gaps) >= 0))
    assert smaller
    assert gap.p == pytest.approx(min(1, 2 * (smaller + 1) / 61))


def test_a_reversed_level_among_many_is_significant_after_adjustment(study):
    """40 levels: Holm times the least p that 100 resamples can show, 0.02, is 0.8."""
    table = study(1600, seed=2)
    site = table["patient"].astype(int) % 40
    wrong = site == 7
    table = table.assign(site=site.map("s{:02}".format))
    table.loc[wrong, "probability_dr"] = 1 - table.loc[wrong, "probability_dr"]
    output = subgroups(cohort_of(validated_predictions(table, "table"), resamples=100), ["site"]).outputs[0]
    gap = output.level("site", "s07").metric("auroc").gap
    assert gap.estimate.high < 0
    assert gap.p_holm < 0.01


def test_two_eyes_of_the_same_people_are_a_pair(study):
    table = study(150, seed=8).assign(eye=["left", "right"] * 150)
    output = found(table, resamples=600).outputs[0]
    left, right = (output.level("eye", side).metric("auroc") for side in ("left", "right"))
    widths = [one.high - one.low for one in (left.estimate, right.estimate, left.gap.estimate)]
    assert widths[2] < 0.85 * np.hypot(widths[0], widths[1])
    assert left.gap.estimate.value == pytest.approx(-right.gap.estimate.value)
    assert (left.gap.p, left.gap.p_holm) == pytest.approx((right.gap.p, right.gap.p_holm))
    assert left.gap.p_holm == left.gap.p  # one question, asked once


def test_the_overall_figures_are_those_of_the_evaluation_with_and_without_folds(table):
    for made in (table, table.assign(fold=table["patient"].astype(int) % 3)):
        predictions = validated_predictions(made, "table")
        overall = subgroups(cohort_of(predictions, [POINT], resamples=200, seed=1)).outputs[0].overall
        evaluated = evaluate(predictions, [POINT], resamples=200, seed=1).outputs[0]
        for metric in ("auroc", "brier", "sensitivity", "specificity"):
            ours, theirs = overall.metric(metric).estimate, evaluated.estimate(metric)
            assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high))


def test_gaps_that_are_not_there_are_found_no_more_often_than_promised(study):
    wrong = 0
    for seed in range(60):
        table = study(60, seed=1000 + seed)
        table = table.assign(site=np.random.default_rng(seed).choice(["a", "b"], 60)[table["patient"].astype(int)])
        output = subgroups(cohort_of(validated_predictions(table, "table"), resamples=150), columns=["site"]).outputs[0]
        wrong += (output.level("site", "a").metric("brier").gap.p or 1) < 0.05
    assert wrong <= 8  # of 60 at 5 %: 3 expected, more than 8 once in 300


def test_a_true_gap_is_found_and_named(study):
    good, bad = study(150, seed=1, separation=3.0), study(150, seed=2, separation=0.2)
    bad["patient"], bad["photo"] = "b" + bad["patient"], "b" + bad["photo"]
    table = pd.concat([good.assign(device="Canon"), bad.assign(device="Kowa")], ignore_index=True)
    result = found(table, resamples=1000)
    gap = result.outputs[0].level("device", "Kowa").metric("auroc").gap
    assert gap.estimate.high < 0
    assert gap.p_holm < 0.01
    assert any("AUROC in device Canon +" in text for text in subgroups_section(result).paragraphs)


def test_the_order_of_rows_changes_nothing(table):
    shuffled = table.sample(frac=1, random_state=0)
    assert found(table, resamples=50) == found(shuffled, resamples=50)


def test_no_photo_is_lost_and_unknown_is_a_level(table):
    output = found(table, resamples=0).outputs[0]
    for column in ("eye", "sex", "age"):
        levels = [level for of, level in zip(output.columns, output.levels, strict=True) if of == column]
        assert sum(level.photos for level in levels) == len(table)
    assert output.level("age", "unknown").patients == 9


def test_small_and_one_sided_levels_say_so(table):
    table = table.assign(device="Canon")
    table.loc[table["patient"].isin(["0001", "0002", "0003"]), "device"] = "Topcon"
    table.loc[table["patient"] == "0004", "device"] = "Kowa"
    table.loc[table["device"] == "Kowa", "truth_dr"] = 0.0
    result = found(table, resamples=200)
    output = result.outputs[0]
    small, one_sided = output.level("device", "Topcon"), output.level("device", "Kowa")
    assert "rests on only 3 patients" in small.metric("brier").estimate.note
    assert small.metric("brier").gap.p is None
    assert one_sided.metric("auroc").estimate.note == "not estimable: no positives in all photos of device Kowa"
    assert one_sided.metric("auroc").gap.estimate.value is None
    section = subgroups_section(result)
    assert "not estimable: no positives" in section.tables[0].table.to_string()
    assert results_table(section.results).query("subset == 'device=Kowa' and metric == 'auroc'")["note"].item()


def test_what_could_not_be_looked_at_is_told(table):
    remarks = " ".join(found(table.assign(source="odir"), resamples=0).remarks)
    assert "have no such column: device and gradability" in remarks
    assert "Source: all photos are 'odir'" in remarks
    nothing = subgroups_section(found(table[["photo", "patient", "truth_dr", "probability_dr"]], resamples=0))
    assert "no subgroup to evaluate" in nothing.paragraphs[0]
    assert not nothing.figures


def test_an_operating_point_for_another_output_is_refused(table):
    with pytest.raises(UserError, match="no such output"):
        subgroups(cohort_of(validated_predictions(table, "table"), [POINT.model_copy(update={"output": "amd"})]))


def test_the_section_holds_what_the_result_holds(table):
    result = found(table, resamples=100)
    section = subgroups_section(result)
    assert section.key == "subgroups"
    assert [figure.name for figure in section.figures] == ["subgroups-dr"]
    assert all(figure.alt and figure.caption for figure in section.figures)
    values, gaps, _ = (block.table for block in section.tables)
    assert len(values) == 1 + len(result.outputs[0].levels)
    assert len(gaps) == len(result.outputs[0].levels)
    level = result.outputs[0].level("sex", "female").metric("sensitivity")
    row = results_table(section.results).query("subset == 'sex=female' and metric == 'sensitivity_gap'").iloc[0]
    assert (row["value"], row["p"], row["p_adjusted"]) == (level.gap.estimate.value, level.gap.p, level.gap.p_holm)
    assert row["operating_point"] == "youden"
