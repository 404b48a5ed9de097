"""The difference of two models on the same photos."""

import numpy as np
import pytest

from eyeground.errors import UserError
from eyeground.evaluation import compare, evaluate
from eyeground.predictions import validated_predictions


@pytest.fixture
def tables(study):
    """One study, and the same with a second model whose scores are those of the first with noise."""
    first = study(80, seed=1)
    noise = np.random.default_rng(2).normal(size=len(first))
    logit = np.log(first["probability_dr"] / (1 - first["probability_dr"]))
    return first, first.assign(probability_dr=1 / (1 + np.exp(-(logit + 0.7 * noise))))


def predictions_of(*tables):
    return tuple(validated_predictions(table, "table") for table in tables)


def test_aurocs_are_those_of_evaluation_and_the_difference_is_theirs(tables):
    first, second = predictions_of(*tables)
    comparison = compare(first, second, "dr", resamples=300)
    assert comparison.first == evaluate(first, resamples=300).outputs[0].estimate("auroc")
    assert comparison.second == evaluate(second, resamples=300).outputs[0].estimate("auroc")
    assert comparison.difference.value == pytest.approx(comparison.first.value - comparison.second.value)
    assert (comparison.photos, comparison.patients) == (160, 80)


def test_pairing_narrows_the_interval(tables):
    comparison = compare(*predictions_of(*tables), "dr", resamples=1000)
    widths = [estimate.high - estimate.low for estimate in (comparison.first, comparison.second, comparison.difference)]
    assert widths[2] < 0.8 * np.hypot(widths[0], widths[1])


def test_swapping_the_models_flips_the_difference(tables):
    first, second = predictions_of(*tables)
    one, other = compare(first, second, "dr", resamples=200), compare(second, first, "dr", resamples=200)
    assert one.difference.value == -other.difference.value
    assert (one.difference.low, one.difference.high) == pytest.approx((-other.difference.high, -other.difference.low))


def test_a_monotone_transform_makes_no_difference(tables):
    first = tables[0]
    comparison = compare(*predictions_of(first, first.assign(probability_dr=first["probability_dr"] ** 3)), "dr")
    assert comparison.difference.value == 0
    assert comparison.difference.note == "no interval: every resample gives the same value"


def test_only_shared_photos_count_in_any_order(tables):
    first, second = tables
    comparison = compare(*predictions_of(first.iloc[:-4], second.iloc[6:].sample(frac=1, random_state=0)), "dr", 50)
    assert (comparison.photos, comparison.only_first, comparison.only_second) == (150, 6, 4)
    direct = compare(*predictions_of(first.iloc[6:-4], second.iloc[6:-4]), "dr", 50)
    assert comparison.difference == direct.difference


def test_tables_that_do_not_belong_together_are_refused_without_naming_a_patient(tables):
    first, second = tables
    cases = {
        "no photo in common": second.assign(photo="other/" + second["photo"]),
        "differ in 'patient'": second.assign(patient="P" + second["patient"]),
        "differ in 'truth_dr'": second.assign(truth_dr=1 - second["truth_dr"]),
        "no output 'dr'": second.rename(columns={"truth_dr": "truth_x", "probability_dr": "probability_x"}),
        "marks test photos": second.assign(split="test"),
    }
    for message, wrong in cases.items():
        with pytest.raises(UserError, match=message) as refused:
            compare(*predictions_of(first, wrong), "dr", 10)
        assert "P0000" not in str(refused.value)


def test_one_class_is_not_estimable(predictions):
    made = predictions([0, 0, 0], [0.1, 0.2, 0.3])
    assert compare(made, made, "dr", 10).difference.note == "not estimable: no positives in all photos"
