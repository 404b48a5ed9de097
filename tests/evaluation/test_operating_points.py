"""Thresholds reach what their rule promises, on the photos they were chosen on."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import choose_operating_point, evaluate
from eyeground.evaluation.operating_points import optimistic_operating_point

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60).filter(
    lambda drawn: len({truth for truth, _ in drawn}) == 2
)


def table(truth, probability) -> Predictions:
    names = [f"{index}.jpg" for index in range(len(truth))]
    return validated_predictions(
        pd.DataFrame({"photo": names, "patient": names, "truth_dr": truth, "probability_dr": probability}), "table"
    )


def rates(truth: np.ndarray, probability: np.ndarray, threshold: float) -> tuple[float, float]:
    called = probability >= threshold
    return called[truth == 1].mean(), (~called)[truth == 0].mean()


def all_rates(truth: np.ndarray, probability: np.ndarray) -> list[tuple[float, float]]:
    return [rates(truth, probability, threshold) for threshold in [*np.unique(probability), 2.0]]


@given(rows, st.floats(0.01, 1))
def test_sensitivity_rule_reaches_it_with_the_best_specificity(drawn, share):
    truth, probability = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    probability /= 20
    point = choose_operating_point(table(truth, probability), "dr", f"sensitivity={share!r}")
    sensitivity, specificity = rates(truth, probability, point.threshold)
    assert sensitivity >= share
    assert specificity == max(found for reached, found in all_rates(truth, probability) if reached >= share)


@given(rows, st.floats(0.01, 1))
def test_specificity_rule_reaches_it_with_the_best_sensitivity(drawn, share):
    truth, probability = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    probability /= 21  # never 1, so that every specificity can be reached
    point = choose_operating_point(table(truth, probability), "dr", f"specificity={share!r}")
    sensitivity, specificity = rates(truth, probability, point.threshold)
    assert specificity >= share
    assert sensitivity == max(reached for reached, found in all_rates(truth, probability) if found >= share)


@given(rows)
def test_youden_is_the_largest_sum_and_prefers_sensitivity_among_equals(drawn):
    truth, probability = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    probability /= 20
    point = choose_operating_point(table(truth, probability), "dr")
    chosen = rates(truth, probability, point.threshold)
    everything = all_rates(truth, probability)
    best = max(sum(pair) for pair in everything)
    assert sum(chosen) == pytest.approx(best, abs=1e-12)
    assert chosen[0] == max(pair[0] for pair in everything if sum(pair) > best - 1e-9)


@given(rows, st.floats(0.05, 50), st.none() | st.floats(0.01, 0.99))
def test_cost_rule_costs_least_at_the_prevalence_it_is_for(drawn, cost, prevalence):
    truth, probability = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    probability /= 21  # never 1, so that calling nothing positive can be chosen
    rule = f"cost={cost!r}" + (f"@{prevalence!r}" if prevalence else "")
    point = choose_operating_point(table(truth, probability), "dr", rule)
    ill = prevalence or truth.mean()

    def price(pair):
        return cost * ill * (1 - pair[0]) + (1 - ill) * (1 - pair[1])

    chosen = rates(truth, probability, point.threshold)
    everything = all_rates(truth, probability)
    least = min(map(price, everything))
    assert price(chosen) == pytest.approx(least, abs=1e-12)
    assert chosen[0] == max(pair[0] for pair in everything if price(pair) < least + 1e-9)


def test_cost_of_the_odds_of_the_prevalence_is_youden(predictions):
    generator = np.random.default_rng(3)
    truth = generator.random(200) < 0.2
    made = predictions(truth.astype(float), (generator.random(200) + truth) / 2)
    # Where a missed positive costs (1 - prevalence) / prevalence false alarms, both kinds of rate weigh the same.
    for prevalence in (0.1, 0.5):
        rule = f"cost={(1 - prevalence) / prevalence!r}@{prevalence}"
        youden = choose_operating_point(made, "dr").threshold
        assert choose_operating_point(made, "dr", rule).threshold == youden


def test_a_given_threshold_looks_at_nothing(predictions):
    made = predictions([0, 0], [0.1, 0.9], split=["test", "validation"])
    point = choose_operating_point(made, "dr", "threshold=0.5")
    assert (point.threshold, point.chosen_on, point.positives, point.negatives) == (0.5, "given", 0, 0)
    assert optimistic_operating_point(made, "dr", "threshold=0.5", "test").chosen_on == "given"


def test_a_point_chosen_on_the_photos_it_is_measured_on_says_so(predictions):
    point = optimistic_operating_point(predictions([0, 1], [0.1, 0.9], split=["test"] * 2), "dr", "youden", "test")
    assert (point.threshold, point.chosen_on) == (0.5, "test")
    with pytest.raises(UserError, match="no positives in test"):
        optimistic_operating_point(predictions([0, 0], [0.1, 0.9]), "dr", "youden", "test")


def test_threshold_lies_between_scores_so_that_a_last_digit_decides_nothing(predictions):
    point = choose_operating_point(predictions([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.8]), "dr")
    assert point.threshold == pytest.approx(0.5)


def test_neighbouring_scores_are_still_told_apart(predictions):
    low = 0.3
    high = float(np.nextafter(low, 1))
    point = choose_operating_point(predictions([0, 1], [low, high]), "dr")
    assert low < point.threshold <= high


def test_a_point_tells_what_it_was_chosen_on_and_unknown_truths_do_not_count(predictions):
    made = predictions([0, 0, 1, None], [0.1, 0.2, 0.9, 0.95], split=["validation"] * 4)
    point = choose_operating_point(made, "dr", "sensitivity=0.95")
    assert (point.rule, point.chosen_on, point.positives, point.negatives) == ("sensitivity=0.95", "validation", 1, 2)
    assert choose_operating_point(predictions([0, 1], [0.1, 0.9], split=["train"] * 2), "dr").chosen_on == "train"


@pytest.mark.parametrize(
    "rule",
    [
        "yuden",
        "sensitivity",
        "sensitivity=",
        "sensitivity=95",
        "specificity=0",
        "f1=0.5",
        "sensitivity=0.9@0.1",
        "cost=0",
        "cost=inf",
        "cost=2@1",
        "cost=2@",
        "threshold=1.1",
        "threshold=nan",
    ],
)
def test_a_rule_that_is_not_known_is_refused_with_those_that_are(predictions, rule):
    with pytest.raises(UserError, match=r"not a rule.*sensitivity=0\.95"):
        choose_operating_point(predictions([0, 1], [0.1, 0.9]), "dr", rule)


def test_test_photos_and_mixed_splits_are_refused(predictions):
    with pytest.raises(UserError, match="operating point is chosen on validation photos, never on test photos"):
        choose_operating_point(predictions([0, 1], [0.1, 0.9], split=["validation", "test"]), "dr")
    with pytest.raises(UserError, match="one split, not on train and validation"):
        choose_operating_point(predictions([0, 1], [0.1, 0.9], split=["validation", "train"]), "dr")


def test_a_missing_class_or_output_is_said(predictions):
    with pytest.raises(UserError, match="'dr': there are no positives in validation"):
        choose_operating_point(predictions([0, 0], [0.1, 0.9]), "dr")
    with pytest.raises(UserError, match=r"no output 'drr'.*did you mean 'dr'"):
        choose_operating_point(predictions([0, 1], [0.1, 0.9]), "drr")


def test_a_specificity_out_of_reach_is_said(predictions):
    with pytest.raises(UserError, match=r"specificity of 0\.95.*at most 0\.500"):
        choose_operating_point(predictions([0, 0, 1], [0.2, 1.0, 1.0]), "dr", "specificity=0.95")


def out_of_fold(probability: list[float]) -> Predictions:
    made = table([0, 0, 1, 1] * 2, probability)
    return Predictions(made.table.assign(fold=pd.array([0] * 4 + [1] * 4, dtype="Int64")))


def test_a_threshold_of_predictions_out_of_fold_says_so():
    point = choose_operating_point(out_of_fold([0.1, 0.2, 0.8, 0.9] * 2), "dr")
    assert (point.chosen_on, point.positives, point.negatives) == ("cross-validation", 4, 4)


def test_a_cross_validated_threshold_is_optimistic_on_its_own_photos_and_on_no_others():
    own = out_of_fold([0.1, 0.2, 0.8, 0.9] * 2)
    point = choose_operating_point(own, "dr")
    assert evaluate(own, [point], resamples=0).outputs[0].at[0].is_optimistic
    others = table([0, 0, 1, 1], [0.1, 0.9, 0.8, 0.9])
    at = evaluate(others, [point], resamples=0).outputs[0].at[0]
    assert not at.is_optimistic and at.point == point
