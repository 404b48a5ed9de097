import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.bundle import OperatingPoint
from eyeground.errors import UserError
from eyeground.recipe import Target
from eyeground.screening.decision import Rule, decide, expected_referrals, rule_of

chance = st.floats(0, 1)
POINT = OperatingPoint(
    output="abnormal", threshold=0.5, rule="youden", chosen_on="validation", positives=40, negatives=60
)


def rule(thresholds: dict[str, float], assumed: tuple[str, ...] = (), healthy: tuple[str, ...] = ()) -> Rule:
    return Rule(thresholds, frozenset(assumed), frozenset(healthy))


@given(chance, chance, chance)
def test_the_output_abnormal_decides_alone(abnormal, glaucoma, threshold):
    decision = decide(rule({"glaucoma": 0.5, "abnormal": threshold}), {"glaucoma": glaucoma, "abnormal": abnormal})
    assert (decision.status == "abnormal") == (abnormal >= threshold)
    assert decision.output == "abnormal"


@given(st.lists(st.tuples(chance, chance), min_size=1, max_size=5))
def test_without_the_output_abnormal_any_output_that_reaches_its_threshold_decides(pairs):
    thresholds = {f"disease {index}": threshold for index, (_, threshold) in enumerate(pairs)}
    probabilities = {f"disease {index}": probability for index, (probability, _) in enumerate(pairs)}
    decision = decide(rule(thresholds), probabilities)
    reached = [output for output in thresholds if probabilities[output] >= thresholds[output]]
    assert (decision.status == "abnormal") == bool(reached)
    assert all(output in decision.reason for output in reached)


@given(chance)
def test_a_class_that_means_health_is_abnormal_when_low(health):
    grades = rule({"grade=0": 0.5, "grade=1": 0.5, "grade=2": 0.5}, healthy=("grade=0",))
    rest = (1 - health) / 2
    decision = decide(grades, {"grade=0": health, "grade=1": rest, "grade=2": rest})
    assert (decision.status == "abnormal") == (health < 0.5 or rest >= 0.5)
    assert decision.output != "grade=0"


@given(chance, chance)
def test_the_numbers_in_a_reason_stand_in_the_order_of_the_real_ones(probability, threshold):
    reason = decide(rule({"abnormal": threshold}), {"abnormal": probability}).reason
    shown, limit = (float(word) for word in reason.split() if word.replace(".", "").replace("e-", "").isdigit())
    if abs(probability - threshold) > 1e-5:
        assert (shown >= limit) == (probability >= threshold)


def test_a_threshold_that_was_never_chosen_is_named_as_such():
    decision = decide(rule({"abnormal": 0.5}, assumed=("abnormal",)), {"abnormal": 0.8})
    assert decision.reason == "abnormal 0.80 reaches 0.5, for want of an operating point"


@pytest.mark.parametrize("classes", [("0", "1", "2"), ("amd", "dr", "Normal")])
def test_the_healthy_class_of_a_multiclass_bundle_is_known_by_its_name(build_bundle, tmp_path, classes):
    bundle = build_bundle(
        tmp_path / "bundle",
        targets=(Target(name="grade", kind="multiclass", classes=classes),),
        operating_points=(POINT.model_copy(update={"output": f"grade={classes[1]}", "threshold": 0.3}),),
        weights=np.ones((3, 3), np.float32),
        constants=np.zeros(3, np.float32),
    )
    found = rule_of(bundle.description)
    assert found.healthy == {f"grade={value}" for value in classes if value in ("0", "Normal")}
    assert found.thresholds[f"grade={classes[1]}"] == 0.3
    assert found.assumed == {f"grade={value}" for value in classes} - {f"grade={classes[1]}"}


def described(build_bundle, tmp_path):
    description = build_bundle(tmp_path / "bundle", targets=(Target(name="abnormal"), Target(name="amd"))).description
    further = [
        POINT.model_copy(update={"threshold": 0.2, "rule": "sensitivity=0.95", "sensitivity": 0.9, "specificity": 0.8})
    ]
    return description.model_copy(update={"operating_points": (POINT,), "further_points": tuple(further)})


def test_a_threshold_is_chosen_by_its_rule(build_bundle, tmp_path):
    description = described(build_bundle, tmp_path)
    assert rule_of(description).thresholds == {"abnormal": 0.5, "amd": 0.5}
    asked = rule_of(description, "sensitivity=.950")
    assert asked.thresholds == {"abnormal": 0.2, "amd": 0.5}
    assert asked.points["abnormal"].rule == "sensitivity=0.95" and asked.assumed == {"amd"}
    assert rule_of(description, "threshold=0.31").thresholds["abnormal"] == 0.31


@pytest.mark.parametrize("wanted", ["sensitivity=0.9", "sensitivty=0.95", "threshold=1.3", "", "threshold=nan"])
def test_an_operating_point_that_is_not_offered_is_told_with_those_that_are(build_bundle, tmp_path, wanted):
    with pytest.raises(UserError, match=r"it offers youden, sensitivity=0\.95, or threshold=0\.5"):
        rule_of(described(build_bundle, tmp_path), wanted)


@given(chance, chance, chance)
def test_of_a_thousand_photos_everyone_is_found_or_missed(sensitivity, specificity, prevalence):
    point = POINT.model_copy(update={"sensitivity": sensitivity, "specificity": specificity})
    expected = expected_referrals(point, prevalence)
    assert expected.found + expected.missed == pytest.approx(1000 * prevalence, abs=0.2)
    assert expected.found <= expected.referred + 0.1
    assert expected_referrals(POINT, prevalence) is None
