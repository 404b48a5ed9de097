"""Every metric against scikit-learn, the reason where there is none, and the coverage of the intervals."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import norm
from sklearn import metrics

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import evaluate
from eyeground.evaluation.metrics import PARTIAL_AUROC, SENSITIVITY_AT


def point(threshold: float, output: str = "dr", rule: str = "youden") -> OperatingPoint:
    return OperatingPoint(
        output=output, threshold=threshold, rule=rule, chosen_on="validation", positives=10, negatives=10
    )


def values(evaluation, output: int = 0) -> dict[str, float | None]:
    return {estimate.metric: estimate.value for estimate in evaluation.outputs[output].all_estimates()}


rows = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2, max_size=50).filter(
    lambda drawn: len({truth for truth, _ in drawn}) == 2
)


@given(rows, st.integers(0, 10))
def test_points_agree_with_scikit_learn(predictions, drawn, threshold):
    truth, probability = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    probability /= 10
    threshold /= 10
    found = values(evaluate(predictions(truth, probability), [point(threshold)], resamples=0))
    # See test_calibration_measures and test_partial_roc.
    for elsewhere in ("ece", "calibration_slope", "calibration_intercept", SENSITIVITY_AT, PARTIAL_AUROC):
        del found[elsewhere]
    called = (probability >= threshold).astype(float)
    # Scikit-learn warns of a ratio with nothing below the line.
    with warnings.catch_warnings(action="ignore"):
        ratios = metrics.class_likelihood_ratios(truth, called)
    positive, negative = (None if math.isnan(ratio) else ratio for ratio in ratios)
    expected = {
        "auroc": metrics.roc_auc_score(truth, probability),
        "auprc": metrics.average_precision_score(truth, probability),
        "brier": metrics.brier_score_loss(truth, probability),
        "sensitivity": metrics.recall_score(truth, called),
        "specificity": metrics.recall_score(truth, called, pos_label=0),
        "ppv": metrics.precision_score(truth, called) if called.any() else None,
        "npv": metrics.precision_score(truth, called, pos_label=0) if not called.all() else None,
        "accuracy": metrics.accuracy_score(truth, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, called),
        "f1": metrics.f1_score(truth, called),
        "mcc": metrics.matthews_corrcoef(truth, called) if 0 < called.mean() < 1 else None,
        "likelihood_ratio_positive": positive,
        "likelihood_ratio_negative": negative,
    }
    assert found == pytest.approx(expected, abs=1e-12)


@given(rows, st.floats(0.01, 0.99))
def test_predictive_values_at_a_prevalence_are_those_of_a_population_made_to_it(predictions, drawn, prevalence):
    truth, probability = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    called = (probability >= 5).astype(float)
    found = values(evaluate(predictions(truth, probability / 10), [point(0.5)], resamples=0, prevalences=[prevalence]))
    # Scikit-learn weighs the photos so that the share of positives becomes the prevalence.
    weight = np.where(truth == 1, prevalence / (truth == 1).sum(), (1 - prevalence) / (truth == 0).sum())
    for name, kind in (("ppv", 1), ("npv", 0)):
        expected = metrics.precision_score(truth, called, pos_label=kind, sample_weight=weight, zero_division=np.nan)
        assert found[f"{name}@{prevalence:g}"] == (None if math.isnan(expected) else pytest.approx(expected))


def test_predictive_values_at_a_prevalence_have_intervals_and_say_what_is_missing(predictions, study):
    made = validated_predictions(study(60, seed=20), "a")
    output = evaluate(made, [point(0.5)], resamples=200, prevalences=[0.05, 0.5]).outputs[0]
    rare, common = output.estimate("ppv@0.05"), output.estimate("ppv@0.5")
    assert rare.low < rare.value < rare.high < common.low
    never = evaluate(made, [point(1.0)], resamples=0, prevalences=[0.05]).outputs[0].estimate("ppv@0.05")
    assert never.note == "not estimable: no photos called positive in all photos"
    unknown = evaluate(made, resamples=0, prevalences=[0.05]).outputs[0].estimate("npv@0.05")
    assert unknown.value is None and "no operating point was given" in unknown.note
    with pytest.raises(UserError, match="a prevalence of 5 is out of range"):
        evaluate(made, prevalences=[5])


def test_a_rule_that_is_asked_for_is_chosen_on_validation(study):
    table = study(60, seed=21).assign(split=["validation"] * 60 + ["test"] * 60)
    asked = ("sensitivity=0.9", "cost=10@0.05", "threshold=0.25")
    made = validated_predictions(table, "a")
    evaluation = evaluate(made, [point(0.7)], resamples=0, rules=asked)
    points = [at.point for at in evaluation.outputs[0].at]
    assert [found.rule for found in points] == ["youden", *asked]
    assert [found.chosen_on for found in points] == ["validation"] * 3 + ["given"]
    assert points[3].threshold == 0.25
    assert not any("optimistic" in estimate.note for estimate in evaluation.outputs[0].all_estimates())
    with pytest.raises(UserError, match=r"'sens=0\.9' is not a rule"):
        evaluate(made, rules=["sens=0.9"])


def test_a_rule_chosen_on_the_evaluated_photos_is_called_optimistic_everywhere(study):
    made = validated_predictions(study(60, seed=22), "a")
    evaluation = evaluate(made, resamples=50, rules=["youden", "threshold=0.5"], prevalences=[0.1])
    given, chosen = evaluation.outputs[0].at  # the honest one is first, whatever was asked for first
    assert (chosen.point.chosen_on, chosen.is_optimistic) == ("test", True)
    note = "optimistic: the threshold was chosen on the photos it is measured on"
    assert all(estimate.note.startswith(note) for estimate in chosen.estimates)
    assert any("optimistic" in remark for remark in evaluation.remarks)
    assert (given.point.chosen_on, given.is_optimistic) == ("given", False)
    assert not any("optimistic" in estimate.note for estimate in given.estimates)
    assert evaluation.outputs[0].estimate("sensitivity") == given.estimates[0]
    # Validation photos without positives are a reason to say so, not to look at test instead.
    table = made.table.assign(split=["validation"] * 60 + ["test"] * 60)
    table.loc[:59, "truth_dr"] = 0.0
    output = evaluate(validated_predictions(table, "b"), resamples=0, rules=["youden"]).outputs[0]
    assert output.at == () and "no positives in validation" in output.no_operating_point


def test_confusion_counts_are_those_at_the_threshold(predictions):
    made = predictions([1, 1, 1, 0, 0, None], [0.5, 0.9, 0.4, 0.5, 0.1, 0.9])
    confusion = evaluate(made, [point(0.5)], resamples=0).outputs[0].at[0].confusion
    assert (confusion.true_positives, confusion.false_negatives) == (2, 1)
    assert (confusion.false_positives, confusion.true_negatives) == (1, 1)


def test_unknown_truths_are_masked_and_never_negatives(predictions, study):
    table = study(40, seed=1)
    hidden = table.index % 3 == 0
    masked = table.assign(truth_dr=table["truth_dr"].mask(hidden))
    with_unknown = evaluate(validated_predictions(masked, "a"), [point(0.5)], resamples=0)
    without = evaluate(validated_predictions(table[~hidden], "b"), [point(0.5)], resamples=0)
    assert values(with_unknown) == values(without)
    assert with_unknown.outputs[0].unknown == hidden.sum()
    assert without.outputs[0].unknown == 0


def test_same_seed_gives_the_same_results_in_any_order_of_rows(study):
    table = study(30, seed=2)
    first = evaluate(validated_predictions(table, "a"), [point(0.5)], resamples=200)
    shuffled = evaluate(validated_predictions(table.sample(frac=1, random_state=3), "b"), [point(0.5)], resamples=200)
    assert first == shuffled
    assert first != evaluate(validated_predictions(table, "a"), [point(0.5)], resamples=200, seed=1)


def test_interval_is_that_of_resampled_copies_of_patients(study):
    table = study(60, seed=4)
    found = evaluate(validated_predictions(table, "a"), resamples=3000).outputs[0].estimate("auprc")
    photos = table.groupby("patient").indices
    truth, probability = table["truth_dr"].to_numpy(), table["probability_dr"].to_numpy()
    names = list(photos)

    def auprc(drawn):
        copies = np.concatenate([photos[names[index]] for index in drawn])
        return metrics.average_precision_score(truth[copies], probability[copies])

    expected = stats.bootstrap((np.arange(60),), auprc, n_resamples=2000, vectorized=False, method="BCa", rng=1)
    interval = expected.confidence_interval
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.01)


def test_intervals_cover_the_truth_and_those_that_forget_patients_do_not(study):
    truth = norm.cdf(1.5 / math.sqrt(2 * (0.9**2 + 0.45**2)))
    covered = {"patients": 0, "photos": 0}
    studies = 120
    for seed in range(studies):
        table = study(60, seed=seed)
        for unit, made in (("patients", table), ("photos", table.assign(patient=table["photo"]))):
            found = evaluate(Predictions(made), resamples=200, seed=seed).outputs[0].estimate("auroc")
            covered[unit] += found.low <= truth <= found.high
    # The standard error of a coverage of 95 % over 120 studies is 2 %.
    assert 0.90 <= covered["patients"] / studies <= 0.99
    assert covered["photos"] / studies < 0.90


def test_only_test_photos_are_evaluated_and_the_threshold_is_youdens_of_validation(study):
    table = study(60, seed=5).assign(split=["train"] * 20 + ["validation"] * 50 + ["test"] * 48 + [None] * 2)
    evaluation = evaluate(validated_predictions(table, "a"), resamples=50)
    at = evaluation.outputs[0].at[0]
    validation = table[table["split"] == "validation"]
    assert (evaluation.scope, evaluation.photos, evaluation.remarks) == ("test", 48, ())
    assert (at.point.rule, at.point.chosen_on) == ("youden", "validation")
    assert at.point.positives == validation["truth_dr"].sum()
    reversed_test = table.assign(truth_dr=table["truth_dr"].where(table["split"] != "test", 1 - table["truth_dr"]))
    again = evaluate(validated_predictions(reversed_test, "b"), resamples=0).outputs[0].at[0]
    assert again.point == at.point  # test truths have no say in it


def test_given_operating_points_come_first_and_several_are_all_evaluated(study):
    table = study(40, seed=6).assign(split=["validation"] * 40 + ["test"] * 40)
    given = [point(0.2, rule="sensitivity=0.95"), point(0.8, rule="specificity=0.95")]
    output = evaluate(validated_predictions(table, "a"), given, resamples=20).outputs[0]
    assert [at.point for at in output.at] == given
    assert output.at[0].estimates[0].value > output.at[1].estimates[0].value


def test_without_validation_no_threshold_is_chosen_and_the_reason_is_said(study):
    evaluation = evaluate(validated_predictions(study(20, seed=7), "a"), resamples=20)
    sensitivity = evaluation.outputs[0].estimate("sensitivity")
    assert sensitivity.value is None
    assert sensitivity.note == "not estimable: no operating point was given, and no validation photos to choose one on"
    assert evaluation.scope == "all photos"
    assert "no 'split' column" in evaluation.remarks[0]


def test_training_photos_in_the_results_are_called_optimistic(study):
    table = study(20, seed=8).assign(split=["train"] * 20 + ["validation"] * 20)
    evaluation = evaluate(validated_predictions(table, "a"), resamples=0)
    assert "train and validation are among them: the results are optimistic" in evaluation.remarks[0]
    assert evaluation.outputs[0].at == ()  # a threshold chosen on evaluated photos would be optimistic too


def test_patients_in_test_and_elsewhere_are_counted(study):
    table = study(20, seed=9).assign(split=["validation"] * 19 + ["test"] * 21)
    (remark,) = evaluate(validated_predictions(table, "a"), resamples=0).remarks
    assert remark.startswith("Patients with photos in test and in another split: 1.")


@pytest.mark.parametrize(("truth", "lacking"), [(0, "positives"), (1, "negatives")])
def test_one_class_says_what_is_missing_and_keeps_what_is_not(predictions, truth, lacking):
    evaluation = evaluate(predictions([truth] * 12, np.linspace(0.1, 0.9, 12)), [point(0.5)], resamples=50)
    output = evaluation.outputs[0]
    for metric in ("auroc", "auprc", "balanced_accuracy"):
        assert output.estimate(metric).value is None
        assert output.estimate(metric).note == f"not estimable: no {lacking} in all photos"
    assert output.estimate("accuracy").value == 0.5
    assert output.estimate("brier").low < output.estimate("brier").value < output.estimate("brier").high


def test_an_output_whose_truth_is_never_known_is_not_estimable(predictions):
    evaluation = evaluate(predictions([None] * 4, [0.1, 0.2, 0.3, 0.4]), [point(0.25)], resamples=50)
    estimates = evaluation.outputs[0].all_estimates()
    assert all(estimate.value is None and estimate.note.startswith("not estimable: no ") for estimate in estimates)


def test_three_photos_give_points_and_say_what_intervals_rest_on(predictions):
    evaluation = evaluate(predictions([0, 1, 1], [0.2, 0.1, 0.9]), [point(0.5)], resamples=100)
    auroc = evaluation.outputs[0].estimate("auroc")
    assert (auroc.value, auroc.low) == (0.5, None)
    assert auroc.note == "no interval: only 1 patient with negatives"


def test_no_estimate_is_nan(predictions):
    generator = np.random.default_rng(0)
    for size in range(1, 12):
        made = predictions(generator.choice([0, 1, np.nan], size), generator.random(size).round(1))
        for estimate in evaluate(made, [point(0.5)], resamples=30).outputs[0].all_estimates():
            values = [value for value in (estimate.value, estimate.low, estimate.high) if value is not None]
            assert not any(map(math.isnan, values))
            assert estimate.value is not None or estimate.note


def test_macro_is_the_mean_of_the_outputs_that_have_a_value(study):
    table = study(50, seed=10)
    other = study(50, seed=11)
    table = table.assign(truth_amd=other["truth_dr"], probability_amd=other["probability_dr"])
    table = table.assign(truth_rop=0.0, probability_rop=0.5)
    evaluation = evaluate(validated_predictions(table, "a"), resamples=300)
    macro = {estimate.metric: estimate for estimate in evaluation.macro}
    single = [output.estimate("auroc") for output in evaluation.outputs[:2]]
    assert macro["macro_auroc"].value == pytest.approx((single[0].value + single[1].value) / 2)
    assert macro["macro_auroc"].note == "mean of 2 of 3 outputs; not estimable: rop"
    width = macro["macro_auroc"].high - macro["macro_auroc"].low
    assert width < min(estimate.high - estimate.low for estimate in single)


def test_interval_of_the_macro_average_is_joint(study):
    table = study(50, seed=12)
    twice = table.assign(truth_again=table["truth_dr"], probability_again=table["probability_dr"])
    evaluation = evaluate(validated_predictions(twice, "a"), resamples=200)
    single, macro = evaluation.outputs[0].estimate("auprc"), evaluation.macro[1]
    # An output averaged with itself is itself; independent resamples would give a narrower interval.
    assert (macro.value, macro.low, macro.high) == pytest.approx((single.value, single.low, single.high))


def test_dropped_resamples_are_counted(predictions):
    truth = [1, 1] + [0] * 18
    evaluation = evaluate(predictions(truth, np.linspace(1, 0, 20)[::-1].round(2)), resamples=400)
    dropped = int(evaluation.outputs[0].estimate("auprc").note.split("; ")[1].split(" ")[0])
    assert dropped / 400 == pytest.approx((18 / 20) ** 20, abs=0.06)
    stratified = evaluate(predictions(truth, np.linspace(1, 0, 20)[::-1].round(2)), resamples=400, stratified=True)
    assert "dropped" not in stratified.outputs[0].estimate("auprc").note


def test_an_operating_point_of_an_unknown_output_is_refused(predictions):
    with pytest.raises(UserError, match=r"'drr'.*did you mean 'dr'"):
        evaluate(predictions([0, 1], [0.1, 0.9]), [point(0.5, output="drr")])
    with pytest.raises(UserError, match="must not be negative"):
        evaluate(predictions([0, 1], [0.1, 0.9]), resamples=-1)


def test_patient_identifiers_are_text(predictions):
    made = predictions([0, 1, 0, 1], [0.1, 0.9, 0.3, 0.7], patient=["007", "7", "07", "007"])
    assert evaluate(made, resamples=0).patients == 3
    assert isinstance(made.table["patient"].iloc[0], str) and pd.notna(made.table["patient"]).all()
