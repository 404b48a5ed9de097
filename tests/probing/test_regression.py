"""The probe folded into a linear head decides exactly as scikit-learn's regression does."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyeground.config.targets import Target
from eyeground.config.training_recipe import ProbeRecipe
from eyeground.errors import UserError
from eyeground.models import heads
from eyeground.probing.regression import Head, fit_probe, in_order, probabilities

PATIENTS = 60
GRADE = Target(name="grade", kind="ordinal", classes=("0", "1", "2"))
THREE = Target(name="kind", kind="multiclass", classes=("a", "b", "c"))
FOUR = Target(name="stage", kind="ordinal", classes=("1", "2", "3"))
TWO = Target(name="side", kind="multiclass", classes=("l", "r"))


def study(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings (n, 12) at odd scales, a grade that the first of them tells, and patients of two photos."""
    random = np.random.default_rng(seed)
    embedded = random.normal(size=(2 * PATIENTS, 12)) * np.logspace(-2, 2, 12) + 5
    grade = np.digitize(embedded[:, 0] - 5 + random.normal(scale=0.002, size=len(embedded)), [-0.004, 0.004])
    return embedded.astype(np.float32), grade, np.repeat(np.arange(PATIENTS), 2).astype(object)


def one_hot(values: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[values]


def decide(head: Head, embedded: np.ndarray, targets: tuple[Target, ...]) -> np.ndarray:
    return probabilities(head.logits(embedded), targets)


def test_every_kind_of_target_is_learnt_on_the_raw_embedding() -> None:
    embedded, grade, patients = study()
    steps = np.column_stack([grade >= 1, grade >= 2]).astype(float)
    truth = np.hstack([(grade == 2)[:, None], steps, one_hot(grade, 3), one_hot((grade > 0).astype(int), 2)]).astype(
        float
    )
    targets = (Target(name="severe"), GRADE, THREE, TWO)
    head = fit_probe(embedded, truth, patients, ProbeRecipe(targets=targets))
    predicted = decide(head, embedded, targets)
    assert head.weight.shape == (8, 12)
    for output in range(8):
        assert np.mean((predicted[:, output] > 0.5) == truth[:, output]) > 0.75
    np.testing.assert_allclose(predicted[:, 3:6].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(predicted[:, 6:].sum(axis=1), 1, rtol=1e-5)


def test_two_exclusive_classes_are_one_regression() -> None:
    embedded, grade, patients = study()
    positive = (grade > 0).astype(float)
    both = fit_probe(embedded, one_hot((grade > 0).astype(int), 2), patients, ProbeRecipe(targets=(TWO,)))
    alone = fit_probe(embedded, positive[:, None], patients, ProbeRecipe(targets=(Target(name="side"),)))
    np.testing.assert_allclose(
        decide(both, embedded, (TWO,))[:, 1], decide(alone, embedded, (Target(name="side"),))[:, 0], atol=1e-4
    )


def test_unknown_truths_are_left_out() -> None:
    embedded, grade, patients = study()
    truth = (grade >= 1).astype(float)[:, None]
    partial, recipe = truth.copy(), ProbeRecipe(targets=(Target(name="a"),))
    partial[80:] = np.nan
    kept = fit_probe(embedded[:80], truth[:80], patients[:80], recipe)
    np.testing.assert_allclose(fit_probe(embedded, partial, patients, recipe).weight, kept.weight)


@given(st.lists(st.lists(st.integers(-3, 3).map(float), min_size=8, max_size=8), min_size=1, max_size=4))
def test_steps_of_a_grade_are_never_more_probable_than_those_below(rows: list[list[float]]) -> None:
    logits, targets = np.array(rows), (Target(name="severe"), GRADE, THREE, FOUR)
    [ordered, chosen], found = in_order(logits, targets), probabilities(logits, targets)
    np.testing.assert_array_equal(ordered, np.take_along_axis(logits, chosen, axis=1))
    of_torch = heads.in_order(torch.from_numpy(logits), targets)
    np.testing.assert_array_equal(ordered, of_torch[0])
    np.testing.assert_array_equal(chosen, of_torch[1])
    np.testing.assert_allclose(found, heads.probabilities(torch.from_numpy(logits), targets), rtol=1e-12)
    assert (found[:, 2] <= found[:, 1]).all() and (found[:, 7] <= found[:, 6]).all()
    np.testing.assert_array_equal(ordered[:, [0, 1, 3, 4, 5, 6]], logits[:, [0, 1, 3, 4, 5, 6]])


def test_a_step_that_is_no_number_is_not_hidden_by_the_one_below() -> None:
    assert np.isnan(probabilities(np.array([[-1.0, np.nan]]), (GRADE,))).any()


def test_pure_noise_gets_more_regularisation_than_signal() -> None:
    embedded, grade, patients = study()
    noise = np.random.default_rng(5).integers(0, 2, len(grade)).astype(float)
    truth = np.column_stack([(grade >= 1).astype(float), noise])
    head = fit_probe(embedded, truth, patients, ProbeRecipe(targets=(Target(name="signal"), Target(name="noise"))))
    assert head.C["noise"] < head.C["signal"]


def test_an_output_with_one_side_only_is_refused_by_name() -> None:
    embedded, _, patients = study()
    with pytest.raises(UserError, match="'amd' has 0 positive and 120 negative training photos"):
        fit_probe(embedded, np.zeros((len(embedded), 1)), patients, ProbeRecipe(targets=(Target(name="amd"),)))
