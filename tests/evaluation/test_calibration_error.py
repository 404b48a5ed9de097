"""The interval of the ECE leaves out what chance adds, and agrees with its test against perfect calibration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from eyeground.evaluation.calibration_error import CalibrationError, calibration_error


def estimated(truth: np.ndarray, probability: np.ndarray, patient: np.ndarray, bins: int = 10) -> CalibrationError:
    """In bins of equally many photos."""
    of_photo = np.argsort(np.argsort(probability)) * bins // len(probability)
    gaps = np.zeros((patient.max() + 1, bins))
    np.add.at(gaps, (patient, of_photo), (truth - probability) / len(truth))
    return calibration_error(gaps, np.bincount(of_photo, probability * (1 - probability), bins) / len(truth) ** 2)


def study(seed: int, patients: int, slope: float = 1.0, eyes: int = 2, centre: float = -1.0):
    """Both eyes of a patient mostly share truth and probability; those of slope 1 are right."""
    generator = np.random.default_rng(seed)
    score = np.repeat(generator.normal(centre, 1.5, patients), eyes)
    luck = np.repeat(generator.random(patients), eyes)
    return (luck < expit(slope * score)).astype(float), expit(score), np.repeat(np.arange(patients), eyes)


def test_one_bin_has_the_interval_of_a_mean_and_the_p_of_its_z():
    generator = np.random.default_rng(0)
    probability = np.full(400, 0.3)
    truth = (generator.random(400) < 0.4).astype(float)
    found = estimated(truth, probability, np.arange(400), bins=1)
    gap = truth.mean() - 0.3
    error = np.sqrt(max(truth.var(ddof=1), 0.21) / 400)
    assert found.value == pytest.approx(gap)
    assert (found.low, found.high) == pytest.approx((gap - 1.96 * error, gap + 1.96 * error), abs=0.003)
    # Twice the upper tail of |normal|, since a gap that is too small speaks against chance as well.
    assert found.p == pytest.approx(min(1, 2 * 2 * norm.sf(gap / error)), abs=0.003)


@pytest.mark.parametrize(("patients", "centre"), [(40, -1.0), (150, -3.0)])
def test_a_model_that_is_right_is_seldom_accused(patients, centre):
    accused = sum(estimated(*study(seed, patients, centre=centre)).low > 0 for seed in range(150))
    assert accused / 150 <= 0.06


@pytest.mark.parametrize("slope", [0.5, 0.8])
def test_the_true_error_of_a_model_that_is_wrong_is_covered(slope):
    _, probability, _ = everyone = study(999, 200_000, slope, eyes=1)
    right = expit(slope * np.log(probability / (1 - probability)))
    of_photo = np.argsort(np.argsort(probability)) * 10 // len(everyone[0])
    truth = np.abs(np.bincount(of_photo, right - probability)).sum() / len(probability)
    found = [estimated(*study(seed, 100, slope)) for seed in range(150)]
    assert np.mean([one.low <= truth <= one.high for one in found]) > 0.92
    # What the usual value is too high by.
    assert np.mean([one.value for one in found]) > truth + 0.01
    assert np.mean([one.value - one.by_chance for one in found]) < truth


@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([0.4, 0.8, 1.0]))
def test_the_interval_holds_0_exactly_where_the_test_finds_nothing(seed, slope):
    found = estimated(*study(seed, 60, slope))
    assert 0 <= found.low <= found.high
    if found.value > found.by_chance and abs(found.p - 0.05) > 0.002:
        assert (found.low > 0) == (found.p < 0.05)
    assert estimated(*study(seed, 60, slope)) == found
