"""The ROC and precision-recall curves and their bands."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from eyeground.data.predictions import validated_predictions
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.curves import has_curve, precision_recall_with_band, roc_with_band
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.samples import Sample, samples_of

NO_RESAMPLES = Resampling(one_stratum(1), 0, 0)


def area_of_steps(curve):
    return np.sum(np.diff(curve.recall) * curve.precision[1:])


def test_area_under_the_curve_is_the_auroc_and_the_band_holds_the_curve(study):
    predictions = validated_predictions(study(60, seed=1), "table")
    sample = samples_of(predictions)["dr"]
    curve = roc_with_band(sample, Resampling(one_stratum(60), 300, 0))
    auroc = evaluate(predictions, resamples=0).outputs[0].estimate("auroc").value
    assert auc(curve.false_positive_rate, curve.true_positive_rate) == pytest.approx(auroc)
    assert (np.diff(curve.low) >= -1e-12).all() and (np.diff(curve.high) >= -1e-12).all()
    inner = (curve.grid > 0.05) & (curve.grid < 0.95)
    sensitivity = np.interp(curve.grid, curve.false_positive_rate, curve.true_positive_rate)
    inside = (curve.low <= sensitivity + 1e-9) & (sensitivity <= curve.high + 1e-9)
    assert inside[inner].mean() > 0.95


def test_area_under_the_precision_recall_steps_is_the_average_precision(study):
    table = study(60, seed=2).assign(probability_dr=lambda table: table["probability_dr"].round(1))
    sample = samples_of(validated_predictions(table, "table"))["dr"]
    curve = precision_recall_with_band(sample, NO_RESAMPLES)
    assert area_of_steps(curve) == pytest.approx(average_precision_score(sample.truth, sample.probability))
    assert curve.recall[0] == 0 and curve.recall[-1] == 1
    assert curve.prevalence == sample.truth.mean()


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 6)), min_size=4, max_size=30).filter(
        lambda photos: all(len({patient for truth, _, patient in photos if truth == kind}) > 1 for kind in (0, 1))
    ),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_bands_are_those_of_copied_patients(photos, seed):
    truth, score, patient = (np.array(column) for column in zip(*photos, strict=True))
    columns = int(patient.max()) + 1
    sample = Sample(truth.astype(float), score / 5, patient, columns)
    resampling = Resampling(one_stratum(columns), 20, seed)
    roc = roc_with_band(sample, resampling, points=11)
    steps = precision_recall_with_band(sample, resampling, points=11)
    rates, precisions = [], []
    for weights in resampling.weights():
        for row in weights:
            copies = np.repeat(np.arange(len(truth)), row[patient])
            if len(set(truth[copies])) < 2:
                continue
            false, true, _ = roc_curve(truth[copies], score[copies], drop_intermediate=False)
            rates.append(np.interp(roc.grid, false, true))
            precision, recall, _ = precision_recall_curve(truth[copies], score[copies])
            # The lowest recall that reaches each of the grid's; among equals, the highest threshold.
            precisions.append([precision[np.flatnonzero(recall >= level - 1e-9)[-1]] for level in steps.grid])
    if not rates:
        assert len(roc.grid) == len(steps.grid) == 0
        return
    for curve, resampled in ((roc, rates), (steps, precisions)):
        low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
        np.testing.assert_allclose(curve.low, low)
        np.testing.assert_allclose(curve.high, high)


def test_curves_of_folds_have_the_mean_area_of_the_folds(study):
    table = study(90, seed=3).assign(probability_dr=lambda table: table["probability_dr"].round(2))
    fold = np.arange(180) // 60
    table["fold"] = fold
    # Each fold's model has another scale, which must not matter.
    table["probability_dr"] = table["probability_dr"] / (1 + fold)
    predictions = validated_predictions(table, "table")
    sample = samples_of(predictions)["dr"]
    roc, steps = roc_with_band(sample, NO_RESAMPLES), precision_recall_with_band(sample, NO_RESAMPLES)
    within = [(sample.truth[fold == number], sample.probability[fold == number]) for number in range(3)]
    assert auc(roc.false_positive_rate, roc.true_positive_rate) == pytest.approx(
        np.mean([roc_auc_score(*one) for one in within])
    )
    assert area_of_steps(steps) == pytest.approx(np.mean([average_precision_score(*one) for one in within]))
    evaluated = evaluate(predictions, resamples=0).outputs[0]
    assert auc(roc.false_positive_rate, roc.true_positive_rate) == pytest.approx(evaluated.estimate("auroc").value)
    assert area_of_steps(steps) == pytest.approx(evaluated.estimate("auprc").value)


def test_a_fold_without_both_classes_has_no_curve():
    sample = Sample(np.array([0.0, 1, 1, 1]), np.array([0.1, 0.9, 0.5, 0.6]), np.arange(4), 4, np.array([0, 0, 1, 1]))
    curve = roc_with_band(sample, NO_RESAMPLES)
    assert auc(curve.false_positive_rate, curve.true_positive_rate) == 1
    assert has_curve(sample)
    assert not has_curve(Sample(sample.truth, sample.probability, sample.patient, 4, np.arange(4)))


def test_a_score_that_knows_nothing_has_a_precision_of_the_prevalence(predictions):
    sample = samples_of(predictions([0, 0, 0, 1], [0.5] * 4))["dr"]
    curve = precision_recall_with_band(sample, NO_RESAMPLES)
    np.testing.assert_array_equal(curve.recall, [0, 1])
    np.testing.assert_array_equal(curve.precision, [0.25, 0.25])


def test_there_is_no_band_around_a_single_patient(predictions):
    sample = samples_of(predictions([0, 0, 1], [0.1, 0.6, 0.5]))["dr"]
    for curve in (roc_with_band, precision_recall_with_band):
        assert len(curve(sample, Resampling(one_stratum(3), 100, 0)).grid) == 0
    assert roc_with_band(sample, NO_RESAMPLES).true_positive_rate[-1] == 1


def test_order_of_rows_changes_no_band(study):
    table = study(40, seed=4)
    bands = []
    for rows in (table, table.sample(frac=1, random_state=0)):
        sample = samples_of(validated_predictions(pd.DataFrame(rows), "table"))["dr"]
        curve = precision_recall_with_band(sample, Resampling(one_stratum(40), 50, 0))
        bands.append((curve.low, curve.high))
    np.testing.assert_array_equal(bands[0], bands[1])
