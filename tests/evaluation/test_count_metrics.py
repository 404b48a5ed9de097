"""Intervals at a threshold, made of Wilson's over patients, also where all photos of a class are decided alike."""

import numpy as np
import pytest
from scipy.stats import binomtest

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation import at_threshold, evaluate
from eyeground.evaluation.count_metrics import COUNT_METRICS, LikelihoodRatio, PredictiveValue
from eyeground.evaluation.intervals import clustered_wilson_interval
from eyeground.evaluation.metrics import decisions, per_patient

METRICS = {metric.name: metric for metric in COUNT_METRICS}


def counts_of(found: int, wrong: int, passed: int, missed: int) -> np.ndarray:
    """One photo for each patient, by its place in the confusion matrix."""
    return np.repeat(np.eye(4), [found, wrong, passed, missed], axis=0)


def wilson(count: int, of: int) -> tuple[float, float]:
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return interval.low, interval.high


@pytest.mark.parametrize("cells", [(18, 9, 60, 2), (20, 0, 60, 3), (12, 7, 40, 0)])
def test_shares_of_single_photos_have_wilsons_interval(cells):
    found, wrong, passed, missed = cells
    expected = {
        "sensitivity": wilson(found, found + missed),
        "specificity": wilson(passed, passed + wrong),
        "ppv": wilson(found, found + wrong),
        "npv": wilson(passed, passed + missed),
        "accuracy": wilson(found + passed, sum(cells)),
    }
    for name, interval in expected.items():
        limits = METRICS[name].limits(counts_of(*cells))
        assert (limits.low, limits.high) == pytest.approx(interval), name
    share = np.array(wilson(found, found + wrong + missed))
    limits = METRICS["f1"].limits(counts_of(*cells))
    assert (limits.low, limits.high) == pytest.approx(tuple(2 * share / (1 + share)))


def test_balanced_accuracy_with_all_ill_patients_found_can_be_lower_by_what_they_leave_open():
    limits = METRICS["balanced_accuracy"].limits(counts_of(5, 15, 130, 0))
    sensitivity, specificity = wilson(5, 5), wilson(130, 145)
    below = np.hypot(1 - sensitivity[0], 130 / 145 - specificity[0]) / 2
    assert limits.low == pytest.approx((1 + 130 / 145) / 2 - below)
    assert limits.high == pytest.approx((1 + specificity[1]) / 2)


@pytest.mark.parametrize("cells", [(18, 9, 60, 2), (20, 0, 60, 3), (12, 7, 40, 0), (1, 0, 9, 9), (20, 9, 0, 2)])
def test_every_interval_holds_its_value_also_at_the_ends(cells):
    counts = counts_of(*cells)
    for metric in (*COUNT_METRICS, *(PredictiveValue(share, kind) for share in (0.01, 0.5) for kind in (True, False))):
        if metric.missing(counts.sum(axis=0)):
            continue
        value, limits = metric.of(counts.sum(axis=0)[np.newaxis])[0], metric.limits(counts)
        assert limits.low - 1e-12 <= value <= limits.high + 1e-12, metric.name
        assert limits.high > limits.low, metric.name


def test_predictive_values_are_those_of_the_likelihood_ratios_by_bayes():
    counts = counts_of(18, 9, 60, 2)
    for of_positive in (True, False):
        ratio = LikelihoodRatio(of_positive).limits(counts)
        at = PredictiveValue(0.1, of_positive).limits(counts)
        odds = np.array([ratio.low, ratio.high]) / 9
        expected = odds / (1 + odds) if of_positive else (1 / (1 + odds))[::-1]
        assert (at.low, at.high) == pytest.approx(tuple(expected))


def test_an_infinite_ratio_says_what_it_is_at_least():
    truth, probability = [1] * 20 + [0] * 80, [0.9] * 18 + [0.1] * 82
    found = at_threshold("likelihood_ratio_positive", truth, probability, 0.5, resamples=10)
    limits = LikelihoodRatio(True).limits(counts_of(18, 0, 80, 2))
    assert found.value is None and limits.high == np.inf
    assert found.note == f"not estimable: no false positives in these photos; at least {limits.low:.3g}"


def test_matthews_correlation_is_covered_as_often_as_promised():
    """The binomial model: 30 ill and 100 healthy, 0.85 of either right; nothing else in the interval is random."""
    truth = 0.7 * np.sqrt(0.3 / 1.3 * 1 / 1.3) / np.sqrt((q := (0.3 * 0.85 + 0.15) / 1.3) * (1 - q))
    generator = np.random.default_rng(0)
    ill = generator.binomial(130, 0.3 / 1.3, 1000)
    found, wrong = generator.binomial(ill, 0.85), generator.binomial(130 - ill, 0.15)
    covered = 0
    for cells in zip(found, wrong, 130 - ill - wrong, ill - found, strict=True):
        limits = METRICS["mcc"].limits(counts_of(*cells))
        covered += limits.low <= truth <= limits.high
    assert covered / 1000 == pytest.approx(0.95, abs=0.02)


def test_eyes_that_agree_widen_every_interval():
    generator = np.random.default_rng(1)
    truth = np.repeat(generator.random(80) < 0.4, 2).astype(float)
    score = truth + np.repeat(generator.normal(size=80), 2)
    patient = np.arange(160) // 2
    alone = per_patient(decisions(truth, score, 0.5), np.arange(160), 160)
    together = per_patient(decisions(truth, score, 0.5), patient, 80)
    for metric in COUNT_METRICS:
        narrow, wide = metric.limits(alone), metric.limits(together)
        assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low), metric.name
    limits = METRICS["sensitivity"].limits(together)
    found, missed = together[:, 0], together[:, 3]
    assert (limits.low, limits.high) == clustered_wilson_interval(found, found + missed)


def test_a_case_with_one_part_at_its_end_has_intervals_for_all_that_is_made_of_it(predictions):
    truth, probability = [1] * 5 + [0] * 145, [0.9] * 20 + [0.1] * 130
    point = OperatingPoint(output="dr", threshold=0.5, rule="given", chosen_on="given", positives=0, negatives=0)
    output = evaluate(predictions(truth, probability), [point], resamples=50, prevalences=[0.01]).outputs[0]
    for name in ("balanced_accuracy", "ppv@0.01", "npv@0.01", "f1", "mcc", "likelihood_ratio_negative"):
        estimate = output.estimate(name)
        assert estimate.low <= estimate.value <= estimate.high, name
        assert estimate.high > estimate.low, name
    assert output.estimate("npv@0.01").low > 0.99
