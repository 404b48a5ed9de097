"""AUROC and AUPRC under weights agree with scikit-learn on the rows they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from eyeground.evaluation.ranking import rank

# Few distinct scores, so that most examples have ties within and across the classes.
rows = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=40).filter(
    lambda drawn: len({truth for truth, _, weight in drawn if weight}) == 2
)


def arrays(drawn: list[tuple[bool, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, score, weight = (np.array(column) for column in zip(*drawn, strict=True))
    return truth.astype(float), score / 6, weight


@given(rows)
def test_integer_weights_are_repeated_rows(drawn):
    truth, score, weight = arrays(drawn)
    ranking = rank(truth, score, np.arange(len(truth)))
    repeated = np.repeat(truth, weight), np.repeat(score, weight)
    assert ranking.auroc(weight[np.newaxis])[0] == pytest.approx(roc_auc_score(*repeated), abs=1e-12)
    assert ranking.auprc(weight[np.newaxis])[0] == pytest.approx(average_precision_score(*repeated), abs=1e-12)


@given(rows, st.integers(1, 4))
def test_weights_of_patients_weigh_all_their_photos(drawn, patients):
    truth, score, _ = arrays(drawn)
    patient = np.arange(len(truth)) % patients
    weights = np.arange(1, patients + 1)[np.newaxis]
    repeated = np.repeat(truth, weights[0][patient]), np.repeat(score, weights[0][patient])
    ranking = rank(truth, score, patient)
    assert ranking.auroc(weights)[0] == pytest.approx(roc_auc_score(*repeated), abs=1e-12)
    assert ranking.auprc(weights)[0] == pytest.approx(average_precision_score(*repeated), abs=1e-12)


@given(rows)
def test_auroc_does_not_change_when_scores_are_transformed_monotonically(drawn):
    truth, score, weight = arrays(drawn)
    columns = np.arange(len(truth))
    before = rank(truth, score, columns)
    after = rank(truth, np.exp(3 * score) - 7, columns)
    assert before.auroc(weight[np.newaxis])[0] == after.auroc(weight[np.newaxis])[0]
    assert before.auprc(weight[np.newaxis])[0] == after.auprc(weight[np.newaxis])[0]


@given(rows)
def test_auroc_of_flipped_truths_is_one_minus_auroc(drawn):
    truth, score, weight = arrays(drawn)
    columns = np.arange(len(truth))
    straight = rank(truth, score, columns).auroc(weight[np.newaxis])[0]
    flipped = rank(1 - truth, score, columns).auroc(weight[np.newaxis])[0]
    assert flipped == pytest.approx(1 - straight, abs=1e-12)


@given(rows, st.randoms())
def test_order_of_rows_changes_nothing(drawn, random):
    truth, score, weight = arrays(drawn)
    order = list(range(len(truth)))
    random.shuffle(order)
    straight = rank(truth, score, np.arange(len(truth)))
    shuffled = rank(truth[order], score[order], np.array(order))
    assert straight.auroc(weight[np.newaxis])[0] == shuffled.auroc(weight[np.newaxis])[0]
    assert straight.auprc(weight[np.newaxis])[0] == shuffled.auprc(weight[np.newaxis])[0]


def test_a_resample_that_lacks_a_class_has_no_area_and_the_others_keep_theirs():
    ranking = rank(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.5, 0.9]), np.arange(4))
    weights = np.array([[1, 1, 1, 1], [2, 0, 2, 0], [0, 3, 0, 1], [0, 0, 0, 0]])
    for area, whole in ((ranking.auroc(weights), 0.75), (ranking.auprc(weights), 5 / 6)):
        assert area[0] == pytest.approx(whole)
        assert np.isnan(area[1:]).all()
