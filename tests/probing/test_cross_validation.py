"""No photograph is predicted by a probe that has seen its patient."""

import numpy as np
import pytest

from eyeground.config.targets import Target
from eyeground.config.training_recipe import ProbeRecipe
from eyeground.errors import UserError
from eyeground.probing.cross_validation import out_of_fold
from eyeground.probing.regression import fit_probe, probabilities

PATIENTS = 40
TARGETS = (Target(name="dr"), Target(name="kind", kind="multiclass", classes=("a", "b")))
RECIPE = ProbeRecipe(targets=TARGETS, folds=4)


def study() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings (n, 8) that tell the truth (n, 3) a little, patients (n,) of two photos, and their folds (n,)."""
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(PATIENTS), 2)
    ill = (random.random(PATIENTS) < 0.5)[patients].astype(float)
    embedded = random.normal(size=(2 * PATIENTS, 8)).astype(np.float32)
    embedded[:, 0] += ill
    return embedded, np.column_stack([ill, 1 - ill, ill]), patients.astype(object), patients % 4


def test_a_fold_is_predicted_by_a_probe_of_the_others_alone() -> None:
    embedded, truth, patients, folds = study()
    predicted = out_of_fold(embedded, truth, patients, folds, RECIPE)
    others = folds != 2
    head = fit_probe(embedded[others], truth[others], patients[others], RECIPE)
    np.testing.assert_allclose(predicted[~others], probabilities(head.logits(embedded[~others]), TARGETS))


def test_the_truth_of_a_fold_changes_nothing_in_its_own_predictions() -> None:
    embedded, truth, patients, folds = study()
    before = out_of_fold(embedded, truth, patients, folds, RECIPE)
    turned = np.where((folds == 1)[:, None], 1 - truth, truth)
    after = out_of_fold(embedded, turned, patients, folds, RECIPE)
    np.testing.assert_array_equal(before[folds == 1], after[folds == 1])
    assert np.abs(before[folds != 1] - after[folds != 1]).max() > 0.01


def test_photos_of_unknown_truth_are_predicted_too() -> None:
    embedded, truth, patients, folds = study()
    truth[:6] = np.nan
    assert np.isfinite(out_of_fold(embedded, truth, patients, folds, RECIPE)).all()


def test_positives_in_one_fold_alone_are_refused_by_name() -> None:
    embedded, truth, patients, folds = study()
    truth[:, 0] = (patients == 3) | (patients == 7)  # both in fold 3
    with pytest.raises(UserError, match="'dr' has positives of 2 patients only, and none outside one fold"):
        out_of_fold(embedded, truth, patients, folds, RECIPE)


def test_steps_of_a_grade_are_in_order_out_of_fold() -> None:
    embedded, truth, patients, folds = study()
    grade = Target(name="grade", kind="ordinal", classes=("0", "1", "2"))
    random = np.random.default_rng(1)
    second = truth[:, 0] * (random.random(len(truth)) < 0.8)  # so alike that probes of each alone would cross
    predicted = out_of_fold(
        embedded, np.column_stack([truth[:, 0], second]), patients, folds, ProbeRecipe(targets=(grade,), folds=4)
    )
    assert (predicted[:, 1] <= predicted[:, 0]).all() and (predicted[:, 1] == predicted[:, 0]).any()
