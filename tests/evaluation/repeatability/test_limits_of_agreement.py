"""Limits of agreement: the classical formulas, patients as clusters, and intervals that hold the truth."""

import numpy as np
import pytest
from scipy.stats import t

from eyeground.evaluation.repeatability.limits_of_agreement import limits_of_agreement


def test_one_pair_of_each_patient_gives_bland_and_altmans_values_and_students_interval():
    differences = np.random.default_rng(0).normal(0.02, 0.05, 80)
    found = limits_of_agreement(differences, np.arange(80))
    mean, deviation = np.mean(differences), np.std(differences, ddof=1)
    assert [found.mean, found.low, found.high] == pytest.approx([mean, mean - 1.96 * deviation, mean + 1.96 * deviation], abs=1e-5)  # fmt: skip
    expected = t.interval(0.95, 79, mean, deviation / np.sqrt(80))
    assert (found.of_mean.low, found.of_mean.high) == pytest.approx(expected)
    # Bland and Altman's approximate standard error of a limit is that of normal differences; these limits are not narrower.
    of_limit = deviation * np.sqrt(1 / 80 + 1.96**2 / (2 * 79))
    assert found.of_high.high - found.of_high.low > 2 * 1.96 * of_limit
    assert found.of_low.low < found.low < found.of_low.high < found.of_mean.low


def test_photos_taken_twice_in_a_table_do_not_narrow_the_intervals():
    differences = np.random.default_rng(1).normal(0, 0.05, 60)
    once = limits_of_agreement(differences, np.arange(60))
    copied = limits_of_agreement(np.tile(differences, 4), np.tile(np.arange(60), 4))
    assert copied.of_mean.low == pytest.approx(once.of_mean.low)
    assert copied.of_high.high == pytest.approx(once.of_high.high, rel=0.1)


def test_exchanging_the_photos_exchanges_the_limits():
    differences = np.random.default_rng(2).gamma(2, 0.02, 50)
    found, turned = (limits_of_agreement(sign * differences, np.arange(50)) for sign in (1, -1))
    assert turned.low == pytest.approx(-found.high)
    assert (turned.of_low.low, turned.of_low.high) == pytest.approx((-found.of_high.high, -found.of_high.low))


def test_intervals_hold_the_truth_with_two_eyes_per_patient():
    generator, patient = np.random.default_rng(3), np.repeat(np.arange(30), 2)
    truth, held = 1.96 * np.hypot(0.03, 0.04), []
    for _ in range(300):
        differences = 0.03 * generator.normal(size=30)[patient] + 0.04 * generator.normal(size=60)
        found = limits_of_agreement(differences, patient)
        held.append([found.of_low.low <= -truth <= found.of_low.high, found.of_high.low <= truth <= found.of_high.high])
    assert np.mean(held) > 0.93


def test_no_interval_is_made_of_one_patient_and_none_of_equal_differences_has_a_width():
    assert limits_of_agreement(np.array([0.1, 0.2]), np.array([0, 0])).of_mean is None
    same = limits_of_agreement(np.zeros(5), np.arange(5))
    assert (same.low, same.high, same.of_low.low, same.of_high.high) == (0, 0, 0, 0)
