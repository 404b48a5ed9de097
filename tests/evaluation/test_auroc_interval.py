"""The interval of an AUROC: Newcombe's where patients are few, DeLong's where they are many, exact at 1."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from eyeground.data.predictions import validated_predictions
from eyeground.evaluation import auroc, evaluate
from eyeground.evaluation.auroc_interval import Area, area, area_interval
from eyeground.evaluation.delong import delong, delong_interval


def study(patients: int, ill: int, seed: int, eyes: int = 2, shift: float = 1.5):
    generator = np.random.default_rng(seed)
    truth = np.repeat(np.arange(patients) < ill, eyes).astype(float)
    patient = np.repeat(np.arange(patients), eyes)
    return truth, shift * truth + np.repeat(generator.normal(size=patients), eyes), patient


@pytest.mark.parametrize(
    ("value", "positive", "negative"), [(0.9, 10, 50), (0.75, 20, 20), (0.98, 4, 300), (0.2, 9, 9)]
)
def test_without_a_variance_of_its_own_it_holds_what_newcombes_method_5_finds_compatible(value, positive, negative):
    auroc = np.linspace(1e-6, 1 - 1e-6, 1_000_001)
    # Newcombe's equation, with Student's t of 10 degrees of freedom in place of the normal.
    halves = (positive + negative) / 2
    brackets = 1 + (halves - 1) * (1 - auroc) / (2 - auroc) + (halves - 1) * auroc / (1 + auroc)
    error = np.sqrt(auroc * (1 - auroc) * brackets / (positive * negative))
    compatible = auroc[np.abs(auroc - value) <= t.ppf(0.975, 10) * error]
    found = area_interval([Area(value, np.nan, np.nan, positive, negative, positive)])
    assert found == pytest.approx((compatible[0], compatible[-1]), abs=2e-6)


def test_with_many_patients_it_is_delongs():
    drawn = study(3000, 900, seed=1)
    expected = delong_interval(delong(drawn[0], drawn[1][np.newaxis], drawn[2]))
    assert area_interval([area(*drawn)]) == pytest.approx((expected.low, expected.high), abs=1e-3)


def test_where_classes_are_separated_the_limit_is_clopper_and_pearsons_of_as_many_pairs():
    drawn = study(40, 12, seed=2, shift=50)
    exact = binomtest(12, 12).proportion_ci(0.95, "exact")
    assert area_interval([area(*drawn)]) == pytest.approx((exact.low, 1))
    low, high = area_interval([area(1 - drawn[0], drawn[1], drawn[2])])
    assert (low, high) == pytest.approx((0, 1 - exact.low))


def test_patients_with_photos_of_both_truths_are_in_one_pair_only():
    truth, score = np.tile([0.0, 1.0], 10), np.tile([0.1, 0.9], 10)
    assert area(truth, score, np.repeat(np.arange(10), 2)).pairs == 5
    assert area(truth, score, np.arange(20)).pairs == 10


@given(st.integers(0, 1000), st.integers(2, 8), st.floats(0, 3))
def test_it_holds_the_value_stays_in_range_and_turns_with_the_scores(seed, ill, shift):
    truth, score, patient = study(30, ill, seed, shift=shift)
    low, high = area_interval([area(truth, score, patient)])
    value = area(truth, score, patient).value
    assert 0 <= low <= value <= high <= 1
    assert area_interval([area(truth, -score, patient)]) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_a_mean_of_folds_is_narrower_than_a_fold():
    folds = [study(100, 30, seed) for seed in (3, 4)]
    areas = [area(*fold) for fold in folds]
    low, high = area_interval(areas)
    widths = [np.ptp(area_interval([one])) for one in areas]
    assert high - low < 0.85 * max(widths)


def test_an_evaluation_with_an_auroc_of_1_has_a_lower_limit(predictions):
    estimate = (
        evaluate(predictions([0] * 30 + [1] * 10, np.linspace(0, 1, 40)), resamples=100).outputs[0].estimate("auroc")
    )
    assert (estimate.value, estimate.high) == (1, 1)
    assert estimate.low == pytest.approx(0.025 ** (1 / 10))
    assert "exact limit from 10 disjoint pairs of patients" in estimate.note


def test_folds_are_intervals_of_the_mean_within_them():
    parts = [study(60, 20, seed) for seed in (5, 6)]
    table = pd.concat(
        [
            pd.DataFrame(
                {"truth_dr": truth, "probability_dr": 1 / (1 + np.exp(-score)), "patient": patient, "fold": fold}
            )
            for fold, (truth, score, patient) in enumerate(parts)
        ],
        ignore_index=True,
    )
    table["patient"] = [f"{fold}-{patient}" for fold, patient in zip(table["fold"], table["patient"], strict=True)]
    table["photo"] = [f"{row}.jpg" for row in range(len(table))]
    found = evaluate(validated_predictions(table, "a"), resamples=50).outputs[0].estimate("auroc")
    assert (found.low, found.high) == pytest.approx(area_interval([area(*part) for part in parts]))


def test_resamples_change_nothing_but_whether_there_is_an_interval():
    truth, score, patient = study(40, 10, seed=7)
    few, many = (auroc(truth, score, patients=patient, resamples=number) for number in (10, 500))
    assert few == many
    assert auroc(truth, score, patients=patient, resamples=0).low is None
