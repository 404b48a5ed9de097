"""Several models on the same photos."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import compare, evaluate
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.comparing.thresholds import Threshold
from eyeground.evaluation.measures import compute, ranking_measure
from eyeground.evaluation.samples import samples_of


def of(table: pd.DataFrame) -> Predictions:
    return validated_predictions(table, "table")


def worse(table: pd.DataFrame, noise: float, seed: int, output: str = "dr") -> pd.DataFrame:
    """The same photos by a model that is the given one with noise on its logits."""
    column = f"probability_{output}"
    logit = np.log(table[column] / (1 - table[column]))
    drawn = np.random.default_rng(seed).normal(size=len(table))
    return table.assign(**{column: 1 / (1 + np.exp(-(logit + noise * drawn)))})


def compared(*tables: pd.DataFrame, **settings):
    return compare(
        dict(zip("abcd", map(of, tables), strict=False)), resamples=settings.pop("resamples", 200), **settings
    )


def with_splits(table: pd.DataFrame) -> pd.DataFrame:
    """The first half of the patients as validation, the others as test."""
    return table.assign(split=np.where(np.arange(len(table)) < len(table) // 2, "validation", "test"))


@pytest.fixture
def tables(study):
    """One study with three models, each worse than the one before."""
    best = study(80, seed=1)
    return best, worse(best, 0.7, seed=2), worse(best, 2.0, seed=3)


def test_figures_are_those_of_evaluation_and_the_difference_is_theirs(tables):
    found = compared(*tables[:2], resamples=300).outputs[0]
    for model, table in zip(found.models, tables, strict=False):
        alone = evaluate(of(table), resamples=300).outputs[0]
        assert model.estimate("auroc") == alone.estimate("auroc")
        assert model.estimate("auprc") == alone.estimate("auprc")
    auroc, auprc = found.differences_in("auroc", "auprc")
    truths = tables[0]["truth_dr"]
    for difference, score in ((auroc, roc_auc_score), (auprc, average_precision_score)):
        by_hand = [score(truths, table["probability_dr"]) for table in tables[:2]]
        assert difference.estimate.value == pytest.approx(by_hand[0] - by_hand[1])
    assert (found.photos, found.patients, found.positives) == (160, 80, int(truths.sum()))


def test_pairing_narrows_the_interval_and_delong_agrees_with_the_bootstrap(tables):
    found = compared(*tables[:2], resamples=1500).outputs[0]
    widths = [model.estimate("auroc").high - model.estimate("auroc").low for model in found.models]
    (difference,) = found.differences_in("auroc")
    width = difference.estimate.high - difference.estimate.low
    assert width < 0.8 * np.hypot(*widths)
    assert difference.z == pytest.approx(difference.estimate.value / (width / 3.92), rel=0.15)
    samples = [samples_of(of(table))["dr"] for table in tables[:2]]
    values = compute(dict(enumerate(map(ranking_measure, samples))), Resampling(one_stratum(80), 1500, 0))
    assert difference.p == pytest.approx((values[0][0] - values[1][0]).p(), abs=0.03)


def test_swapping_the_models_flips_everything(tables):
    one, other = (compared(*pair, margin=0.02).outputs[0].differences[0] for pair in (tables[:2], tables[1::-1]))
    assert one.estimate.value == -other.estimate.value
    assert (one.estimate.low, one.estimate.high) == pytest.approx((-other.estimate.high, -other.estimate.low))
    assert (one.z, one.p) == pytest.approx((-other.z, other.p))


def test_a_monotone_transform_makes_no_difference(tables):
    best = tables[0]
    (difference,) = (
        compared(best, best.assign(probability_dr=best["probability_dr"] ** 3), margin=0.02)
        .outputs[0]
        .differences_in("auroc")
    )
    assert difference.estimate.value == 0
    assert difference.estimate.note == "no interval: both models place all patients alike"
    assert difference.p is None
    assert difference.verdict == "inconclusive: there is no interval"


def test_each_with_each_or_each_with_the_reference(tables):
    pairs = [(each.first, each.second) for each in compared(*tables).differences_in("auroc")]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]
    pairs = [(each.first, each.second) for each in compared(*tables, reference="b").differences_in("auroc")]
    assert pairs == [("a", "b"), ("c", "b")]


def test_the_order_of_rows_and_models_changes_no_difference(tables):
    best, middle, last = tables
    straight = compared(best, last)
    shuffled = compare(
        {"b": of(last.sample(frac=1, random_state=3)), "a": of(best), "z": of(middle)}, reference="b", resamples=200
    )
    assert straight.outputs[0].differences[0].estimate == shuffled.outputs[0].differences[0].estimate


def test_only_photos_of_all_models_count_and_the_others_are_counted(tables):
    best, middle, last = tables
    found = compared(best.iloc[:-4], middle.iloc[6:].sample(frac=1, random_state=0), last.iloc[:-2], resamples=50)
    assert found.left_out == {"a": 6, "b": 4, "c": 8}
    assert found.outputs[0].photos == 150
    direct = compared(*(table.iloc[6:-4] for table in tables), resamples=50)
    assert found.outputs == direct.outputs


def test_holm_counts_all_outputs_and_pairs(study):
    tables = []
    for noise in (0.0, 1.0, 1.5):
        first, second = (worse(study(60, seed=seed), noise, seed=9 + seed) for seed in (4, 5))
        first["truth_amd"], first["probability_amd"] = second["truth_dr"], second["probability_dr"]
        tables.append(first)
    found = compared(*tables, resamples=20).differences_in("auroc")
    assert len(found) == 6
    assert min(found, key=lambda each: each.p).p_adjusted == pytest.approx(6 * min(each.p for each in found))
    alone = compared(*tables, outputs=["amd"], reference="a", resamples=20)
    assert [output.output for output in alone.outputs] == ["amd"]
    assert len(alone.differences_in("auroc")) == 2


def test_thresholds_are_each_models_own_and_chosen_on_validation_photos(tables):
    split = [with_splits(table) for table in tables[:2]]
    found = compared(*split, resamples=100).outputs[0]
    rates = []
    for model, table in zip(found.models, split, strict=True):
        assert model.threshold.origin.startswith("youden on validation")
        evaluated = evaluate(of(table), resamples=100).outputs[0]
        assert model.estimate("sensitivity") == evaluated.estimate("sensitivity")
        test = table[table["split"] == "test"]
        called = test["probability_dr"] >= model.threshold.value
        (tn, fp), (fn, tp) = confusion_matrix(test["truth_dr"] == 1, called)
        rates.append((tp / (tp + fn), tn / (tn + fp), called.to_numpy()))
    truth = split[0].loc[split[0]["split"] == "test", "truth_dr"].to_numpy() == 1
    for index, (difference, rows) in enumerate(
        zip(found.differences_in("sensitivity", "specificity"), (truth, ~truth), strict=True)
    ):
        assert difference.estimate.value == pytest.approx(rates[0][index] - rates[1][index])
        right = [(called == truth)[rows] for *_, called in rates]
        assert difference.discordance.first_only == (right[0] & ~right[1]).sum()
        assert difference.discordance.second_only == (right[1] & ~right[0]).sum()
        assert difference.p == pytest.approx(2 * norm.sf(abs(difference.z)))
        low, high = difference.estimate.low, difference.estimate.high
        assert (difference.p < 0.05) == (low > 0 or high < 0)


def test_given_thresholds_are_used_and_wrong_ones_refused(tables):
    given = {"a": {"dr": Threshold(0.3, "given")}, "b": {"dr": Threshold(0.6, "given")}}
    found = compared(*tables[:2], thresholds=given, resamples=50).outputs[0]
    assert [model.threshold.value for model in found.models] == [0.3, 0.6]
    only_one = compared(*tables[:2], thresholds={"a": given["a"]}, resamples=50).outputs[0]
    assert "no threshold for 'b'" in only_one.differences_in("sensitivity")[0].estimate.note
    with pytest.raises(UserError, match="threshold is given for 'x'"):
        compared(*tables[:2], thresholds={"x": given["a"]})
    with pytest.raises(UserError, match=r"is 1\.5; it must be 0 to 1"):
        compared(*tables[:2], thresholds={"a": {"dr": Threshold(1.5, "given")}})


def test_without_a_test_split_no_threshold_is_chosen(tables):
    found = compared(*(table.assign(split="validation") for table in tables[:2]), resamples=20)
    assert found.outputs[0].models[0].threshold is None
    assert (
        found.outputs[0]
        .differences_in("sensitivity")[0]
        .estimate.note.startswith("not estimable: no threshold for 'a'")
    )


def test_models_that_agree_on_enough_patients_are_equivalent_and_on_few_are_not(tables):
    given = {model: {"dr": Threshold(0.5, "given")} for model in "ab"}
    best = tables[0]
    many = pd.concat(
        [best.assign(patient=f"{copy}/" + best["patient"], photo=f"{copy}/" + best["photo"]) for copy in range(9)]
    )
    for table, words in ((many, "equivalent"), (best, "inconclusive")):
        found = compared(table, table, thresholds=given, margin=0.02, resamples=20).outputs[0]
        (difference,) = found.differences_in("specificity")
        assert (difference.estimate.value, difference.p, difference.verdict) == (0, 1, words)
        assert difference.estimate.low < 0 < difference.estimate.high


def test_few_patients_of_a_class_allow_no_verdict(tables):
    best = tables[0]
    positives = best.index[best["truth_dr"] == 1]
    fewer = best.drop(positives[9:])
    given = {model: {"dr": Threshold(0.5, "given")} for model in "ab"}
    found = compared(fewer, fewer, thresholds=given, margin=0.9).outputs[0]
    (difference,) = found.differences_in("sensitivity")
    assert "patients with positives" in difference.estimate.note
    assert difference.verdict == "inconclusive: too few patients"


def test_nothing_is_claimed_of_auprc_which_is_not_tested(tables):
    (difference,) = compared(tables[0], tables[2], margin=0.02).outputs[0].differences_in("auprc")
    assert difference.estimate.low > 0
    assert (difference.p, difference.p_adjusted, difference.verdict) == (None, None, "")


def test_superiority_follows_the_adjusted_p(tables):
    """Alone it is significant, and among six comparisons it is not."""
    best = tables[0]
    rival = worse(best, 0.3, seed=20)
    others = [worse(best, 0.01, seed=seed) for seed in range(2)]
    alone = compared(best, rival, margin=0.01).outputs[0].differences[0]
    among = compared(best, rival, *others, margin=0.01).differences_in("auroc")[0]
    assert (among.estimate, among.p) == (alone.estimate, alone.p)
    assert alone.p_adjusted < 0.05 < among.p_adjusted
    assert alone.verdict == "superior"
    assert among.verdict == "non-inferior"


@pytest.mark.parametrize(("truth", "missing"), [(0.0, "positives"), (1.0, "negatives")])
def test_a_class_that_is_missing_makes_nothing_estimable_but_what_needs_it_not(tables, truth, missing):
    one_class = [table.assign(truth_dr=truth) for table in tables[:2]]
    given = {model: {"dr": Threshold(0.5, "given")} for model in "ab"}
    found = compared(*one_class, thresholds=given, margin=0.02, resamples=50).outputs[0]
    notes = {difference.metric: difference.estimate.note for difference in found.differences}
    assert notes["auroc"] == notes["auprc"] == f"not estimable: no {missing} in all photos"
    measured, unmeasured = ("specificity", "sensitivity") if truth == 0 else ("sensitivity", "specificity")
    assert notes[unmeasured] == f"not estimable: no {missing} in all photos"
    assert found.differences_in(measured)[0].estimate.value is not None
    assert all(difference.p is None for difference in found.differences_in("auroc", unmeasured))


def test_tables_that_do_not_belong_together_are_refused_without_naming_a_patient(tables):
    first, second, _ = tables
    cases = {
        "no photo is in all": second.assign(photo="other/" + second["photo"]),
        "'0000_left.jpg': .* differ in 'patient' .* 159 more": second.assign(patient="P" + second["patient"]),
        "'a' and 'b' differ in 'truth_dr'": second.assign(truth_dr=1 - second["truth_dr"]),
        "share no output: 'a' has dr; 'b' has x": second.rename(
            columns={"truth_dr": "truth_x", "probability_dr": "probability_x"}
        ),
        "'b' mark test photos .* 'a' do not": second.assign(split="test"),
    }
    for message, wrong in cases.items():
        with pytest.raises(UserError, match=message) as refused:
            compared(first, wrong)
        assert "P0000" not in str(refused.value)


def test_a_truth_that_one_table_lacks_is_a_disagreement(tables):
    first, second, _ = tables
    unknown = second["truth_dr"].where(second.index != 5)
    with pytest.raises(UserError, match=r"'0002_right\.jpg': .* differ in 'truth_dr'; they"):
        compared(first, second.assign(truth_dr=unknown))


def test_wrong_settings_are_named(tables):
    cases = {
        "needs the predictions of two": ((tables[0],), {}),
        "no model 'bb' .*did you mean 'b'": (tables, {"reference": "bb"}),
        "no output 'd'": (tables, {"outputs": ["d"]}),
        "margin is 0": (tables, {"margin": 0.0}),
        "must not be negative": (tables, {"seed": -1}),
        "not a rule": ([with_splits(table) for table in tables], {"rule": "yuden"}),
    }
    for message, (given, settings) in cases.items():
        with pytest.raises(UserError, match=message):
            compared(*given, **settings)


def test_cross_validated_models_are_compared_within_their_folds(tables):
    fold = (np.arange(160) // 2) % 4
    shifted = [
        table.assign(fold=fold, probability_dr=table["probability_dr"] * (0.4 + 0.2 * fold)) for table in tables[:2]
    ]
    (difference,) = compared(*shifted, resamples=400).outputs[0].differences_in("auroc")
    within = [
        [roc_auc_score(part["truth_dr"], part["probability_dr"]) for _, part in table.groupby("fold")]
        for table in shifted
    ]
    assert difference.estimate.value == pytest.approx(np.mean(within[0]) - np.mean(within[1]))
    width = difference.estimate.high - difference.estimate.low
    assert difference.z == pytest.approx(difference.estimate.value / (width / 3.92), rel=0.25)


def test_other_folds_are_refused_and_the_same_by_another_name_are_not(tables):
    fold = (np.arange(160) // 2) % 4
    first, second = tables[0].assign(fold=fold), tables[1].assign(fold=3 - fold)
    same = compared(first, second, resamples=0)
    assert same.outputs[0].differences[0].estimate.value is not None
    with pytest.raises(UserError, match="other folds"):
        compared(first, second.assign(fold=np.roll(fold, 2) // 2))
    joined = compared(first, tables[1], resamples=0)
    assert joined.remarks[-1] == "Ranked within the folds of 'a', though not cross-validated: b."
    assert joined.outputs[0].differences[0].estimate == same.outputs[0].differences[0].estimate


def test_intervals_and_tests_hold_their_level_with_two_eyes_per_patient(study):
    covered, rejected = [], []
    for seed in range(80):
        base = study(60, seed=1000 + seed, separation=1.2)
        found = compared(worse(base, 1.0, seed), worse(base, 1.0, 5000 + seed))
        (difference,) = found.outputs[0].differences_in("auroc")
        covered.append(difference.estimate.low <= 0 <= difference.estimate.high)
        rejected.append(difference.p < 0.05)
    assert 0.88 < np.mean(covered) <= 0.99
    assert np.mean(rejected) < 0.11
