import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.config.targets import Target
from eyeground.data.predictions import Predictions
from eyeground.evaluation.decision_rule import (
    called_abnormal,
    choose_rules,
    deciding_outputs,
    measured,
    rule_truth,
)

OUTPUTS = ("abnormal", "glaucoma", "drusen")
TARGETS = tuple(Target(name=output) for output in OUTPUTS)


def simulated(seed: int, photos: int = 300) -> Predictions:
    """Photos of which some have one of two diseases, which `abnormal` and the disease's own output see, each with errors."""
    generator = np.random.default_rng(seed)
    kind = generator.choice(3, photos, p=(0.6, 0.25, 0.15))
    truth = {"abnormal": kind > 0, "glaucoma": kind == 1, "drusen": kind == 2}
    table: dict[str, object] = {"photo": [f"{one}" for one in range(photos)]}
    table["patient"] = [f"{one // 2}" for one in range(photos)]
    for output, is_there in truth.items():
        table[f"truth_{output}"] = is_there.astype(float)
        table[f"probability_{output}"] = 1 / (1 + np.exp(-generator.normal(np.where(is_there, 1.5, -1.0))))
    return Predictions(pd.DataFrame(table))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_whole_rule_keeps_what_it_is_named_for_where_it_was_chosen(seed: int, share: float) -> None:
    predictions = simulated(seed)
    truth = rule_truth(predictions, OUTPUTS, TARGETS)
    by_specificity, by_sensitivity = choose_rules(
        predictions, OUTPUTS, TARGETS, [f"specificity={share}", f"sensitivity={share}"]
    )
    passed = ~called_abnormal(by_specificity, predictions, TARGETS)[truth == 0]
    found = called_abnormal(by_sensitivity, predictions, TARGETS)[truth == 1]
    assert passed.mean() >= share and found.mean() >= share
    # As tight as it can be: no output may raise one false alarm more.
    assert passed.mean() < share + len(OUTPUTS) / len(passed) + 1e-9


@pytest.mark.parametrize(("outputs", "share"), [(OUTPUTS, 0.25), (OUTPUTS[1:], 1.0)])
def test_a_disease_may_raise_a_quarter_of_the_false_alarms_of_abnormal_and_as_many_as_others(
    outputs: tuple[str, ...], share: float
) -> None:
    predictions = simulated(3)
    [rule] = choose_rules(predictions, outputs, TARGETS, ["specificity=0.85"])
    normal = predictions.table[rule_truth(predictions, outputs, TARGETS) == 0]
    alarms = {
        output: int((normal[f"probability_{output}"] >= limit).sum()) for output, limit in rule.thresholds.items()
    }
    assert alarms["glaucoma"] == alarms["drusen"] == int(share * alarms[outputs[0]]) > 0


def test_of_health_low_is_abnormal() -> None:
    predictions = simulated(5)
    flipped = predictions.table.assign(
        truth_normal=1 - predictions.table["truth_abnormal"],
        probability_normal=1 - predictions.table["probability_abnormal"],
    )
    healthy = [Target(name="normal", healthy="1")]
    [one] = choose_rules(predictions, ("abnormal",), TARGETS, ["youden"])
    [other] = choose_rules(Predictions(flipped), ("normal",), healthy, ["youden"])
    assert other.thresholds["normal"] == pytest.approx(1 - one.thresholds["abnormal"])
    np.testing.assert_array_equal(
        called_abnormal(one, predictions, TARGETS), called_abnormal(other, Predictions(flipped), healthy)
    )


def test_a_photo_is_truly_normal_only_if_nothing_is_unknown_or_abnormal_says_so() -> None:
    table = pd.DataFrame(
        {
            "truth_abnormal": [0, 1, np.nan, 0, np.nan],
            "truth_glaucoma": [np.nan, np.nan, 1, 1, 0],
        }
    )
    np.testing.assert_array_equal(
        rule_truth(Predictions(table), ("abnormal", "glaucoma"), TARGETS), [0, 1, 1, 1, np.nan]
    )
    np.testing.assert_array_equal(rule_truth(Predictions(table), ("glaucoma",), TARGETS[1:]), [np.nan, np.nan, 1, 1, 0])


def test_what_is_too_rare_to_decide_is_abnormal_all_the_same() -> None:
    kind = Target(name="kind", kind="multiclass", classes=("normal", "dr", "rare"), healthy="normal")
    camera = Target(name="camera", kind="multiclass", classes=("a", "b"))
    targets = [kind, Target(name="amd"), camera]
    table = pd.DataFrame(
        {
            "truth_kind=normal": [1, 0, 0, np.nan, np.nan, 1],
            "truth_kind=dr": [0, 1, 0, np.nan, np.nan, 0],
            "truth_kind=rare": [0, 0, 1, np.nan, np.nan, 0],
            "truth_amd": [0, np.nan, 0, 1, 0, np.nan],
            "truth_camera=a": [1, 1, 1, 1, 1, 1],
            "truth_camera=b": [0, 0, 0, 0, 0, 0],
        }
    )
    # Neither 'normal' nor 'rare' nor 'amd' decides; an unknown 'amd' makes nobody ill, nor a healthy class unknown.
    np.testing.assert_array_equal(rule_truth(Predictions(table), ("kind=dr",), targets), [0, 1, 1, 1, np.nan, 0])


def test_rare_classes_are_no_normal_photos_to_choose_a_threshold_on() -> None:
    generator = np.random.default_rng(4)
    classes = np.repeat(["normal", "dr", "rare"], [60, 60, 30])
    kind = Target(name="kind", kind="multiclass", classes=("normal", "dr", "rare"), healthy="normal")
    # The network takes the rare ones for diabetic retinopathy.
    score = np.where(classes == "normal", 0.1, 0.8) + generator.uniform(0, 0.1, len(classes))
    table = pd.DataFrame({"photo": np.arange(150).astype(str), "patient": np.arange(150).astype(str)})
    for name in kind.classes:
        table[f"truth_kind={name}"] = (classes == name).astype(float)
        table[f"probability_kind={name}"] = score if name == "dr" else (1 - score) / 2
    [rule] = choose_rules(Predictions(table), ("kind=dr",), [kind], ["specificity=0.95"])
    assert (rule.positives, rule.negatives) == (90, 60)
    assert rule.thresholds["kind=dr"] < 0.8


def test_an_output_seen_on_fewer_than_ten_patients_decides_nothing() -> None:
    predictions = simulated(1)
    table = predictions.table.copy()
    positive = table.index[table["truth_drusen"] == 1]
    table.loc[positive[9:], "truth_drusen"] = 0
    deciding, why_not = deciding_outputs(Predictions(table), TARGETS)
    assert deciding == ("abnormal", "glaucoma")
    assert "positive patients" in why_not["drusen"]


def test_classes_none_of_which_means_health_decide_nothing() -> None:
    table = simulated(2).table.rename(
        columns=lambda name: name.replace("_drusen", "_kind=a").replace("_glaucoma", "_kind=b")
    )
    kind = Target(name="kind", kind="multiclass", classes=("a", "b"), healthy=None)
    deciding, why_not = deciding_outputs(Predictions(table), [Target(name="abnormal"), kind])
    assert deciding == ("abnormal",) and set(why_not) == set(kind.outputs)


def test_a_rule_is_measured_as_a_whole_with_intervals_over_patients() -> None:
    [rule] = choose_rules(simulated(0), OUTPUTS, TARGETS, ["youden"])
    test = simulated(9)
    done = measured(rule, test, TARGETS)
    truth, called = rule_truth(test, OUTPUTS, TARGETS), called_abnormal(rule, test, TARGETS)
    assert done.sensitivity is not None and done.specificity is not None
    assert done.sensitivity.value == called[truth == 1].mean()
    assert done.specificity.low < done.specificity.value < done.specificity.high
    assert measured(rule, Predictions(test.table.iloc[:0]), TARGETS).sensitivity is None
