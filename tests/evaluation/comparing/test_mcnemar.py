"""McNemar's test, and Obuchowski's for patients with several photos."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from eyeground.evaluation.comparing.mcnemar import discordance, mcnemar


def obuchowski(first: np.ndarray, second: np.ndarray, patient: np.ndarray) -> float:
    """Obuchowski (1998) as printed: variances and covariance of two proportions around their pooled value."""
    clusters = np.unique(patient)
    x = np.array([[right[patient == cluster].sum() for right in (first, second)] for cluster in clusters], float)
    n = np.array([(patient == cluster).sum() for cluster in clusters], float)
    pooled = x.sum() / (2 * n.sum())
    residual = x - n[:, None] * pooled
    covariance = len(n) / (len(n) - 1) * residual.T @ residual / n.sum() ** 2
    difference = (x[:, 0].sum() - x[:, 1].sum()) / n.sum()
    return difference**2 / (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])


def two_eyes(generator: np.random.Generator, patients: int, alike: float) -> tuple[np.ndarray, ...]:
    """Two equally good models on both eyes of patients, of whom a share have eyes that are decided alike."""
    right = generator.random((2, patients, 2)) < 0.8
    same = generator.random(patients) < alike
    right[:, same, 1] = right[:, same, 0]
    return *right.reshape(2, -1), np.repeat(np.arange(patients), 2)


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


def test_patients_statistic_is_that_of_the_paper():
    generator = np.random.default_rng(4)
    patient = generator.integers(0, 40, 150)
    first, second = generator.random((2, 150)) < np.array([[0.85], [0.7]])
    found = discordance(first, second, patient)
    assert found.z**2 == pytest.approx(obuchowski(first, second, patient))
    assert found.p == pytest.approx(chi2.sf(found.z**2, 1))
    assert found.z > 0


def test_with_one_photo_per_patient_it_is_mcnemars_chi_square():
    first = np.array([True] * 30 + [False] * 12 + [True] * 58)
    second = np.array([False] * 30 + [True] * 12 + [True] * 58)
    found = discordance(first, second, np.arange(100))
    assert (found.first_only, found.second_only, found.patients) == (30, 12, 42)
    assert found.z**2 == pytest.approx((30 - 12) ** 2 / 42 * 99 / 100)


def test_eyes_that_cancel_out_and_models_that_agree_leave_nothing_to_test():
    agree = np.array([True, False, True])
    assert discordance(agree, agree, np.arange(3)) == discordance(agree, agree, np.zeros(3))
    assert discordance(agree, agree, np.arange(3)).p_photos is None
    cancelled = discordance(np.array([True, False]), np.array([False, True]), np.array([7, 7]))
    assert (cancelled.first_only, cancelled.second_only, cancelled.p_photos, cancelled.p) == (1, 1, 1.0, None)


def test_two_eyes_mislead_the_test_over_photos_and_not_the_one_over_patients():
    generator = np.random.default_rng(11)
    found = [discordance(*two_eyes(generator, 100, alike=0.9)) for _ in range(1500)]
    assert np.mean([each.p < 0.05 for each in found]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([each.p_photos < 0.05 for each in found]) > 0.1
