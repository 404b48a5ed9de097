"""Bins and smooth curve against direct computation; intervals over patients; the section."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import calibration_curve

from eyeground.data.predictions import validated_predictions
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.calibrating.reliability import (
    NEAREST_SHARE,
    Reliabilities,
    reliabilities,
    reliability,
    smooth_curve,
)
from eyeground.evaluation.calibrating.reliability_section import reliability_section
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.reporting.figure_style import as_svg
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.samples import Sample


def sample_of(photos: int, seed: int, distort=lambda score: score, eyes: int = 1) -> Sample:
    generator = np.random.default_rng(seed)
    score = np.repeat(generator.normal(-0.5, 1.5, photos // eyes), eyes)
    truth = np.repeat(generator.random(photos // eyes) < expit(score[::eyes]), eyes).astype(float)
    patient = np.repeat(np.arange(photos // eyes), eyes)
    return Sample(truth, expit(distort(score)), patient, photos // eyes)


def drawn(sample: Sample, resamples: int = 300) -> Resampling:
    return Resampling(one_stratum(sample.columns), resamples, 0)


def test_bins_are_those_of_scikit_learn():
    sample = sample_of(1000, seed=1, distort=lambda score: 2 * score)
    found = reliability("dr", sample, drawn(sample, 0)).bins
    observed, predicted = calibration_curve(sample.truth, sample.probability, n_bins=10, strategy="quantile")
    assert [one.photos for one in found] == [100] * 10
    np.testing.assert_allclose([one.predicted for one in found], predicted)
    np.testing.assert_allclose([one.observed.value for one in found], observed)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2, max_size=150))
def test_every_photo_is_in_one_bin_and_equal_scores_are_together(rows):
    truth, score = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if len(set(truth)) < 2:
        truth[0] = 1 - truth[0]
    sample = Sample(truth, score / 10, np.arange(len(truth)), len(truth))
    found = reliability("dr", sample, drawn(sample, 0))
    assert sum(one.photos for one in found.bins) == len(truth)
    assert sum(one.positives for one in found.bins) == truth.sum()
    assert found.positives_by_score.sum() == truth.sum()
    assert found.negatives_by_score.sum() == (truth == 0).sum()
    for lower, upper in zip(found.bins, found.bins[1:], strict=False):
        assert lower.highest < upper.lowest


def test_intervals_cover_the_true_share_and_are_wider_for_two_eyes_that_agree():
    covered, widths = [], {1: [], 2: []}
    for seed in range(20):
        for eyes in (1, 2):
            sample = sample_of(400, seed, eyes=eyes)
            for one in reliability("dr", sample, drawn(sample, 200)).bins[3:8]:
                widths[eyes].append(one.observed.high - one.observed.low)
                if eyes == 2:
                    covered.append(one.observed.low <= one.predicted <= one.observed.high)
    assert np.mean(covered) > 0.9
    assert np.mean(widths[2]) > 1.25 * np.mean(widths[1])


def test_a_bin_in_which_all_photos_agree_gets_a_wilson_interval():
    truth = np.repeat([0.0, 1.0], [60, 20])
    sample = Sample(truth, np.linspace(0, 1, 80), np.arange(80), 80)
    lowest = reliability("dr", sample, drawn(sample)).bins[0]
    assert (lowest.observed.value, lowest.observed.low) == (0, 0)
    assert lowest.observed.high == pytest.approx(1.96**2 / (20 + 1.96**2), abs=1e-3)


def test_the_curve_is_a_weighted_straight_line_at_every_point():
    sample = sample_of(300, seed=2)
    curve = smooth_curve(sample, drawn(sample, 0))
    nearest = int(np.ceil(NEAREST_SHARE * 300))
    for index in (0, 10, 25, 50):
        distance = np.abs(sample.probability - curve.predicted[index])
        kernel = np.clip(1 - (distance / np.sort(distance)[nearest - 1]) ** 3, 0, 1) ** 3
        line = np.polyfit(sample.probability, sample.truth, 1, w=np.sqrt(kernel))
        expected = np.clip(np.polyval(line, curve.predicted[index]), 0, 1)
        assert curve.observed[index] == pytest.approx(expected, abs=1e-8)


def test_the_band_is_that_of_curves_through_resampled_photos():
    sample = sample_of(200, seed=3, eyes=2)
    resampling = drawn(sample, 60)
    curve = smooth_curve(sample, resampling)
    copies = []
    for weights in np.concatenate(list(resampling.weights())):
        rows = np.repeat(np.arange(200), weights[sample.patient])
        again = []
        for place in curve.predicted[[5, 25, 45]]:
            # The reach of the kernel is that of the photos as they are.
            reach = np.sort(np.abs(sample.probability - place))[99]
            kernel = np.clip(1 - (np.abs(sample.probability[rows] - place) / reach) ** 3, 0, 1) ** 3
            line = np.polyfit(sample.probability[rows], sample.truth[rows], 1, w=np.sqrt(kernel))
            again.append(np.clip(np.polyval(line, place), 0, 1))
        copies.append(again)
    low, high = np.quantile(copies, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(curve.low[[5, 25, 45]], low, atol=1e-8)
    np.testing.assert_allclose(curve.high[[5, 25, 45]], high, atol=1e-8)


def test_the_curve_follows_the_diagonal_where_calibration_is_perfect_and_leaves_it_where_not():
    sample = sample_of(20_000, seed=4)
    right = smooth_curve(sample, drawn(sample, 0))
    assert np.abs(right.observed - right.predicted).max() < 0.04
    wrong = sample_of(20_000, seed=4, distort=lambda score: score + 1.5)
    curve = smooth_curve(wrong, drawn(wrong, 0))
    assert (curve.observed < curve.predicted).mean() > 0.95


@pytest.mark.parametrize("probability", [np.full(100, 0.3), np.linspace(0, 1, 30)])
def test_there_is_no_curve_of_few_photos_or_one_score(probability):
    truth = np.arange(len(probability)) % 2.0
    sample = Sample(truth, probability, np.arange(len(truth)), len(truth))
    assert len(smooth_curve(sample, drawn(sample)).predicted) == 0
    assert as_svg(reliability_section(reliabilities_of(sample)).figures[0].figure)


def table_of(sample: Sample) -> pd.DataFrame:
    table = pd.DataFrame({"truth_dr": sample.truth, "probability_dr": sample.probability})
    table["photo"] = [f"{index:05}.jpg" for index in range(len(table))]
    table["patient"] = sample.patient.astype(str)
    return table


def reliabilities_of(sample: Sample) -> Reliabilities:
    return reliabilities(cohort_of(validated_predictions(table_of(sample), "table"), resamples=100))


def test_only_test_photos_count_and_an_output_without_positives_says_so(predictions):
    made = predictions(
        [0, 1] * 40 + [0, 1] * 30,
        np.tile(np.linspace(0.05, 0.95, 10), 14),
        split=["validation"] * 80 + ["test"] * 60,
        truth_amd=[0.0] * 140,
        probability_amd=0.2,
    )
    found = reliabilities(cohort_of(made, resamples=50))
    assert (found.scope, [one.output for one in found.outputs], found.outputs[0].photos) == ("test", ["dr"], 60)
    assert found.not_estimable == {"amd": "no positives in test"}
    section = reliability_section(found)
    assert "amd: not estimable: no positives in test." in section.paragraphs


def test_the_section_tells_how_many_bins_hold_and_shows_the_estimates_given():
    wrong = reliabilities_of(sample_of(2000, seed=5, distort=lambda score: score + 1.5))
    slope = Estimate("calibration_slope", 0.5, 0.4, 0.6)
    section = reliability_section(wrong, {"dr": [slope]}, ["Platt scaling."])
    assert section.key == "calibration"
    assert "Platt scaling." in section.paragraphs
    off = int(section.paragraphs[-1].split(" of 10 bins")[0].split()[-1])
    assert off >= 8
    assert section.tables[0].table["Calibration slope"].tolist() == ["0.500 (0.400–0.600)"]
    assert len(section.results) == 20
    shares = results_table(section.results).query("metric == 'observed_share'")
    assert (shares["low"] <= shares["value"]).all() and (shares["value"] <= shares["high"]).all()
    assert section.figures[0].alt.startswith("Reliability diagrams of dr.")
    assert as_svg(section.figures[0].figure).startswith("<svg")
    right = reliability_section(reliabilities_of(sample_of(2000, seed=5)))
    assert int(right.paragraphs[-1].split(" of 10 bins")[0].split()[-1]) <= 2


def test_the_order_of_the_rows_changes_nothing():
    sample = sample_of(200, seed=6)
    made = reliabilities_of(sample).outputs[0]
    shuffled = validated_predictions(table_of(sample).sample(frac=1, random_state=1), "table")
    again = reliabilities(cohort_of(shuffled, resamples=100)).outputs[0]
    assert again.bins == made.bins
    np.testing.assert_array_equal(again.curve.low, made.curve.low)
