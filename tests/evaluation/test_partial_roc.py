"""Sensitivity at a fixed specificity and the partial AUROC: scikit-learn's values, and intervals that cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from eyeground.data.predictions import validated_predictions
from eyeground.evaluation import evaluate
from eyeground.evaluation.auroc_interval import area, area_interval
from eyeground.evaluation.metrics import PARTIAL_AUROC, SENSITIVITY_AT
from eyeground.evaluation.partial_roc import partial_auroc, sensitivity_at

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=4, max_size=60).filter(
    lambda drawn: len({truth for truth, _ in drawn}) == 2
)


@given(rows, st.sampled_from([0.5, 0.8, 0.9]))
def test_values_are_scikit_learns_and_within_their_intervals(drawn, specificity):
    truth, score = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    patient = np.arange(len(truth)) // 2
    alarms, hits, _ = roc_curve(truth, score, drop_intermediate=False)
    value, limits = sensitivity_at(truth, score, patient, specificity)
    assert value == pytest.approx(hits[alarms <= 1 - specificity + 1e-9].max())
    assert 0 <= limits.low <= value + 1e-9 and value - 1e-9 <= limits.high <= 1
    value, limits = partial_auroc(truth, score, patient, specificity)
    assert value == pytest.approx(roc_auc_score(truth, score, max_fpr=1 - specificity))
    assert limits.low <= value + 1e-9 and value - 1e-9 <= limits.high <= 1


def test_the_partial_auroc_of_nearly_the_whole_curve_is_the_auroc_with_its_interval():
    generator = np.random.default_rng(0)
    truth = np.repeat(generator.random(200) < 0.3, 2).astype(float)
    score, patient = truth + generator.normal(size=400), np.repeat(np.arange(200), 2)
    value, limits = partial_auroc(truth, score, patient, 1e-9)
    whole = area(truth, score, patient)
    assert value == pytest.approx(whole.value)
    assert (limits.low, limits.high) == pytest.approx(area_interval([whole]), abs=2e-3)


@pytest.mark.parametrize(("patients", "ill"), [(100, 30), (400, 40)])
def test_both_intervals_cover_the_truth(patients, ill):
    separation = 2.0
    sensitivity = norm.sf(norm.ppf(0.9) - separation)
    alarms = np.linspace(0, 0.1, 20_001)[1:]
    height = np.mean(norm.sf(norm.isf(alarms) - separation))
    partial = (1 + (height - 0.05) / 0.95) / 2
    covered = np.zeros(2)
    for seed in range(200):
        generator = np.random.default_rng(seed)
        patient = np.repeat(np.arange(patients), 2)
        truth = (patient < ill).astype(float)
        noise = np.sqrt(0.8) * generator.normal(size=patients)[patient] + np.sqrt(0.2) * generator.normal(
            size=2 * patients
        )
        for place, (measure, true) in enumerate(((sensitivity_at, sensitivity), (partial_auroc, partial))):
            _, limits = measure(truth, separation * truth + noise, patient, 0.9)
            covered[place] += limits.low <= true <= limits.high
    assert (covered / 200 >= 0.92).all(), covered / 200


def test_an_evaluation_has_both_and_says_where_not(predictions, study):
    table = study(60, seed=1)
    output = evaluate(validated_predictions(table, "a"), resamples=10).outputs[0]
    drawn = output.estimate(SENSITIVITY_AT), output.estimate(PARTIAL_AUROC)
    assert all(0 <= one.low < one.value < one.high <= 1 for one in drawn)
    alone = evaluate(validated_predictions(table, "a"), resamples=0).outputs[0].estimate(PARTIAL_AUROC)
    assert (alone.value, alone.low) == (drawn[1].value, None)
    folds = table.assign(fold=table["patient"].str.len() + np.arange(len(table)) // 2 % 2)
    folded = evaluate(validated_predictions(folds, "a"), resamples=0).outputs[0].estimate(SENSITIVITY_AT)
    assert folded.note == "not estimable: scores of models of different folds have no common scale"
    nobody = evaluate(predictions([0, 0, 0], [0.1, 0.2, 0.3]), resamples=10).outputs[0].estimate(PARTIAL_AUROC)
    assert nobody.note == "not estimable: no positives in all photos"
