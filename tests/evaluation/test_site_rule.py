import numpy as np
import pandas as pd
import pytest

from eyeground.config.targets import Target
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.decision_rule import called_abnormal, choose_rules, measured, rule_truth
from eyeground.evaluation.site_rule import choose_at_site, refuse_few, shifted_rule, threshold_intervals

OUTPUTS = ("abnormal", "glaucoma")
TARGETS = tuple(Target(name=output) for output in OUTPUTS)


def photos(seed: int, count: int = 200, shift: float = 0.0, prevalence: float = 0.5) -> Predictions:
    """Photos of a camera that moves every logit by `shift`."""
    generator = np.random.default_rng(seed)
    ill = generator.random(count) < prevalence
    glaucoma = ill & (generator.random(count) < 0.5)
    table: dict[str, object] = {
        "photo": [str(one) for one in range(count)],
        "patient": [str(one) for one in range(count)],
    }
    for output, truth in (("abnormal", ill), ("glaucoma", glaucoma)):
        table[f"truth_{output}"] = truth.astype(float)
        table[f"probability_{output}"] = 1 / (1 + np.exp(-generator.normal(np.where(truth, 1.5, -1.5) + shift)))
    return Predictions(pd.DataFrame(table))


def home_rule():
    [rule] = choose_rules(photos(0, 2000), OUTPUTS, TARGETS, ["youden"])
    return measured(rule, photos(1, 2000), TARGETS)


def shares(rule, seed: int, shift: float) -> tuple[float, float]:
    done = measured(rule, photos(seed, 2000, shift), TARGETS)
    return done.sensitivity.value, done.specificity.value


def test_fifty_photos_of_a_camera_that_moves_the_scores_bring_the_specificity_back() -> None:
    before = shares(home_rule(), 7, shift=3.0)
    [rule] = choose_at_site(photos(3, 50, shift=3.0), OUTPUTS, TARGETS, ["youden"])
    after = shares(rule, 7, shift=3.0)
    assert before[1] < 0.2 and after[1] > 0.7 and after[0] > 0.7
    assert rule.chosen_on == "site"


def test_what_the_rule_does_is_measured_on_patients_it_was_not_chosen_on() -> None:
    noise = photos(5, 100)
    generator = np.random.default_rng(0)
    noise.table[["probability_abnormal", "probability_glaucoma"]] = generator.random((100, 2))
    [rule] = choose_at_site(noise, OUTPUTS, TARGETS, ["youden"])
    flattered = measured(rule, noise, TARGETS)
    of_photos_chosen_on = flattered.sensitivity.value + flattered.specificity.value
    assert rule.sensitivity.value + rule.specificity.value < of_photos_chosen_on
    assert rule.sensitivity.value + rule.specificity.value == pytest.approx(1, abs=0.2)


def test_unlabelled_photos_are_called_as_often_as_is_to_be_expected() -> None:
    rule, site = home_rule(), photos(9, 1000, shift=2.0, prevalence=0.3)
    moved = shifted_rule(rule, site, TARGETS, expected_abnormal=0.3)
    wanted = 0.3 * rule.sensitivity.value + 0.7 * (1 - rule.specificity.value)
    assert called_abnormal(moved, site, TARGETS).mean() == pytest.approx(wanted, abs=0.002)
    assert moved.sensitivity is None
    truth = rule_truth(site, OUTPUTS, TARGETS)
    assert (~called_abnormal(moved, site, TARGETS))[truth == 0].mean() > rule.specificity.value - 0.1
    with pytest.raises(UserError, match="never measured"):
        shifted_rule(rule.model_copy(update={"sensitivity": None}), site, TARGETS, 0.3)


def test_thresholds_have_intervals_that_hold_them_and_narrow_with_photos() -> None:
    widths = []
    for count in (60, 600):
        site = photos(11, count)
        [rule] = choose_at_site(site, ("abnormal",), TARGETS, ["specificity=0.8"])
        low, high = threshold_intervals(site, ("abnormal",), TARGETS, "specificity=0.8")["abnormal"]
        assert low <= rule.thresholds["abnormal"] <= high
        widths.append(high - low)
    assert widths[1] < widths[0]


def test_too_few_patients_are_told_with_the_other_way() -> None:
    with pytest.raises(UserError, match="--expected-abnormal"):
        refuse_few(photos(2, 12), OUTPUTS, TARGETS)
    refuse_few(photos(2, 60), OUTPUTS, TARGETS)
