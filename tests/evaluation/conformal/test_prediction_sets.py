"""Limits of prediction sets: those of another implementation, patients as units, and the coverage that is stated."""

import numpy as np
import pytest

from eyeground.evaluation.conformal.prediction_sets import class_limits, fewest_patients, prediction_sets

# Sets of crepes 0.9.1 (ConformalClassifier, bins by class, without smoothing), negative then positive, of rising probabilities.
OF_CREPES = {
    0.8: "10 10 10 10 10 10 10 10 11 01 01 01 01 01 01 01 01 01 01",
    0.9: "10 10 10 10 10 10 11 11 11 11 01 01 01 01 01 01 01 01 01",
}


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_one_photo_of_each_patient_gives_the_sets_of_crepes(coverage: float):
    generator = np.random.default_rng(5)
    truth = (generator.random(60) < 0.4).astype(int)
    positive = np.clip(0.3 * truth + 0.35 + 0.2 * generator.normal(size=60), 0.01, 0.99).round(3)
    limits = class_limits(np.stack([1 - positive, positive], axis=1), truth, np.arange(60), coverage)
    asked = np.round(np.linspace(0.05, 0.95, 19), 3)
    sets = prediction_sets(np.stack([1 - asked, asked], axis=1), limits)
    assert " ".join("".join(str(int(cell)) for cell in row) for row in sets) == OF_CREPES[coverage]


def test_copies_of_a_photo_change_no_limit():
    generator = np.random.default_rng(0)
    probability, patient = generator.random((50, 1)), np.arange(50)
    truth = np.zeros(50, dtype=int)
    once = class_limits(probability, truth, patient, 0.9)
    copied = np.repeat(np.arange(50), generator.integers(1, 6, 50))
    assert class_limits(probability[copied], truth[copied], patient[copied], 0.9) == pytest.approx(once)


def test_a_class_of_too_few_patients_stands_in_every_set_however_many_their_photos():
    assert fewest_patients(0.9) == 9
    truth, probability = np.zeros(90, dtype=int), np.random.default_rng(1).random((90, 2))
    few, enough = (class_limits(probability, truth, np.arange(90) % patients, 0.9) for patients in (8, 9))
    assert np.isinf(few[0])
    assert np.isfinite(enough[0])
    assert np.isinf(enough[1])  # without any photo
    assert prediction_sets(np.array([[0.0, 0.0]]), few).all()


def test_every_class_has_the_stated_coverage_where_patients_have_several_photos():
    generator, held = np.random.default_rng(2), []
    for _ in range(200):
        photos = generator.integers(1, 5, 80)
        patient = np.repeat(np.arange(80), photos)
        truth = (np.arange(80) % 4 == 0).astype(int)[patient]
        score = 1.5 * truth - 1 + generator.normal(size=80)[patient] + 0.4 * generator.normal(size=len(patient))
        positive = 1 / (1 + np.exp(-score))
        probability, calibrates = np.stack([1 - positive, positive], axis=1), patient < 40
        limits = class_limits(probability[calibrates], truth[calibrates], patient[calibrates], 0.8)
        sets = prediction_sets(probability, limits)[np.arange(len(truth)), truth]
        held.append([sets[~calibrates & (truth == one)].mean() for one in (0, 1)])
    negative, positive = np.mean(held, axis=0)
    assert 0.78 < negative < 0.86
    assert 0.78 < positive < 0.92
