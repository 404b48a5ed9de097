import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.config.operating_point import DecisionRule, OperatingPoint, Share
from eyeground.config.targets import Target
from eyeground.errors import UserError
from eyeground.screening.decision import Rule, decide, expected_referrals, rule_of

chance = st.floats(0, 1)
POINT = OperatingPoint(
    output="abnormal", threshold=0.5, rule="youden", chosen_on="validation", positives=40, negatives=60
)


def decision(thresholds: dict[str, float], rule: str = "youden", **shares: Share) -> DecisionRule:
    return DecisionRule(rule=rule, thresholds=thresholds, chosen_on="validation", positives=40, negatives=60, **shares)


def rule(thresholds: dict[str, float], healthy: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> Rule:
    return Rule(outputs or tuple(thresholds), decision(thresholds), frozenset(healthy))


@given(st.lists(st.tuples(chance, chance), min_size=1, max_size=5))
def test_any_deciding_output_that_reaches_its_threshold_makes_a_photo_abnormal(pairs):
    thresholds = {f"disease {index}": threshold for index, (_, threshold) in enumerate(pairs)}
    probabilities = {f"disease {index}": probability for index, (probability, _) in enumerate(pairs)}
    found = decide(rule(thresholds), probabilities)
    reached = tuple(output for output in thresholds if probabilities[output] >= thresholds[output])
    assert (found.status == "abnormal") == bool(reached) == bool(found.suspected)
    assert found.reached == reached
    assert all(output in found.reason for output in reached)


@given(chance, chance)
def test_an_output_without_threshold_decides_nothing(abnormal, rare):
    found = decide(rule({"abnormal": 0.5}, outputs=("abnormal", "rare")), {"abnormal": abnormal, "rare": rare})
    assert (found.status == "abnormal") == (abnormal >= 0.5)
    assert found.output == "abnormal"


@given(chance)
def test_a_class_that_means_health_is_abnormal_when_low(health):
    grades = rule({"grade=0": 0.5, "grade=1": 0.5, "grade=2": 0.5}, healthy=("grade=0",))
    rest = (1 - health) / 2
    found = decide(grades, {"grade=0": health, "grade=1": rest, "grade=2": rest})
    assert (found.status == "abnormal") == (health < 0.5 or rest >= 0.5)
    assert found.output != "grade=0"


@given(chance, chance)
def test_the_numbers_in_a_reason_stand_in_the_order_of_the_real_ones(probability, threshold):
    reason = decide(rule({"abnormal": threshold}), {"abnormal": probability}).reason
    shown, limit = (float(word) for word in reason.split() if word.replace(".", "").replace("e-", "").isdigit())
    if abs(probability - threshold) > 1e-5:
        assert (shown >= limit) == (probability >= threshold)


def described(build_bundle, tmp_path, **update):
    description = build_bundle(tmp_path / "bundle", targets=(Target(name="abnormal"), Target(name="amd"))).description
    return description.model_copy(update={"operating_points": (POINT,), **update})


def test_a_bundle_from_before_rules_were_stored_decides_by_abnormal_alone(build_bundle, tmp_path):
    few = POINT.model_copy(update={"output": "amd", "positives": 1, "threshold": 0.01})
    found = rule_of(described(build_bundle, tmp_path, operating_points=(POINT, few)))
    assert found.thresholds == {"abnormal": 0.5} and set(found.without_threshold) == {"amd"}
    alone = described(build_bundle, tmp_path, operating_points=(few.model_copy(update={"positives": 12}),))
    assert rule_of(alone).thresholds == {"amd": 0.01}


def test_a_bundle_without_any_sound_threshold_decides_nothing(build_bundle, tmp_path):
    few = POINT.model_copy(update={"positives": 9})
    none = rule_of(described(build_bundle, tmp_path, operating_points=(few,)))
    found = decide(none, {"abnormal": 1.0, "amd": 1.0})
    assert found.status == "undecided" and "eyeground calibrate" in found.reason
    by_hand = rule_of(described(build_bundle, tmp_path, operating_points=(few,)), "threshold=0.5")
    assert by_hand.thresholds == {"abnormal": 0.5, "amd": 0.5} and by_hand.decision.chosen_on == "given"


def test_an_old_multiclass_bundle_that_does_not_say_what_health_is_is_refused(build_bundle, tmp_path):
    bundle = build_bundle(
        tmp_path / "bundle",
        targets=(Target(name="class", kind="multiclass", classes=("Glaucoma", "Non-Glaucoma")),),
        operating_points=(POINT.model_copy(update={"output": "class=Glaucoma"}),),
    )
    with pytest.raises(UserError, match="which class of 'class' means health"):
        rule_of(bundle.description)


def test_the_declared_healthy_class_is_abnormal_when_low(build_bundle, tmp_path):
    target = Target(name="kind", kind="multiclass", classes=("a", "b", "c"), healthy="b")
    bundle = build_bundle(
        tmp_path / "bundle",
        targets=(target,),
        operating_points=(),
        weights=np.ones((3, 3), np.float32),
        constants=np.zeros(3, np.float32),
    )
    stored = bundle.description.model_copy(update={"decisions": (decision({"kind=a": 0.4, "kind=b": 0.3}),)})
    found = rule_of(stored)
    assert found.healthy == {"kind=b"}
    assert decide(found, {"kind=a": 0.1, "kind=b": 0.2, "kind=c": 0.7}).reached == ("kind=b",)
    assert decide(found, {"kind=a": 0.1, "kind=b": 0.8, "kind=c": 0.1}).status == "normal"


def test_a_rule_is_asked_for_by_its_name(build_bundle, tmp_path):
    first, other = decision({"abnormal": 0.5, "amd": 0.3}), decision({"abnormal": 0.2, "amd": 0.1}, "sensitivity=0.95")
    description = described(build_bundle, tmp_path, decisions=(first, other))
    assert rule_of(description).decision == first
    assert rule_of(description, "sensitivity=.950").decision == other
    assert rule_of(description, "threshold=0.31").thresholds == {"abnormal": 0.31, "amd": 0.3}


@pytest.mark.parametrize("wanted", ["sensitivity=0.9", "sensitivty=0.95", "threshold=1.3", "", "threshold=nan"])
def test_an_operating_point_that_is_not_offered_is_told_with_those_that_are(build_bundle, tmp_path, wanted):
    rules = (decision({"abnormal": 0.5}), decision({"abnormal": 0.2}, "sensitivity=0.95"))
    with pytest.raises(UserError, match=r"it offers youden, sensitivity=0\.95, or threshold=0\.5"):
        rule_of(described(build_bundle, tmp_path, decisions=rules), wanted)


@given(chance, chance, chance)
def test_of_a_thousand_photos_everyone_is_found_or_missed(sensitivity, specificity, prevalence):
    shares = {
        name: Share(value=value, low=0, high=1, photos=9)
        for name, value in (("sensitivity", sensitivity), ("specificity", specificity))
    }
    expected = expected_referrals(decision({"abnormal": 0.5}, **shares), prevalence)
    assert expected.found + expected.missed == pytest.approx(1000 * prevalence, abs=0.2)
    assert expected.found <= expected.referred + 0.1
    assert expected_referrals(decision({"abnormal": 0.5}), prevalence) is None
