"""Gaps of shares against published intervals and simulation."""

import numpy as np
import pytest

from eyeground.evaluation.inversion import ERROR
from eyeground.evaluation.proportion_gap import Share, proportion_gap, share_of


def single(successes: int, trials: int) -> Share:
    """Patients with one photo each."""
    return Share(np.repeat([1, 0], [successes, trials - successes]), np.ones(trials, dtype=int))


@pytest.mark.parametrize(("positive", "negative", "low"), [(10, 20, 0.6791), (10, 10, 0.6075)])
def test_groups_that_agree_fully_meet_newcombes_published_interval(positive, negative, low):
    """Newcombe (1998), table II, method 10: 10/10 - 0/20 is 1 (0.6791 to 1), 10/10 - 0/10 is 1 (0.6075 to 1)."""
    gap = proportion_gap(single(positive, positive), single(0, negative), share_patients=False)
    assert gap.limits(ERROR) == pytest.approx((low, 1), abs=5e-5)
    assert gap.p() < 0.001


def test_of_independent_photos_it_is_newcombes_published_interval_nearly():
    """The variance between patients has one degree of freedom less than there are patients."""
    gap = proportion_gap(single(56, 70), single(48, 80), share_patients=False)
    assert gap.limits(ERROR) == pytest.approx((0.0524, 0.3339), abs=2e-3)


def test_shared_patients_narrow_the_gap_and_it_covers():
    """Left and right eyes, decided alike in four of five patients."""
    generator = np.random.default_rng(0)
    covered, widths = [], []
    for _ in range(600):
        right = generator.random((40, 2)) < 0.85
        alike = generator.random(40) < 0.8
        right[alike, 1] = right[alike, 0]
        patient, left = np.repeat(np.arange(40), 2), np.tile([True, False], 40)
        shares = [share_of(right.ravel(), eye, patient, 40) for eye in (left, ~left)]
        (low, high), apart = (proportion_gap(*shares, share_patients=share).limits(ERROR) for share in (True, False))
        covered.append(low <= 0 <= high)
        widths.append([high - low, apart[1] - apart[0]])
    assert np.mean(covered) >= 0.93
    narrow, wide = np.mean(widths, axis=0)
    assert narrow < 0.8 * wide
