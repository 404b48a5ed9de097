"""Tango's interval for patients: against the definition, Obuchowski's test, and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

from eyeground.evaluation.comparing.mcnemar import discordance
from eyeground.evaluation.inversion import ERROR
from eyeground.evaluation.paired_proportions import paired_proportions


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


def photos_of(both: int, first_only: int, second_only: int, neither: int) -> tuple[np.ndarray, ...]:
    counts = [both, first_only, second_only, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def tango_by_definition(first_only: int, second_only: int, photos: int) -> tuple[float, float]:
    """Tango's limits with the nuisance share found by searching the likelihood, not by its formula."""

    def z(difference: float) -> float:
        def minus_likelihood(lost: float) -> float:
            cells = np.array([lost + difference, lost, 1 - 2 * lost - difference])
            return -np.dot(
                [first_only, second_only, photos - first_only - second_only], np.log(np.maximum(cells, 1e-300))
            )

        bounds = (max(0.0, -difference), (1 - difference) / 2)
        lost = minimize_scalar(minus_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        variance = photos * (2 * lost + difference - difference**2)
        return (first_only - second_only - photos * difference) / np.sqrt(variance)

    value = (first_only - second_only) / photos
    low = brentq(lambda at: z(at) - 1.959964, -1 + 1e-6, value)
    return low, brentq(lambda at: z(at) + 1.959964, value, 1 - 1e-6)


@pytest.mark.parametrize("table", [(36, 12, 2, 0), (53, 8, 16, 9), (794, 150, 86, 570), (3, 1, 4, 7)])
def test_with_one_photo_per_patient_it_is_tangos_interval_and_mcnemars_test(table):
    first, second = photos_of(*table)
    found = paired_proportions(first, second, np.arange(len(first)))
    _, first_only, second_only, _ = table
    assert found.limits(ERROR) == pytest.approx(tango_by_definition(first_only, second_only, len(first)), abs=1e-5)
    assert found.p() == pytest.approx(chi2.sf((first_only - second_only) ** 2 / (first_only + second_only), 1))


@pytest.mark.parametrize("eyes", [1, 2])
def test_models_that_never_differ_have_the_width_of_as_many_patients(eyes):
    right = np.ones(604 * eyes, dtype=bool)
    found = paired_proportions(right, right, np.repeat(np.arange(604), eyes))
    assert (found.value, found.p()) == (0, 1)
    expected = 1.959964**2 / (604 + 1.959964**2)
    assert found.limits(ERROR) == pytest.approx((-expected, expected), abs=1e-5)
    assert expected == pytest.approx(0.0063, abs=5e-5)


def test_patients_statistic_is_that_of_obuchowskis_paper_but_for_bessels_factor_of_photos():
    generator = np.random.default_rng(4)
    patient = generator.integers(0, 40, 150)
    first, second = generator.random((2, 150)) < np.array([[0.85], [0.7]])
    found = paired_proportions(first, second, patient)
    expected = obuchowski(first, second, patient) * 150 / 149
    assert found.statistic**2 == pytest.approx(expected)
    assert found.p() == pytest.approx(chi2.sf(expected, 1))


def test_eyes_that_cancel_out_do_not_narrow_the_interval():
    first = np.tile([True, False], 50)
    cancelling = paired_proportions(first, ~first, np.repeat(np.arange(50), 2))
    apart = paired_proportions(first, ~first, np.arange(100))
    assert cancelling.limits(ERROR) == pytest.approx(apart.limits(ERROR))


rows = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=3, max_size=40)


@given(rows.filter(lambda rows: len({patient for *_, patient in rows}) > 1))
def test_p_is_below_the_level_exactly_where_the_interval_leaves_out_zero_and_swapping_turns_it_round(rows):
    first, second, patient = map(np.array, zip(*rows, strict=True))
    found, swapped = paired_proportions(first, second, patient), paired_proportions(second, first, patient)
    low, high = found.limits(ERROR)
    assert -1 <= low <= found.value <= high <= 1
    assert (found.p() < ERROR) == (low > 0 or high < 0)
    assert swapped.limits(ERROR) == pytest.approx((-high, -low), abs=1e-9)
    assert swapped.p() == pytest.approx(found.p())


def test_two_eyes_mislead_the_test_over_photos_and_not_the_one_over_patients():
    generator = np.random.default_rng(11)
    studies = [two_eyes(generator, 100, alike=0.9) for _ in range(1000)]
    intervals = [paired_proportions(*study).limits(ERROR) for study in studies]
    assert np.mean([low > 0 or high < 0 for low, high in intervals]) == pytest.approx(0.05, abs=0.02)
    assert np.mean([discordance(*study).p_photos < 0.05 for study in studies]) > 0.1
