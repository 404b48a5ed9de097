"""Metrics of confusion matrices of classes against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from eyeground.evaluation import agreement

CLASSES = 4
pairs = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40)


def matrix(truth: np.ndarray, called: np.ndarray) -> np.ndarray:
    return metrics.confusion_matrix(truth, called, labels=range(CLASSES))[np.newaxis]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@given(pairs)
def test_agreement_is_that_of_scikit_learn(drawn):
    truth, called = np.array(drawn).T
    counts = matrix(truth, called)
    present, occurring = np.unique(truth), np.unique([truth, called])
    assert agreement.accuracy(counts)[0] == pytest.approx(metrics.accuracy_score(truth, called))
    assert agreement.balanced_accuracy(counts, present)[0] == pytest.approx(
        metrics.balanced_accuracy_score(truth, called)
    )
    assert agreement.macro_f1(counts, occurring)[0] == pytest.approx(metrics.f1_score(truth, called, average="macro"))
    if len(present) > 1 and len(np.unique(called)) > 1:
        assert agreement.matthews(counts)[0] == pytest.approx(metrics.matthews_corrcoef(truth, called), abs=1e-12)
    else:
        assert np.isnan(agreement.matthews(counts)[0])
    for quadratic, weights in ((False, None), (True, "quadratic")):
        found = agreement.kappa(counts, quadratic)[0]
        if len(occurring) == 1:
            assert np.isnan(found)
        else:
            expected = metrics.cohen_kappa_score(truth, called, weights=weights, labels=range(CLASSES))
            assert found == pytest.approx(expected, abs=1e-12)


def test_kappa_of_a_published_example():
    # Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd ed., table 18.1: kappa = 0.68.
    counts = np.array([[[75, 1, 4], [5, 4, 1], [0, 0, 10]]])
    assert agreement.kappa(counts)[0] == pytest.approx(0.676, abs=5e-4)


def test_matrices_are_taken_one_by_one():
    generator = np.random.default_rng(0)
    counts = generator.integers(1, 9, (5, 3, 3)).astype(float)
    for metric in (agreement.accuracy, agreement.matthews, agreement.kappa):
        assert metric(counts) == pytest.approx([metric(one[np.newaxis])[0] for one in counts])
