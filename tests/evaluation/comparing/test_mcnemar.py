"""McNemar's test against SciPy and published examples."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from eyeground.evaluation.comparing.mcnemar import discordance, mcnemar


def test_the_published_worked_example():
    # Bentur and others (2009): airway hyper-responsiveness before and after transplantation; exact p in Fagerland 2013.
    assert mcnemar(1, 7) == pytest.approx(0.070, abs=5e-4)


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 3), (12, 12), (0, 24), (17, 4)])
def test_few_discordant_photos_are_tested_exactly(first, second):
    assert mcnemar(first, second) == pytest.approx(binomtest(first, first + second).pvalue)


def test_many_discordant_photos_are_tested_by_mid_p_between_the_chi_squares():
    p = mcnemar(60, 40)
    uncorrected, corrected = (chi2.sf((20 - correction) ** 2 / 100, 1) for correction in (0, 1))
    assert uncorrected == pytest.approx(p, abs=0.005)
    assert p < corrected < 0.06
    point = binomtest(60, 100).pvalue - p
    assert point == pytest.approx(float(np.prod([(100 - k) / (40 - k) for k in range(40)]) / 2**100))


def test_photos_and_patients_that_differ_are_counted():
    first = np.array([True] * 30 + [False] * 12 + [True] * 58)
    second = np.array([False] * 30 + [True] * 12 + [True] * 58)
    found = discordance(first, second, np.arange(100) // 2)
    assert (found.first_only, found.second_only, found.patients) == (30, 12, 21)


def test_models_that_agree_leave_nothing_to_test_and_photos_that_cancel_out_do():
    agree = np.array([True, False, True])
    assert discordance(agree, agree, np.arange(3)).p_photos is None
    cancelled = discordance(np.array([True, False]), np.array([False, True]), np.array([7, 7]))
    assert (cancelled.first_only, cancelled.second_only, cancelled.p_photos) == (1, 1, 1.0)
