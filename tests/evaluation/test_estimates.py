"""An interval, or the reason why there is none."""

import numpy as np
import pytest

from eyeground.core.proportions import wilson_interval
from eyeground.evaluation.estimates import Limits, Support, with_interval, with_limits
from eyeground.evaluation.intervals import bca_interval

MANY = Support(50, "patients with positives")


def test_a_proportion_of_one_gets_a_wilson_interval_over_patients():
    estimate = with_interval("sensitivity", 1.0, np.ones(100), MANY, is_proportion=True)
    assert (estimate.low, estimate.high) == pytest.approx(wilson_interval(50, 50))
    assert estimate.note == "all photos agree; Wilson interval over 50 patients with positives"


def test_anything_else_without_spread_gets_no_interval():
    estimate = with_interval("auroc", 1.0, np.ones(100), MANY)
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)
    assert estimate.note == "no interval: every resample gives the same value"


@pytest.mark.parametrize(
    ("resampled", "patients", "note"),
    [
        (np.empty(0), 50, "no interval: no resamples were asked for"),
        (np.linspace(0, 1, 9), 1, "no interval: only 1 patient with positives"),
        (np.array([np.nan] * 6 + [0.1] * 4), 50, "no interval: not estimable in 6 of 10 resamples"),
    ],
)
def test_without_an_interval_the_note_says_why(resampled, patients, note):
    estimate = with_interval("auroc", 0.5, resampled, Support(patients, MANY.of))
    assert (estimate.value, estimate.low, estimate.note) == (0.5, None, note)


def test_few_patients_and_dropped_resamples_are_noted():
    resampled = np.append(np.linspace(0, 1, 99), np.nan)
    estimate = with_interval("auroc", 0.5, resampled, Support(4, MANY.of))
    assert estimate.low == pytest.approx(0.025, abs=0.01)
    assert "rests on only 4 patients with positives" in estimate.note
    assert "1 of 100 resamples dropped" in estimate.note


def test_interval_is_bca_where_the_value_was_jackknifed():
    generator = np.random.default_rng(0)
    resampled, jackknifed = generator.gamma(2, size=500), generator.gamma(2, size=50)
    estimate = with_interval("auroc", 1.2, resampled, MANY, jackknifed=jackknifed)
    assert (estimate.low, estimate.high) == bca_interval(1.2, resampled, jackknifed)
    assert estimate.high != with_interval("auroc", 1.2, resampled, MANY).high


def test_an_interval_that_is_known_to_fall_short_says_so():
    limits = Limits(0.4, 0.8)
    few, enough = (with_limits("mcc", 0.6, limits, Support(number, "patients with positives")) for number in (24, 25))
    assert few.note.startswith("rests on 24 patients with positives; such intervals held the truth in")
    assert enough.note == with_limits("sensitivity", 0.6, limits, Support(24, "patients")).note == ""
