"""Intervals against scipy, published values, and what a design effect must do."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from eyeground.core.proportions import wilson_interval
from eyeground.evaluation import intervals
from eyeground.evaluation.intervals import (
    bca_interval,
    clustered_wilson_interval,
    jackknife,
    percentile_interval,
)
from eyeground.evaluation.ranking import rank


def test_dropped_resamples_enter_no_interval():
    values = np.concatenate([np.linspace(0, 1, 1001), np.full(500, np.nan)])
    jackknifed = np.array([0.4, 0.5, 0.6, np.nan])
    assert percentile_interval(values) == pytest.approx((0.025, 0.975))
    assert bca_interval(0.5, values, jackknifed) == pytest.approx((0.025, 0.975))


def weighted_mean(data: np.ndarray):
    return lambda weights: (weights @ data / weights.sum(axis=1))[np.newaxis]


@pytest.mark.parametrize("seed", range(5))
def test_bca_is_that_of_scipy(seed):
    data = np.random.default_rng(seed).lognormal(sigma=1.2, size=40)
    expected = bootstrap((data,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(seed))
    interval = bca_interval(data.mean(), expected.bootstrap_distribution, jackknife([weighted_mean(data)], 40)[0][0])
    assert interval == pytest.approx(tuple(expected.confidence_interval), rel=1e-9)


def test_bca_without_bias_or_acceleration_is_the_percentile_interval():
    resampled = np.linspace(-1, 1, 2001)
    assert bca_interval(0, resampled, np.array([-1.0, 0, 1])) == pytest.approx(percentile_interval(resampled))


def test_bca_of_a_value_beyond_all_resamples_stays_among_them():
    resampled = np.linspace(0, 1, 101)
    for value in (-1, 2):
        low, high = bca_interval(value, resampled, np.array([0.1, 0.2, 0.4]))
        assert 0 <= low <= high <= 1


def test_jackknife_leaves_out_each_patient_once():
    generator = np.random.default_rng(0)
    truth, score, patient = np.arange(60) % 2, generator.normal(size=60), np.repeat(np.arange(20), 3)
    found = jackknife([lambda weights: rank(truth, score, patient).auroc(weights)[np.newaxis]], 20)[0][0]
    without = [patient != left_out for left_out in range(20)]
    expected = [rank(truth[rows], score[rows], patient[rows]).auroc(np.ones((1, 20), int))[0] for rows in without]
    assert sorted(found) == pytest.approx(sorted(expected))


def test_groups_of_patients_give_the_acceleration_of_patients(monkeypatch):
    data = np.random.default_rng(1).lognormal(sigma=1, size=6000)
    resampled = np.random.default_rng(2).normal(size=2000)
    monkeypatch.setattr(intervals, "JACKKNIFE_GROUPS", 6000)
    each = bca_interval(0, resampled, jackknife([weighted_mean(data)], 6000)[0][0])
    monkeypatch.setattr(intervals, "JACKKNIFE_GROUPS", 1500)
    grouped = jackknife([weighted_mean(data)], 6000)[0]
    assert grouped.shape == (1, 1500)
    assert bca_interval(0, resampled, grouped[0]) == pytest.approx(each, abs=0.02)
    assert percentile_interval(resampled) != pytest.approx(each, abs=0.02)


def test_eyes_that_always_agree_count_as_one():
    successes = 2 * (np.arange(50) < 30)
    low, high = clustered_wilson_interval(successes, np.full(50, 2))
    assert (low, high) == pytest.approx(wilson_interval(30, 50))


def test_one_photo_each_is_the_plain_interval():
    low, high = clustered_wilson_interval((np.arange(200) < 150).astype(int), np.ones(200, int))
    assert (low, high) == pytest.approx(wilson_interval(150, 200))


def test_eyes_that_differ_more_than_by_chance_do_not_narrow_the_interval():
    assert clustered_wilson_interval(np.ones(40, int), np.full(40, 2)) == pytest.approx(wilson_interval(40, 80))


@pytest.mark.parametrize("found", [0, 2])
def test_where_all_photos_agree_patients_are_counted(found):
    successes, trials = np.full(30, found), np.full(30, 2)
    with_absent = np.append(successes, 0), np.append(trials, 0)
    assert clustered_wilson_interval(*with_absent) == pytest.approx(wilson_interval(30 * found / 2, 30))


def test_clustered_wilson_covers_where_the_plain_interval_does_not():
    generator = np.random.default_rng(5)
    clustered, plain = 0, 0
    for _ in range(1000):
        share = generator.beta(0.85 * 0.8, 0.15 * 0.8, size=60)
        successes = generator.binomial(2, share)
        low, high = clustered_wilson_interval(successes, np.full(60, 2))
        clustered += low <= 0.85 <= high
        low, high = wilson_interval(successes.sum(), 120)
        plain += low <= 0.85 <= high
    assert clustered > 930
    assert plain < 915
