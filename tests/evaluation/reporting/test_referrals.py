"""Referrals per 1,000 photos, against counts made by hand and Bayes' rule."""

import numpy as np
import pytest

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import validated_predictions
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.reporting.referrals import FOUND, MISSED, REFERRED, referrals


def point(threshold, chosen_on="validation"):
    return OperatingPoint(
        output="dr", threshold=threshold, rule="youden", chosen_on=chosen_on, positives=5, negatives=5
    )


def values(one):
    return {estimate.metric: estimate for estimate in one.estimates}


def test_counts_per_1000_photos_are_those_of_the_confusion_matrix(predictions):
    # Of 8 photos: 2 found, 1 missed, 1 false alarm, 4 true negatives.
    made = predictions([1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2, 0.2, 0.1, 0.0])
    (one,) = referrals(evaluate(made, [point(0.5)], resamples=50), made)
    assert one.is_observed and one.prevalence == 3 / 8
    found = values(one)
    assert found[REFERRED].value == pytest.approx(1000 * 3 / 8)
    assert found[FOUND].value == pytest.approx(1000 * 2 / 8)
    assert found[MISSED].value == pytest.approx(1000 * 1 / 8)


def test_at_another_prevalence_counts_follow_from_sensitivity_and_specificity(study):
    made = validated_predictions(study(80, seed=0), "table")
    evaluation = evaluate(made, [point(0.6)], resamples=100, prevalences=[0.1])
    output = evaluation.outputs[0]
    observed, asked = referrals(evaluation, made)
    sensitivity, specificity = (output.estimate(name) for name in ("sensitivity", "specificity"))
    found = values(asked)
    assert asked.prevalence == 0.1 and not asked.is_observed
    assert found[REFERRED].value == pytest.approx(100 * sensitivity.value + 900 * (1 - specificity.value))
    assert found[FOUND].value == pytest.approx(100 * sensitivity.value)
    # The same resamples as the evaluation's, so the interval of what is missed is that of the sensitivity, turned round.
    assert found[MISSED].low == pytest.approx(100 * (1 - sensitivity.high))
    assert found[MISSED].high == pytest.approx(100 * (1 - sensitivity.low))
    assert found[FOUND].value / found[REFERRED].value == pytest.approx(output.estimate("ppv@0.1").value)
    assert values(observed)[FOUND].value / values(observed)[REFERRED].value == pytest.approx(
        output.estimate("ppv").value
    )


def test_intervals_are_percentiles_of_resampled_patients(study):
    table = study(60, seed=1)
    made = validated_predictions(table, "table")
    evaluation = evaluate(made, [point(0.6)], resamples=2000)
    found = values(referrals(evaluation, made)[0])[REFERRED]
    # Independently: patients drawn by copying, with other random numbers.
    by_patient = (table["probability_dr"] >= 0.6).groupby(table["patient"]).sum().to_numpy()
    generator = np.random.default_rng(99)
    shares = 1000 * by_patient[generator.integers(0, 60, (4000, 60))].sum(axis=1) / 120
    low, high = np.quantile(shares, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=15) and found.high == pytest.approx(high, abs=15)


def test_nothing_missed_still_has_an_interval(predictions):
    made = predictions([1] * 20 + [0] * 20, [0.9] * 20 + [0.1] * 10 + [0.8] * 10)
    evaluation = evaluate(made, [point(0.5)], resamples=100, prevalences=[0.05])
    for one, most in zip(referrals(evaluation, made), (1000 * 3.8415 / 43.8415, 50 * 3.8415 / 23.8415), strict=True):
        missed = values(one)[MISSED]
        assert (missed.value, missed.low) == (0, 0)
        assert missed.high == pytest.approx(most, rel=1e-3)


def test_without_positives_only_the_referred_are_counted(predictions):
    made = predictions([0, 0, 0], [0.9, 0.1, 0.2])
    evaluation = evaluate(made, [point(0.5)], resamples=20, prevalences=[0.05])
    observed, asked = referrals(evaluation, made)
    assert values(observed)[REFERRED].value == pytest.approx(1000 / 3)
    assert all(estimate.value is None and "no positives" in estimate.note for estimate in asked.estimates)


def test_a_threshold_chosen_on_these_photos_is_called_optimistic(study):
    made = validated_predictions(study(30, seed=2), "table")
    for one in referrals(evaluate(made, resamples=20, rules=["youden"]), made):
        assert all("optimistic" in estimate.note for estimate in one.estimates)


def test_no_operating_points_are_no_referrals(study):
    made = validated_predictions(study(30, seed=2), "table")
    assert referrals(evaluate(made, resamples=20), made) == ()
