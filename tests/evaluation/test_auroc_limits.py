"""Intervals of an AUROC at any error and of gaps: against the definitions, resamples and simulation."""

import numpy as np
import pytest
from scipy.stats import norm, t

from eyeground.evaluation.auroc_limits import auroc_gap, auroc_limits
from eyeground.evaluation.delong import DeLong, delong, delong_interval
from eyeground.evaluation.inversion import ERROR

EYES = 2


def simulated(seed: int, patients: int, ill: float, separation: float) -> tuple[np.ndarray, ...]:
    """Truth, score and patient of both eyes, whose truths go together and whose scores correlate by 0.8."""
    generator = np.random.default_rng([seed, patients])
    patient = np.repeat(np.arange(patients), EYES)
    truth = ((generator.random(patients) < ill)[patient] & (generator.random(patients * EYES) < 0.9)).astype(float)
    shared = 0.9 * generator.normal(size=patients)[patient]
    return truth, separation * truth + shared + 0.45 * generator.normal(size=patients * EYES), patient


def of(truth: np.ndarray, score: np.ndarray, patient: np.ndarray) -> DeLong:
    return delong(truth, score[np.newaxis], patient)


def hanley_mcneil(auroc: float, positive: int, negative: int) -> float:
    """The variance as printed (1982), with the mean of both numbers in place of each (Newcombe 2006, method 5)."""
    both = (positive + negative) / 2 - 1
    first, second = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    spread = auroc * (1 - auroc) + both * (first - auroc**2) + both * (second - auroc**2)
    return spread / (positive * negative)


def test_where_delongs_variance_is_the_larger_it_is_delongs_interval():
    truth = np.repeat([0.0, 1.0], 40)
    score = np.concatenate([np.linspace(0, 1, 40), np.tile([0.3, 2.0], 20)])  # half of the positives are no better
    found = of(truth, score, np.arange(80))
    assert found.covariance[0, 0] > hanley_mcneil(found.auroc[0], 40, 40)
    expected = delong_interval(found)
    assert auroc_limits(found)(ERROR) == pytest.approx((expected.low, expected.high))


def test_a_variance_that_is_too_small_by_chance_is_moderated_and_less_so_of_more_patients():
    for patients, least, most in ((60, 1.15, 2.0), (3000, 1.0, 1.05)):
        found = of(*simulated(3, patients, 0.3, separation=3.0))
        assert found.covariance[0, 0] < hanley_mcneil(found.auroc[0], *found.carriers)
        low, high = auroc_limits(found)(ERROR)
        plain = delong_interval(found)
        assert least < (high - low) / (plain.high - plain.low) < most


@pytest.mark.parametrize(("positive", "negative"), [(5, 20), (30, 12)])
def test_perfect_separation_has_the_lower_end_at_which_hanleys_variance_would_just_allow_it(positive, negative):
    truth = np.repeat([0.0, 1.0], [negative, positive])
    low, high = auroc_limits(of(truth, np.arange(len(truth), dtype=float), np.arange(len(truth))))(ERROR)
    assert high == 1
    quantile = t.ppf(0.975, min(positive, negative) - 1)
    assert (1 - low) ** 2 == pytest.approx(quantile**2 * hanley_mcneil(low, positive, negative))
    flipped = auroc_limits(of(1 - truth, np.arange(len(truth), dtype=float), np.arange(len(truth))))(ERROR)
    assert flipped == pytest.approx((0, 1 - low))


def test_limits_move_apart_as_the_error_falls_and_close_on_the_value():
    for separation in (0.0, 1.5, 9.0):
        found = of(*simulated(1, 60, 0.3, separation))
        lows, highs = zip(*(auroc_limits(found)(error) for error in (1.0, 0.5, 0.05, 1e-6, 1e-90)), strict=True)
        assert lows[0] == pytest.approx(found.auroc[0])
        assert list(lows) == sorted(lows, reverse=True)
        assert list(highs) == sorted(highs)


def test_a_gap_has_the_spread_of_resampled_patients_shared_or_not():
    truth, score, patient = simulated(5, 400, 0.4, separation=1.2)
    left = np.arange(len(truth)) % EYES == 0
    halves = {True: left, False: patient < 200}
    generator = np.random.default_rng(0)
    for share_patients, rows in halves.items():
        groups = [of(truth[part], score[part], patient[part]) for part in (rows, ~rows)]
        low, high = auroc_gap(*groups, share_patients=share_patients).limits(ERROR)
        gaps = []
        for _ in range(300):
            drawn = np.concatenate([[2 * one, 2 * one + 1] for one in generator.integers(0, 400, 400)])
            gaps.append(np.subtract(*(auroc(truth[r], score[r]) for r in (drawn[rows[drawn]], drawn[~rows[drawn]]))))
        assert high - low == pytest.approx(2 * 1.96 * np.std(gaps), rel=0.15)
    paired, unpaired = (
        np.ptp(
            auroc_gap(*(of(truth[r], score[r], patient[r]) for r in (left, ~left)), share_patients=share).limits(ERROR)
        )
        for share in (True, False)
    )
    assert paired < 0.8 * unpaired


def auroc(truth: np.ndarray, score: np.ndarray) -> float:
    positive, negative = score[truth == 1], score[truth == 0]
    return float(np.mean(positive[:, np.newaxis] > negative))


def test_p_is_where_the_interval_begins_to_hold_zero_and_has_no_floor():
    good, bad = of(*simulated(1, 400, 0.4, 2.0)), of(*simulated(2, 400, 0.4, -2.0))
    gap, turned = (auroc_gap(*pair, share_patients=False) for pair in ((good, bad), (bad, good)))
    assert 1e-99 < gap.p() < 1e-12
    assert turned.p() == pytest.approx(gap.p())
    assert gap.limits(gap.p())[0] == pytest.approx(0, abs=1e-6)
    similar = auroc_gap(good, of(*simulated(3, 400, 0.4, 1.7)), share_patients=False)
    low, high = similar.limits(ERROR)
    assert (similar.p() < ERROR) == (low > 0 or high < 0)
    spread = (high - low) / (2 * norm.ppf(0.975))
    assert similar.p() == pytest.approx(2 * norm.sf(abs(similar.value) / spread), abs=0.03)


@pytest.mark.parametrize(("patients", "ill", "separation"), [(200, 0.3, 2.1), (600, 0.1, 2.9)])
def test_gaps_that_are_not_there_are_found_in_at_most_six_of_a_hundred_studies(patients, ill, separation):
    found = 0
    for seed in range(300):
        truth, score, patient = simulated(seed, patients, ill, separation)
        half = patient < patients // 2
        groups = [of(truth[part], score[part], patient[part]) for part in (half, ~half)]
        low, high = auroc_gap(*groups, share_patients=False).limits(ERROR)
        found += low > 0 or high < 0
    assert found <= 26  # 18 are 6 %; more than 26 would be seen once in 40 at that rate
