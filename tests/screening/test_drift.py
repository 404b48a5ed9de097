import numpy as np
import pytest

from eyeground.config.operating_point import DecisionRule, Expected, Share
from eyeground.screening.decision import Rule
from eyeground.screening.drift import Tally, mixture_distance, places_of, warnings

NORMAL, ABNORMAL = np.linspace(0, 0.5, 21), np.linspace(0.3, 1, 21)
EXPECTED = Expected(output="abnormal", normal=tuple(NORMAL), abnormal=tuple(ABNORMAL))


def share(value: float) -> Share:
    return Share(value=value, low=value - 0.05, high=value + 0.05, photos=200)


def rule() -> Rule:
    decision = DecisionRule(
        rule="youden",
        thresholds={"abnormal": 0.4},
        chosen_on="validation",
        positives=40,
        negatives=60,
        sensitivity=share(0.8),
        specificity=share(0.9),
    )
    return Rule(("abnormal",), decision)


def tally_of(scores: np.ndarray, unfamiliar: int = 0, expected: Expected | None = EXPECTED) -> Tally:
    tally = Tally(expected)
    for score in scores:
        tally.add({"status": "abnormal" if score >= 0.4 else "normal", "probability_abnormal": float(score)})
    for _ in range(unfamiliar):
        tally.add({"status": "unfamiliar", "probability_abnormal": 0.5})
    return tally


def described(tally: Tally, bundle) -> list[str]:
    return list(warnings(tally, rule(), bundle.description))


@pytest.mark.parametrize("prevalence", [0.02, 0.2, 0.6, 0.95])
def test_photos_like_those_of_validation_are_not_warned_of_whatever_the_share_of_abnormal_ones(bundle, prevalence):
    random = np.random.default_rng(1)
    places = random.random(300)
    scores = np.where(
        random.random(300) < prevalence,
        np.interp(places, np.linspace(0, 1, 21), ABNORMAL),
        np.interp(places, np.linspace(0, 1, 21), NORMAL),
    )
    assert described(tally_of(scores), bundle) == []


def test_more_abnormal_photos_than_the_sensitivity_allows_are_warned_of(bundle):
    [warning] = described(tally_of(np.r_[np.full(209, 0.7), np.full(5, 0.1)]), bundle)
    assert "209 of 214" in warning and "eyeground calibrate" in warning


def test_fewer_than_the_false_alarms_are_warned_of(bundle):
    [warning] = described(tally_of(np.full(200, 0.1)), bundle)
    assert "0 of 200" in warning


def test_scores_of_another_shape_are_warned_of_though_their_share_is_as_expected(bundle):
    [warning] = described(tally_of(np.r_[np.full(50, 0.41), np.full(50, 0.39)]), bundle)
    assert "distributed unlike" in warning
    assert described(tally_of(np.r_[np.full(50, 0.41), np.full(50, 0.39)], expected=None), bundle) == []


def test_of_few_photos_nothing_is_said(bundle):
    assert described(tally_of(np.full(29, 0.9)), bundle) == []


def test_the_distance_of_a_mixture_from_itself_is_small():
    grid = np.linspace(0, 1, 401)
    scores = np.r_[np.interp(grid, np.linspace(0, 1, 21), NORMAL), np.interp(grid, np.linspace(0, 1, 21), ABNORMAL)]
    assert mixture_distance(shares(scores), NORMAL, ABNORMAL) < 0.01
    assert mixture_distance(shares(np.full(100, 0.99)), NORMAL, ABNORMAL) > 0.5


def shares(scores: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(scores), places_of(NORMAL, ABNORMAL), side="right") / len(scores)


def test_counted_scores_are_distributed_like_the_scores_themselves():
    scores = np.r_[np.random.default_rng(0).random(500), NORMAL, ABNORMAL, 1.0]
    assert np.array_equal(tally_of(scores).shares(), shares(scores))


def test_expected_scores_of_few_photos_are_known_less_well(bundle):
    scores = tally_of(np.r_[np.full(100, 0.7), np.full(100, 0.05)])
    few = rule().decision.model_copy(update={"positives": 10, "negatives": 10})
    assert len(described(scores, bundle)) == 1
    assert list(warnings(scores, Rule(("abnormal",), few), bundle.description)) == []
