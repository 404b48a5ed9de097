"""Means over draws of labels: their intervals know that other labels could have been drawn."""

import numpy as np
import pytest

from eyeground.evaluation.estimates import Support
from eyeground.evaluation.sampled import Sampled
from eyeground.workflows.study.means_over_draws import difference, mean_over_draws, shares_of_draws

RESAMPLES = 4000
GROUPS = 10


def computed(point: float, spread: float, seed: int = 0, missing: str = "") -> Sampled:
    """A figure whose resamples of patients spread by `spread`, the same in figures of one seed."""
    resampled = point + spread * np.random.default_rng(seed).standard_normal(RESAMPLES)
    jackknifed = point + np.zeros(GROUPS)
    return Sampled("auroc", point, resampled, Support(50, "patients"), missing, jackknifed=jackknifed)


def test_shares_add_up_and_a_single_draw_is_all() -> None:
    shares = shares_of_draws(5, RESAMPLES, seed=1)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert (shares_of_draws(1, RESAMPLES, seed=1) == 1).all()


@pytest.mark.parametrize("draws", [2, 3, 10])
def test_the_variance_over_draws_is_unbiased_for_that_of_a_mean(draws: int) -> None:
    points = np.random.default_rng(draws).normal(0.8, 0.1, draws)
    found = mean_over_draws([[computed(point, 0.0)] for point in points], seed=0)
    assert found.point == pytest.approx(points.mean())
    assert found.resampled.var() == pytest.approx(points.var(ddof=1) / draws, rel=0.1)


def test_patients_and_draws_both_widen_an_interval() -> None:
    wide, narrow = (
        mean_over_draws([[computed(point, 0.02)] for point in points], seed=0)
        for points in ((0.6, 0.7, 0.8, 0.9), (0.75, 0.75, 0.75, 0.75))
    )
    variance_of_draws = np.var((0.6, 0.7, 0.8, 0.9), ddof=1) / 4
    assert narrow.resampled.std() == pytest.approx(0.02, rel=0.1)
    assert wide.resampled.var() == pytest.approx(0.02**2 + variance_of_draws, rel=0.1)


def test_a_difference_of_starts_is_paired_by_draw_and_patient() -> None:
    """Two starts that differ by the same in every draw differ surely, however much the draws differ."""
    better, worse = (
        mean_over_draws([[computed(point + more, 0.02)] for point in (0.6, 0.7, 0.8, 0.9)], seed=0)
        for more in (0.01, 0)
    )
    estimate = difference(better, worse)[0]
    assert estimate is not None
    assert estimate.value == pytest.approx(0.01)
    assert better.resampled - worse.resampled == pytest.approx(0.01)


def test_a_difference_that_changes_sign_from_draw_to_draw_is_not_shown() -> None:
    """A resample of patients alone would have shown it: the draws disagree, the patients do not."""
    apart = (-0.12, 0.1, -0.09, 0.08, -0.06)
    one, other = (mean_over_draws([[computed(0.8 + part * of, 0.005)] for of in apart], seed=0) for part in (1, 0))
    estimate, p = difference(one, other)
    assert estimate is not None
    assert estimate.low is not None and estimate.high is not None and p is not None
    assert estimate.low < 0 < estimate.high
    assert p > 0.05


@pytest.mark.parametrize(("draws", "share"), [(3, 0.73), (10, 0.92), (20, 0.93)])
def test_ten_draws_hold_the_truth_nearly_as_often_as_they_say(draws: int, share: float) -> None:
    """The hard case, in which nothing but the draws matters; docs/study.md has the shares of 3,000 studies."""
    nothing, held = mean_over_draws([[computed(0.5, 0.0)]] * draws, seed=0), 0
    for study in range(300):
        points = np.random.default_rng((draws, study)).normal(0.5, 0.1, draws)
        estimate = difference(mean_over_draws([[computed(point, 0.0)] for point in points], seed=study), nothing)[0]
        assert estimate is not None and estimate.low is not None and estimate.high is not None
        held += estimate.low <= 0 <= estimate.high
    assert held / 300 == pytest.approx(share, abs=0.06)


def test_what_is_left_out_is_a_group_of_patients_or_a_draw() -> None:
    one, several = (mean_over_draws([[computed(point, 0.1)] for point in points], 0) for points in ((0.8,), (0.7, 0.9)))
    assert one.jackknifed == pytest.approx([0.8] * GROUPS)
    assert several.jackknifed == pytest.approx([*[0.8] * GROUPS, 0.9, 0.7])


def test_an_output_without_a_class_has_no_part_in_the_mean() -> None:
    both = mean_over_draws([[computed(0.8, 0.1), computed(np.nan, 0.0, missing="no positives")]], seed=0)
    assert both.point == pytest.approx(0.8)
    none = mean_over_draws([[computed(np.nan, 0.0, missing="no positives")]], seed=0)
    assert none.interval().note == "not estimable: no positives"
    assert difference(both, none) == (None, None)
