"""Net benefit against its definition, photo by photo and resample by resample; known identities; the section."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.calibrating.decision_curve import THRESHOLDS, decision_curve, decision_curves
from eyeground.evaluation.calibrating.decision_curve_section import decision_curve_section, ranges
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.reporting.figure_style import as_svg
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.samples import Sample, samples_of

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60).filter(
    lambda made: len({truth for truth, _ in made}) == 2
)


def sample_of(made) -> Sample:
    truth, score = (np.array(column, dtype=float) for column in zip(*made, strict=True))
    return Sample(truth, score / 20, np.arange(len(truth)), len(truth))


def drawn(sample: Sample, resamples: int) -> Resampling:
    return Resampling(one_stratum(sample.columns), resamples, 0)


def net_benefit(truth: np.ndarray, probability: np.ndarray, threshold: float) -> float:
    """As Vickers and Elkin define it."""
    called = probability >= threshold
    true_positives, false_positives = (called & (truth == 1)).sum(), (called & (truth == 0)).sum()
    return (true_positives - false_positives * threshold / (1 - threshold)) / len(truth)


@given(rows)
def test_net_benefit_is_that_of_its_definition_also_where_scores_are_thresholds(made):
    sample = sample_of(made)
    curve = decision_curve("dr", sample, drawn(sample, 0))
    for index in (0, 4, 9, 24, 49, 74, 98):
        threshold = curve.thresholds[index]
        assert curve.model[index] == pytest.approx(net_benefit(sample.truth, sample.probability, threshold), abs=1e-9)
        everybody = net_benefit(sample.truth, np.ones(len(sample.truth)), threshold)
        assert curve.treat_all[index] == pytest.approx(everybody, abs=1e-9)


@given(st.integers(1, 99))
def test_treating_all_is_worth_nothing_at_a_threshold_of_the_prevalence(positives):
    truth = np.repeat([1.0, 0.0], [positives, 100 - positives])
    sample = Sample(truth, np.linspace(0, 1, 100), np.arange(100), 100)
    curve = decision_curve("dr", sample, drawn(sample, 0))
    assert curve.treat_all[positives - 1] == pytest.approx(0, abs=1e-12)
    assert curve.prevalence == pytest.approx(positives / 100)


def test_a_perfect_model_is_worth_the_prevalence_at_every_threshold():
    truth = np.repeat([1.0, 0.0], [30, 70])
    sample = Sample(truth, truth, np.arange(100), 100)
    np.testing.assert_allclose(decision_curve("dr", sample, drawn(sample, 0)).model, 0.3)
    given_prevalence = decision_curve("dr", sample, drawn(sample, 0), prevalence=0.02)
    np.testing.assert_allclose(given_prevalence.model, 0.02)
    assert given_prevalence.treat_all[1] == pytest.approx(0, abs=1e-12)


def test_a_given_prevalence_is_that_of_a_collection_with_so_many_positives(study):
    sample = samples_of(validated_predictions(study(60, seed=1), "table"))["dr"]
    # Every negative nine times over: the same sensitivity and specificity at another prevalence.
    copies = np.where(sample.truth == 1, 1, 9)
    many = Sample(
        np.repeat(sample.truth, copies), np.repeat(sample.probability, copies), np.repeat(sample.patient, copies), 60
    )
    direct = decision_curve("dr", many, drawn(many, 0))
    reweighed = decision_curve("dr", sample, drawn(sample, 0), prevalence=direct.prevalence)
    np.testing.assert_allclose(reweighed.model, direct.model, atol=1e-12)
    np.testing.assert_allclose(reweighed.treat_all, direct.treat_all, atol=1e-12)


def test_bands_are_those_of_resampled_copies_of_patients(study):
    sample = samples_of(validated_predictions(study(40, seed=2), "table"))["dr"]
    resampling = drawn(sample, 60)
    curve = decision_curve("dr", sample, resampling)
    model, advantage = [], []
    for weights in np.concatenate(list(resampling.weights())):
        photos = np.repeat(np.arange(len(sample.truth)), weights[sample.patient])
        truth, probability = sample.truth[photos], sample.probability[photos]
        values = np.array([net_benefit(truth, probability, threshold) for threshold in THRESHOLDS[::14]])
        everybody = [net_benefit(truth, np.ones(len(truth)), threshold) for threshold in THRESHOLDS[::14]]
        model.append(values)
        advantage.append(values - np.maximum(everybody, 0))
    for found, expected in (
        ((curve.low, curve.high), model),
        ((curve.advantage_low, curve.advantage_high), advantage),
    ):
        low, high = np.quantile(expected, [0.025, 0.975], axis=0)
        np.testing.assert_allclose(found[0][::14], low, atol=1e-9)
        np.testing.assert_allclose(found[1][::14], high, atol=1e-9)


def test_there_is_no_band_around_a_single_patient_or_without_resamples(predictions):
    single = samples_of(predictions([0, 0, 1], [0.1, 0.6, 0.5]))["dr"]
    assert len(decision_curve("dr", single, drawn(single, 50)).low) == 0
    found = decision_curves(cohort_of(predictions([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9]), resamples=0))
    assert len(found.outputs[0].low) == 0
    section = decision_curve_section(found)
    assert all(row.estimate.low is None for row in section.results)
    assert as_svg(section.figures[0].figure)


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 5])
def test_a_prevalence_that_is_no_share_is_refused(predictions, prevalence):
    with pytest.raises(UserError, match=r"no share between 0 and 1; give 0\.05"):
        decision_curves(cohort_of(predictions([0, 1], [0.1, 0.9])), prevalence)


def test_only_test_photos_count_and_an_output_without_negatives_says_so(predictions):
    made = predictions(
        [0, 1] * 20,
        [0.2, 0.8] * 20,
        split=["validation"] * 20 + ["test"] * 20,
        truth_amd=[1.0] * 40,
        probability_amd=0.2,
    )
    found = decision_curves(cohort_of(made, resamples=20))
    assert (found.scope, found.outputs[0].photos) == ("test", 20)
    assert found.not_estimable == {"amd": "no negatives in test"}
    assert "amd: not estimable: no negatives in test." in decision_curve_section(found).paragraphs


def test_the_section_names_the_thresholds_at_which_the_model_is_worth_using(study):
    made = validated_predictions(study(300, seed=3), "table")
    section = decision_curve_section(decision_curves(cohort_of(made, resamples=100)))
    assert section.key == "decision_curve"
    assert "thresholds at which the model beats acting on all and on none: 0." in section.paragraphs[1]
    table = section.tables[0].table
    assert table["Threshold"].tolist() == ["0.02", "0.05", "0.10", "0.20", "0.30", "0.50"]
    half = (
        results_table(section.results)
        .query("metric == 'net_benefit' and subset.str.startswith('threshold 0.5')")
        .iloc[0]
    )
    known = made.known("dr")
    assert half["value"] == pytest.approx(net_benefit(known[0], known[1], 0.5))
    assert half["low"] < half["value"] < half["high"]
    assert table["Model"].iloc[-1].startswith(f"{1000 * half['value']:.1f} (".replace("-", "−"))
    given_prevalence = decision_curve_section(decision_curves(cohort_of(made, resamples=20), 0.05))
    assert "at a prevalence of 0.05" in given_prevalence.paragraphs[0]
    assert as_svg(section.figures[0].figure).startswith("<svg")


def test_a_model_that_tells_nothing_is_worth_nothing(predictions):
    section = decision_curve_section(decision_curves(cohort_of(predictions([0, 1] * 10, [0.5] * 20), resamples=0)))
    assert section.paragraphs[1] == "dr: at no threshold does the model beat acting on all and on none."


def test_ranges_of_thresholds_in_words():
    assert ranges(THRESHOLDS, np.zeros(99, bool)) == ""
    assert ranges(THRESHOLDS, np.ones(99, bool)) == "0.01 to 0.99"
