"""Cross-validated predictions are ranked within their folds, and a fold without a class is named."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation import evaluate


def in_folds(table: pd.DataFrame, folds: int) -> pd.DataFrame:
    return table.assign(fold=table["patient"].astype(int) % folds)


def within(table: pd.DataFrame) -> list[float]:
    return [roc_auc_score(part["truth_dr"], part["probability_dr"]) for _, part in table.groupby("fold")]


def test_auroc_is_the_mean_of_those_within_folds(study):
    table = in_folds(study(100, seed=1), 5)
    output = evaluate(Predictions(table), resamples=200).outputs[0]
    auroc = output.estimate("auroc")
    assert auroc.value == pytest.approx(np.mean(within(table)))
    assert auroc.note.startswith("mean within 5 of 5 folds")
    assert auroc.low < auroc.value < auroc.high
    assert [fold.auroc.value for fold in output.folds] == pytest.approx(within(table))
    assert [(fold.fold, fold.photos, fold.patients) for fold in output.folds] == [(n, 40, 20) for n in range(5)]
    mean, deviation = output.between_folds
    assert (mean.value, deviation.value) == pytest.approx((np.mean(within(table)), np.std(within(table), ddof=1)))
    assert mean.low is None and "not an interval" in deviation.note


def test_models_of_different_scale_do_not_spoil_the_figure(study):
    table = in_folds(study(100, seed=2), 5)
    scaled = table.assign(probability_dr=table["probability_dr"] * (1 + table["fold"]) / 5)
    honest, found = (evaluate(Predictions(made), resamples=0).outputs[0].estimate("auroc") for made in (table, scaled))
    assert found.value == pytest.approx(honest.value)
    pooled = evaluate(Predictions(scaled.drop(columns="fold")), resamples=0).outputs[0].estimate("auroc")
    assert pooled.value < honest.value - 0.05


def test_interval_is_that_of_patients_redrawn_within_their_folds(study):
    table = in_folds(study(80, seed=3), 4)
    found = evaluate(Predictions(table), resamples=3000).outputs[0].estimate("auroc")
    generator = np.random.default_rng(0)
    looped = []
    truth, probability = table["truth_dr"].to_numpy(), table["probability_dr"].to_numpy()
    for _ in range(200):
        aurocs = []
        for fold in range(4):
            patients = np.arange(fold, 80, 4)  # patient n has rows 2n and 2n + 1
            drawn = generator.choice(patients, len(patients))
            copies = np.concatenate([2 * drawn, 2 * drawn + 1])
            aurocs.append(roc_auc_score(truth[copies], probability[copies]))
        looped.append(np.mean(aurocs))
    assert (found.low, found.high) == pytest.approx(np.quantile(looped, [0.025, 0.975]), abs=0.015)


def test_a_fold_without_positives_is_named_and_left_out(study):
    table = in_folds(study(100, seed=4), 5)
    table.loc[table["fold"] == 3, "truth_dr"] = 0.0
    output = evaluate(Predictions(table), resamples=50).outputs[0]
    assert output.folds[3].auroc.note == "not estimable: no positives in fold 3"
    assert output.estimate("auroc").note.startswith("mean within 4 of 5 folds; no positives in fold 3")
    assert "4 of 5 folds" in output.between_folds[0].note
    assert output.estimate("auroc").value == pytest.approx(np.mean(within(table[table["fold"] != 3])))


def test_folds_that_all_lack_a_class_are_not_estimable(predictions):
    made = predictions([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], fold=[0, 0, 1, 1])
    output = evaluate(made, resamples=20).outputs[0]
    assert output.estimate("auroc").note == "not estimable: no fold with both positives and negatives in all photos"
    assert output.between_folds[0].note == "not estimable: fewer than two folds with both classes"


def test_folds_are_used_only_where_every_photo_has_one_and_the_reader_is_told(study):
    table = study(40, seed=5)
    complete = evaluate(Predictions(in_folds(table, 2)), resamples=0)
    assert "means within the 2 folds of the column 'fold'" in complete.remarks[-1]
    partial = in_folds(table, 2).astype({"fold": "Int64"})
    partial.loc[:5, "fold"] = pd.NA
    evaluation = evaluate(validated_predictions(partial, "a"), resamples=0)
    assert evaluation.remarks[-1] == "The column 'fold' is empty for 6 photos, so folds are not evaluated."
    assert evaluation.outputs[0].folds == ()
    for fold in (0, pd.NA):
        unused = evaluate(
            validated_predictions(table.assign(fold=pd.array([fold] * 80, dtype="Int64")), "a"), resamples=0
        )
        assert len(unused.remarks) == 1 and unused.outputs[0].folds == ()


def test_a_patient_in_two_folds_is_told(study):
    table = in_folds(study(40, seed=6), 2)
    table.loc[0, "fold"] = 1 - table.loc[0, "fold"]
    remarks = evaluate(Predictions(table), resamples=10).remarks
    assert remarks[-1].startswith("Patients in more than one fold: 1.")


def test_within_folds_and_strata_patients_are_drawn_from_their_own(study):
    table = in_folds(study(60, seed=7), 3)
    evaluation = evaluate(Predictions(table), resamples=100, stratified=True)
    assert evaluation.outputs[0].estimate("auroc").low is not None
    assert "dropped" not in evaluation.outputs[0].estimate("auroc").note


def test_a_resample_that_empties_a_fold_of_positives_counts_the_others(predictions):
    fold = np.repeat([0, 1, 2, 3], 6)
    truth = np.tile([1, 1, 0, 0, 0, 0], 4)
    probability = np.random.default_rng(0).random(24).round(2) / 2 + truth * 0.3
    made = predictions(truth, probability, fold=fold)
    auroc = evaluate(made, resamples=400).outputs[0].estimate("auroc")
    # Two positives a fold: nearly half of all resamples lose those of some fold, and none loses all.
    assert auroc.low is not None
    assert "dropped" not in auroc.note
