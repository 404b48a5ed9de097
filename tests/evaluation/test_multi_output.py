"""Targets of several classes: found by name, decided once, and evaluated against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import Target
from eyeground.core.proportions import wilson_interval
from eyeground.data.predictions import Predictions, truths, validated_predictions
from eyeground.evaluation import evaluate
from eyeground.evaluation.multi_output import LOWEST, multi_output_targets

GRADES = Target(name="dr", kind="ordinal", classes=("0", "1", "2", "3"))
CAMERAS = Target(name="camera", kind="multiclass", classes=("Canon", "Topcon", "Zeiss"))


def graded(target: Target, classes: np.ndarray, probability: np.ndarray, patients: int | None = None) -> Predictions:
    """A table of class indices (NaN where unknown) and probabilities (photos, outputs)."""
    labels = pd.Series([None if np.isnan(index) else target.classes[int(index)] for index in classes], dtype="string")
    names = [f"{index:04}.jpg" for index in range(len(classes))]
    table = pd.DataFrame(
        {"photo": names, "patient": names if patients is None else [f"{i % patients}" for i in range(len(names))]}
    )
    for index, (output, truth) in enumerate(truths(labels, target).items()):
        table[f"truth_{output}"], table[f"probability_{output}"] = truth, probability[:, index]
    return validated_predictions(table, "table")


def simulated(target: Target, photos: int, seed: int, patients: int | None = None) -> tuple[Predictions, np.ndarray]:
    generator = np.random.default_rng(seed)
    count = len(target.classes)
    grade = generator.choice(count, photos, p=np.arange(count, 0, -1) / np.arange(count, 0, -1).sum()).astype(float)
    score = grade + generator.normal(0, 0.8, photos)
    if target.kind == "ordinal":
        probability = 1 / (1 + np.exp(-2 * (score[:, np.newaxis] - np.arange(0.5, count - 1))))
    else:
        probability = np.exp(-((score[:, np.newaxis] - np.arange(count)) ** 2))
        probability /= probability.sum(axis=1, keepdims=True)
    return graded(target, grade, probability, patients), grade


def values_of(estimates) -> dict[str, float | None]:
    return {estimate.metric: estimate.value for estimate in estimates}


def test_targets_are_found_by_name_and_single_outputs_are_none():
    found = multi_output_targets(
        ["abnormal", *GRADES.outputs, *CAMERAS.outputs, "only=one", "stage>=b", "age>=50", "age>=40"]
    )
    assert [(target.target, target.kind, target.classes) for target in found] == [
        ("dr", "ordinal", ("0", "1", "2", "3")),
        ("camera", "multiclass", ("Canon", "Topcon", "Zeiss")),
        ("stage", "ordinal", (LOWEST, "b")),
        ("age", "ordinal", (LOWEST, "40", "50")),
    ]
    assert found[0].outputs == GRADES.outputs
    assert [target.is_ordered for target in found] == [True, False, True, True]
    (numbered,) = multi_output_targets(["icdr=10", "icdr=2"])
    assert (numbered.classes, numbered.is_ordered) == (("2", "10"), True)


@pytest.mark.parametrize("target", [GRADES, CAMERAS])
def test_results_of_a_target_agree_with_scikit_learn(target):
    made, grade = simulated(target, 300, seed=1)
    (evaluation,) = evaluate(made, resamples=0).families
    probability = made.table[[f"probability_{output}" for output in target.outputs]].to_numpy()
    one_hot = made.table[[f"truth_{output}" for output in target.outputs]].to_numpy()
    called = (
        probability.argmax(axis=1)
        if target.kind == "multiclass"
        else np.cumprod(probability >= 0.5, axis=1).sum(axis=1)
    )
    expected = {
        "accuracy": metrics.accuracy_score(grade, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(grade, called),
        "macro_f1": metrics.f1_score(grade, called, average="macro"),
        "mcc": metrics.matthews_corrcoef(grade, called),
        "kappa": metrics.cohen_kappa_score(grade, called),
    }
    if target.kind == "ordinal":
        expected["quadratic_weighted_kappa"] = metrics.cohen_kappa_score(grade, called, weights="quadratic")
    assert values_of(evaluation.decisions[0].estimates) == pytest.approx(expected)
    assert evaluation.decisions[0].confusion == tuple(map(tuple, metrics.confusion_matrix(grade, called).tolist()))
    assert evaluation.photos_of_class == tuple(np.bincount(grade.astype(int)))
    assert values_of(evaluation.estimates) == pytest.approx(
        {
            "macro_auroc": metrics.roc_auc_score(one_hot, probability, average="macro"),
            "micro_auroc": metrics.roc_auc_score(one_hot, probability, average="micro"),
        }
    )


def test_intervals_are_those_of_resampled_copies_of_patients():
    made, grade = simulated(GRADES, 200, seed=2, patients=100)
    (target,) = evaluate(made, resamples=2000).families
    found = {estimate.metric: estimate for estimate in target.decisions[0].estimates}
    probability = made.table[[f"probability_{output}" for output in GRADES.outputs]].to_numpy()
    called = np.cumprod(probability >= 0.5, axis=1).sum(axis=1)
    generator = np.random.default_rng(5)
    looped = []
    for _ in range(250):
        drawn = generator.integers(0, 100, 100)
        copies = np.concatenate([drawn, drawn + 100])
        looped.append(metrics.cohen_kappa_score(grade[copies], called[copies], weights="quadratic"))
    kappa = found["quadratic_weighted_kappa"]
    assert (kappa.low, kappa.high) == pytest.approx(np.quantile(looped, [0.025, 0.975]), abs=0.02)
    assert all(estimate.low < estimate.value < estimate.high for estimate in found.values())


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=20))
def test_a_grade_is_called_by_consecutive_steps_only(drawn):
    probability = np.array(drawn) / 4
    made = graded(GRADES, np.zeros(len(drawn)), probability)
    (target,) = evaluate(made, resamples=0).families
    called = [next((step for step in range(3) if row[step] < 0.5), 3) for row in probability]
    assert target.decisions[0].confusion[0] == tuple(np.bincount(called, minlength=4).tolist())


def test_a_grade_is_also_decided_at_the_steps_operating_points():
    made, _ = simulated(GRADES, 100, seed=3)
    points = [
        OperatingPoint(
            output=output, threshold=threshold, rule="youden", chosen_on="validation", positives=1, negatives=1
        )
        for output, threshold in zip(GRADES.outputs, (0.2, 0.3, 0.4), strict=True)
    ]
    (target,) = evaluate(made, points, resamples=0).families
    probability = made.table[[f"probability_{output}" for output in GRADES.outputs]].to_numpy()
    called = np.cumprod(probability >= [0.2, 0.3, 0.4], axis=1).sum(axis=1)
    assert [decision.rule for decision in target.decisions] == [
        "consecutive steps reached at 0.5",
        "consecutive steps reached at their operating points (youden)",
    ]
    assert np.sum(target.decisions[1].confusion, axis=0).tolist() == np.bincount(called, minlength=4).tolist()
    assert len(evaluate(made, points[:2], resamples=0).families[0].decisions) == 1


def test_a_grade_decided_at_thresholds_chosen_on_test_is_optimistic():
    made, _ = simulated(GRADES, 100, seed=4)
    at_half, at_points = evaluate(made, resamples=0, rules=["youden"]).families[0].decisions
    assert all(estimate.note.startswith("optimistic: the threshold was") for estimate in at_points.estimates)
    assert not any("optimistic" in estimate.note for estimate in at_half.estimates)


def test_unknown_classes_are_masked_and_absent_ones_are_said():
    grade = np.array([0, 0, 1, 1, np.nan, 2])
    probability = np.tile([0.9, 0.1, 0.1], (6, 1))
    (target,) = evaluate(graded(GRADES, grade, probability), resamples=50).families
    assert (target.photos, target.unknown, target.photos_of_class) == (5, 1, (2, 2, 1, 0))
    found = {estimate.metric: estimate for estimate in target.decisions[0].estimates}
    assert found["balanced_accuracy"].value == pytest.approx(1 / 3)
    assert found["balanced_accuracy"].note.startswith("no photos of class 3")
    assert found["mcc"].note == "not estimable: no second class among the decisions in all photos"
    macro = target.estimates[0]
    assert macro.note.startswith("mean of 2 of 3 outputs; not estimable: dr>=3")


def test_one_class_or_none_is_not_estimable_and_never_nan():
    for grade in (np.zeros(6), np.full(6, np.nan)):
        (target,) = evaluate(graded(GRADES, grade, np.full((6, 3), 0.2)), resamples=20).families
        for estimate in (*target.estimates, *target.decisions[0].estimates):
            assert estimate.value is not None or estimate.note.startswith("not estimable: ")
            assert not any(np.isnan(value) for value in (estimate.value, estimate.low) if value is not None)


def test_truths_that_contradict_each_other_are_no_target():
    made, _ = simulated(CAMERAS, 10, seed=6)
    table = made.table.assign(**{"truth_camera=Canon": 1.0, "truth_camera=Zeiss": 1.0})
    evaluation = evaluate(validated_predictions(table, "table"), resamples=0)
    assert evaluation.families == ()
    assert evaluation.remarks[-1].startswith("The outputs of 'camera' are not evaluated as one multiclass target")
    made, _ = simulated(GRADES, 10, seed=6)
    table = made.table.assign(**{"truth_dr>=1": 0.0, "truth_dr>=3": 1.0})
    assert "every grade is reached below one that is" in evaluate(Predictions(table), resamples=0).remarks[-1]


def test_wilson_interval_where_every_grade_is_right():
    grade = np.arange(40) % 4
    probability = (grade[:, np.newaxis] > np.arange(3)).astype(float)
    (target,) = evaluate(graded(GRADES, grade.astype(float), probability), resamples=100).families
    accuracy = target.decisions[0].estimates[0]
    assert (accuracy.value, accuracy.high) == (1.0, 1.0)
    assert 0.9 < accuracy.low < 1 and "Wilson" in accuracy.note


def test_kappa_needs_no_class_to_be_frequent_and_means_over_classes_do():
    generator = np.random.default_rng(7)
    grade = np.append(generator.integers(0, 3, 99), 3).astype(float)
    steps = grade[:, np.newaxis] > np.arange(3)
    probability = np.clip(steps * 0.6 + 0.2 + generator.normal(0, 0.25, steps.shape), 0, 1)
    (target,) = evaluate(graded(GRADES, grade, probability), resamples=200).families
    found = {estimate.metric: estimate for estimate in target.decisions[0].estimates}
    for metric in ("accuracy", "mcc", "kappa", "quadratic_weighted_kappa"):
        assert found[metric].low < found[metric].value < found[metric].high
        assert "only" not in found[metric].note
    for metric in ("balanced_accuracy", "macro_f1"):
        assert found[metric].note.startswith("no interval: only 1 patient with class")


def test_where_every_grade_is_right_kappa_and_mean_recall_have_lower_limits():
    grade = np.repeat(np.arange(4), [70, 20, 5, 5])
    probability = (grade[:, np.newaxis] > np.arange(3)).astype(float)
    (target,) = evaluate(graded(GRADES, grade.astype(float), probability), resamples=100).families
    found = {estimate.metric: estimate for estimate in target.decisions[0].estimates}
    agreement, by_chance = wilson_interval(100, 100)[0], 0.49 + 0.04 + 2 * 0.0025
    assert found["kappa"].low == pytest.approx((agreement - by_chance) / (1 - by_chance))
    assert found["quadratic_weighted_kappa"].low == pytest.approx(found["kappa"].low)
    below = np.hypot.reduce([1 - wilson_interval(photos, photos)[0] for photos in (70, 20, 5, 5)])
    assert found["balanced_accuracy"].low == pytest.approx(1 - below / 4)
