"""Calibration metrics against scikit-learn and scipy, also on resampled copies of photos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from eyeground.evaluation import evaluate
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.calibration_measures import (
    calibration_error_measure,
    equal_mass_bins,
    recalibration_measure,
)
from eyeground.evaluation.measures import point_values
from eyeground.evaluation.samples import Sample


def sample_of(photos: int, seed: int, slope: float = 0.7, intercept: float = 0.3, per_patient: int = 2) -> Sample:
    generator = np.random.default_rng(seed)
    score = generator.normal(-1, 1.5, photos)
    truth = (generator.random(photos) < expit(intercept + slope * score)).astype(float)
    return Sample(truth, expit(score), np.arange(photos) // per_patient, photos // per_patient)


def refitted(truth: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    score = logit(probability)
    slope = LogisticRegression(C=np.inf, tol=1e-9, max_iter=500).fit(score[:, np.newaxis], truth).coef_[0, 0]
    return float(slope), float(brentq(lambda shift: (expit(shift + score) - truth).sum(), -20, 20))


def all_weights(sample: Sample, resamples: int) -> np.ndarray:
    return np.concatenate(list(Resampling(one_stratum(sample.columns), resamples, 0).weights()))


@given(st.lists(st.integers(0, 12), min_size=1, max_size=80))
def test_equal_scores_share_a_bin_and_bins_rise_with_scores(scores):
    probability = np.array(scores) / 12
    bins = equal_mass_bins(probability)
    assert bins.min() >= 0 and bins.max() < 10
    order = np.argsort(probability)
    assert (np.diff(bins[order]) >= 0).all()
    assert all(len(set(bins[probability == score])) == 1 for score in set(probability))


def test_without_ties_bins_are_deciles():
    probability = np.random.default_rng(0).permutation(200) / 200
    assert np.bincount(equal_mass_bins(probability)).tolist() == [20] * 10


def test_calibration_error_is_the_mean_gap_over_deciles():
    sample = sample_of(500, seed=1)
    order = np.argsort(sample.probability)
    gaps = [
        abs(sample.truth[part].mean() - sample.probability[part].mean()) * len(part)
        for part in np.array_split(order, 10)
    ]
    assert point_values(calibration_error_measure(sample), sample.columns)[0] == pytest.approx(sum(gaps) / 500)


def test_resampled_calibration_errors_are_those_of_copies_in_fixed_bins():
    sample = sample_of(120, seed=2)
    measure, weights = calibration_error_measure(sample), all_weights(sample, 20)
    bins = equal_mass_bins(sample.probability)
    for found, row in zip(measure.of(weights)[0], weights, strict=True):
        copies = np.repeat(np.arange(120), row[sample.patient])
        gaps = [(sample.truth - sample.probability)[copies][bins[copies] == number].sum() for number in range(10)]
        assert found == pytest.approx(np.abs(gaps).sum() / len(copies))


def test_chance_alone_makes_the_error_that_the_note_says_and_the_bins_are_named(predictions):
    generator = np.random.default_rng(4)
    probability = generator.random(300)
    found = []
    for _ in range(300):
        sample = Sample((generator.random(300) < probability).astype(float), probability, np.arange(300), 300)
        found.append(point_values(calibration_error_measure(sample), 300)[0])
    estimate = evaluate(predictions(sample.truth, probability), resamples=20).outputs[0].estimate("ece")
    assert estimate.note.startswith("10 bins of equally many photos, biased upwards; about ")
    # The note's is from the noise of one study, and not taken below that of right probabilities.
    assert float(estimate.note.split("about ")[1].split(" ")[0]) == pytest.approx(np.mean(found), rel=0.15)
    assert " against perfect calibration" in estimate.note


@pytest.mark.parametrize(("photos", "tolerance"), [(100, 0.02), (400, 0.002)])
def test_slope_and_intercept_of_resamples_are_those_of_refits_to_copies(photos, tolerance):
    sample = sample_of(photos, seed=5)
    measure, weights = recalibration_measure(sample), all_weights(sample, 150)
    assert point_values(measure, sample.columns) == pytest.approx(refitted(sample.truth, sample.probability), abs=1e-5)
    expected = []
    for row in weights:
        copies = np.repeat(np.arange(photos), row[sample.patient])
        expected.append(refitted(sample.truth[copies], sample.probability[copies]))
    found = measure.of(weights)
    assert np.median(np.abs(found.T - expected), axis=0).max() < 1e-4
    quantiles = [0.025, 0.5, 0.975]
    assert np.quantile(found, quantiles, axis=1) == pytest.approx(
        np.quantile(expected, quantiles, axis=0), abs=tolerance
    )


def test_in_large_samples_one_step_is_enough():
    sample = sample_of(12_000, seed=6)
    measure, weights = recalibration_measure(sample), all_weights(sample, 6)
    for found, row in zip(measure.of(weights).T, weights, strict=True):
        copies = np.repeat(np.arange(12_000), row[sample.patient])
        assert found == pytest.approx(refitted(sample.truth[copies], sample.probability[copies]), abs=1e-4)


@given(st.floats(0.6, 3), st.floats(-2, 2))
def test_a_slope_and_a_shift_put_into_the_scores_are_found_again(slope, shift):
    sample = sample_of(400, seed=7)
    fitted, _ = point_values(recalibration_measure(sample), sample.columns)
    score = logit(sample.probability)
    stretched = Sample(sample.truth, expit(score / slope), sample.patient, sample.columns)
    assert point_values(recalibration_measure(stretched), sample.columns)[0] == pytest.approx(fitted * slope, rel=1e-3)
    shifted = Sample(sample.truth, expit(score - shift), sample.patient, sample.columns)
    _, before = point_values(recalibration_measure(sample), sample.columns)
    assert point_values(recalibration_measure(shifted), sample.columns)[1] == pytest.approx(before + shift, abs=1e-4)


@pytest.mark.parametrize(
    ("truth", "probability", "why"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], "no overlap of the probabilities of positives and negatives"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.2, 0.9], "no overlap of the probabilities of positives and negatives"),
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3], "no two different probabilities"),
        ([1, 1, 1, 1], [0.1, 0.2, 0.7, 0.9], "no positives or negatives"),
    ],
)
def test_a_slope_without_a_finite_fit_says_why(predictions, truth, probability, why):
    output = evaluate(predictions(truth, probability), resamples=20).outputs[0]
    slope, intercept = output.estimate("calibration_slope"), output.estimate("calibration_intercept")
    assert slope.value is None
    if why == "no positives or negatives":
        assert slope.note == intercept.note == "not estimable: no negatives in all photos"
    else:
        assert slope.note == f"not estimable: {why} in all photos"
        assert intercept.value is not None


def test_probabilities_of_exactly_0_and_1_have_no_part_in_slope_and_intercept(predictions):
    sample = sample_of(200, seed=8)
    certain = np.repeat([0.0, 1.0, 1.0], 10)
    wrong = np.repeat([0.0, 1.0, 0.0], 10)
    truth, probability = np.concatenate([sample.truth, wrong]), np.concatenate([sample.probability, certain])
    output = evaluate(predictions(truth, probability), resamples=20).outputs[0]
    slope, intercept = output.estimate("calibration_slope"), output.estimate("calibration_intercept")
    assert (slope.value, intercept.value) == pytest.approx(refitted(sample.truth, sample.probability), abs=1e-4)
    assert "30 photos with a probability of exactly 0 or 1 left out, 10 of them wrong" in slope.note
    hard = evaluate(predictions([0, 1, 0], [0.0, 1.0, 1.0]), resamples=0).outputs[0].estimate("calibration_slope")
    assert hard.note == "not estimable: no positives with a probability other than 0 and 1 in all photos"


def test_probabilities_next_to_0_and_1_are_moved_and_counted(predictions):
    output = evaluate(predictions([0, 1, 0, 1, 1], [1e-9, 1 - 1e-8, 1 - 1e-9, 0.4, 0.7]), resamples=0).outputs[0]
    assert output.estimate("calibration_slope").note.startswith("3 probabilities closer to 0 or 1 than 1e-06")
    assert np.isfinite(output.estimate("calibration_slope").value)
