"""Planted shortcuts are found, planted knowledge is found, and nothing is found where nothing was planted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.measures import compute
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.attribute_probe import patient_folds
from eyeground.evaluation.subgroups.level_alone import level_alone_estimate, level_alone_measure
from eyeground.evaluation.subgroups.shortcuts import shortcuts
from eyeground.evaluation.subgroups.shortcuts_section import shortcuts_section
from eyeground.evaluation.subgroups.stratified_auroc import stratified_auroc_measure


def sample_of(truth, score, patient=None):
    patient = np.arange(len(truth)) if patient is None else patient
    return Sample(np.asarray(truth, float), np.asarray(score, float), patient, int(patient.max()) + 1)


def with_device(patients, seed, signal, shortcut, ill=(0.2, 0.7)):
    """Two eyes a patient, photographed by one of two devices with its own share of ill; a score made of both."""
    generator = np.random.default_rng(seed)
    device = generator.integers(0, 2, patients)
    truth = np.repeat(generator.random(patients) < np.array(ill)[device], 2)
    score = signal * truth + shortcut * np.repeat(device, 2) + generator.normal(size=2 * patients)
    return pd.DataFrame(
        {
            "photo": [f"{number:04}.jpg" for number in range(2 * patients)],
            "patient": np.repeat([f"p{number:04}" for number in range(patients)], 2),
            "device": np.repeat(np.array(["Canon", "Topcon"])[device], 2),
            "truth_dr": truth.astype(float),
            "probability_dr": 1 / (1 + np.exp(-score)),
        }
    )


def embedded(table, columns, seed=0, noise=8):
    """Embeddings that hold the given columns of numbers, and as many of noise as said."""
    values = np.column_stack([*columns, np.random.default_rng(seed).normal(size=(len(table), noise))])
    made = pd.DataFrame(values, columns=[f"e{number}" for number in range(values.shape[1])])
    return made.assign(photo=table["photo"])


photos = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=25
)


@given(photos)
def test_the_stratified_auroc_counts_pairs_of_one_stratum(drawn):
    truth, score, stratum, weight = (np.array(column) for column in zip(*drawn, strict=True))
    measure = stratified_auroc_measure(sample_of(truth, score), stratum, "within")
    right = pairs = 0.0
    for one in range(len(truth)):
        for other in range(len(truth)):
            if truth[one] and not truth[other] and stratum[one] == stratum[other]:
                both = weight[one] * weight[other]
                pairs += both
                right += both * (1.0 if score[one] > score[other] else 0.5 if score[one] == score[other] else 0.0)
    value = measure.of(weight[np.newaxis])[0, 0]
    if pairs:
        assert value == pytest.approx(right / pairs, abs=1e-12)
    else:
        assert np.isnan(value)


def test_a_pure_shortcut_is_chance_within_a_device_and_the_verdict_says_so():
    result = shortcuts(
        cohort_of(validated_predictions(with_device(300, 1, signal=0, shortcut=3), "table"), resamples=500)
    )
    pair = result.within[0]
    assert pair.overall.value > 0.65
    assert pair.within.low < 0.5 < pair.within.high
    assert pair.difference.high < 0
    assert pair.overall.value == pytest.approx(pair.level_alone.value, abs=0.05)
    assert any("not shown to be better than chance" in text for text in shortcuts_section(result).paragraphs)


def test_a_score_that_sees_the_disease_keeps_its_auroc_within_a_device():
    table = with_device(300, 2, signal=3, shortcut=0, ill=(0.4, 0.4))
    result = shortcuts(cohort_of(validated_predictions(table, "table"), resamples=500))
    pair = result.within[0]
    assert pair.within.value == pytest.approx(pair.overall.value, abs=0.01)
    assert pair.difference.low < 0 < pair.difference.high
    assert pair.level_alone.low <= 0.51
    assert any("no sign that the latter rests on the device" in text for text in shortcuts_section(result).paragraphs)


def test_part_of_a_shortcut_is_named_as_a_part():
    table = with_device(400, 3, signal=1, shortcut=2)
    section = shortcuts_section(shortcuts(cohort_of(validated_predictions(table, "table"), resamples=500)))
    assert any(
        "part of the latter comes from differences between levels of device" in text for text in section.paragraphs
    )


def test_what_the_level_alone_reaches_is_the_auroc_of_its_share_of_positives():
    table = with_device(200, 4, signal=1, shortcut=0)
    level = (table["device"] == "Topcon").to_numpy().astype(int)
    share = table.groupby("device")["truth_dr"].transform("mean")
    sample = sample_of(table["truth_dr"], share, np.repeat(np.arange(200), 2))
    computed = compute({0: level_alone_measure(sample, level)}, Resampling(one_stratum(200), 400, 0))[0]
    apparent = roc_auc_score(table["truth_dr"], share)
    assert [value.point for value in computed] == pytest.approx([apparent, apparent])
    estimate = level_alone_estimate(*computed)
    assert estimate.value == pytest.approx(apparent, abs=0.01)
    assert estimate.low < apparent < estimate.high


def test_most_of_the_flattery_of_meaningless_levels_is_taken_off():
    apparent, corrected = [], []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        sample = sample_of(generator.random(150) < 0.2, np.zeros(150))
        measure = level_alone_measure(sample, generator.integers(0, 5, 150))
        computed = compute({0: measure}, Resampling(one_stratum(150), 100, seed))[0]
        apparent.append(computed[0].point)
        corrected.append(level_alone_estimate(*computed).value)
    assert np.mean(apparent) > 0.59
    assert np.mean(corrected) < 0.56


def test_embeddings_that_hold_the_device_are_told_and_noise_is_not():
    table = with_device(120, 5, signal=1, shortcut=0)
    device = (table["device"] == "Topcon").to_numpy() + np.random.default_rng(0).normal(0, 0.5, len(table))
    predictions = validated_predictions(table, "table")
    knows = shortcuts(cohort_of(predictions, resamples=200), embedded(table, [device]))
    assert knows.probes[0].auroc.low > 0.8
    assert knows.probes[0].levels == ("Canon", "Topcon")
    ignorant = shortcuts(cohort_of(predictions, resamples=200), embedded(table, []))
    assert ignorant.probes[0].auroc.low < 0.5 < ignorant.probes[0].auroc.high
    told = " ".join(shortcuts_section(knows).paragraphs)
    assert "The embeddings separate the device" in told
    assert "No sign that the embeddings contain the device" in " ".join(shortcuts_section(ignorant).paragraphs)


def test_an_embedding_that_knows_the_patient_alone_is_not_taken_for_one_that_knows_the_device():
    table = with_device(120, 6, signal=1, shortcut=0)
    face = np.repeat(np.random.default_rng(1).normal(size=(120, 64)), 2, axis=0)
    result = shortcuts(
        cohort_of(validated_predictions(table, "table"), resamples=200), embedded(table, [face], noise=1)
    )
    assert abs(result.probes[0].auroc.value - 0.5) < 0.1


def test_no_patient_is_in_two_folds():
    patient = np.repeat(np.arange(50), 2)
    fold = patient_folds(np.random.default_rng(0).integers(0, 2, 100), patient, seed=0)
    assert set(fold) == {0, 1, 2, 3, 4}
    assert pd.Series(fold).groupby(patient).nunique().max() == 1


def test_rare_and_unknown_levels_are_left_out_of_the_probe_and_counted():
    table = with_device(100, 7, signal=1, shortcut=0)
    table.loc[:9, "device"] = "Kowa"
    table.loc[10:15, "device"] = None
    probe = shortcuts(cohort_of(validated_predictions(table, "table"), resamples=20), embedded(table, [])).probes[0]
    assert probe.levels == ("Canon", "Topcon")
    assert (probe.photos, probe.left_out) == (184, 16)


def test_too_few_patients_and_missing_classes_are_said_in_words():
    table = with_device(30, 8, signal=1, shortcut=0, ill=(0.0, 1.0))
    result = shortcuts(cohort_of(validated_predictions(table, "table"), resamples=20), embedded(table, []))
    assert "fewer than two levels with at least 20 patients" in result.probes[0].auroc.note
    assert "no stratum with both positives and negatives" in result.within[0].within.note
    assert result.within[0].difference.value is None
    section = shortcuts_section(result)
    assert "not estimable" in section.tables[1].table.to_string()


def test_columns_with_one_level_are_told():
    table = with_device(30, 9, signal=1, shortcut=0).assign(device="Canon", sex=["female", "male"] * 30)
    result = shortcuts(cohort_of(validated_predictions(table, "table"), resamples=0))
    assert [pair.column for pair in result.within] == ["sex"]
    assert "Device: fewer than two known levels" in " ".join(result.remarks)
    assert result.within[0].overall.note == "no interval: no resamples were asked for"
    assert shortcuts_section(result).figures


def test_nothing_to_look_at_is_no_error():
    table = with_device(30, 9, signal=1, shortcut=0).drop(columns="device")
    section = shortcuts_section(shortcuts(cohort_of(validated_predictions(table, "table"), resamples=10)))
    assert "could not be looked for" in section.paragraphs[0]


def test_embeddings_of_other_photos_are_refused():
    table = with_device(30, 9, signal=1, shortcut=0)
    with pytest.raises(UserError, match="no photo of the predictions has an embedding"):
        shortcuts(
            cohort_of(validated_predictions(table, "table")),
            embedded(table, []).assign(photo="other/" + table["photo"]),
        )


def test_the_order_of_rows_and_of_embeddings_changes_nothing():
    table = with_device(60, 10, signal=1, shortcut=1)
    vectors = embedded(table, [])
    results = [
        shortcuts(cohort_of(validated_predictions(rows, "table"), resamples=30), of_rows)
        for rows, of_rows in ((table, vectors), (table[::-1], vectors.sample(frac=1, random_state=0)))
    ]
    assert results[0] == results[1]
