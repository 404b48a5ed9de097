"""Metrics of arrays are those of a table."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import at_threshold, auprc, auroc, brier, evaluate, sensitivity, specificity


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 120).astype(float)
    return pd.DataFrame(
        {
            "photo": [f"{row}.jpg" for row in range(120)],
            "patient": [f"p{row // 2}" for row in range(120)],
            "truth_dr": truth,
            "probability_dr": np.clip(0.35 + 0.3 * truth + rng.normal(0, 0.25, 120), 0, 1),
        }
    )


def test_values_are_scikit_learns(table: pd.DataFrame) -> None:
    truth, probability = table["truth_dr"], table["probability_dr"]
    given = (truth, probability)
    assert auroc(*given, resamples=0).value == pytest.approx(roc_auc_score(*given))
    assert auprc(*given, resamples=0).value == pytest.approx(average_precision_score(*given))
    assert brier(*given, resamples=0).value == pytest.approx(brier_score_loss(*given))
    assert sensitivity(*given, 0.5, resamples=0).value == pytest.approx((probability[truth == 1] >= 0.5).mean())
    assert specificity(*given, 0.5, resamples=0).value == pytest.approx((probability[truth == 0] < 0.5).mean())


def test_intervals_are_those_of_a_table_with_the_same_patients(table: pd.DataFrame) -> None:
    evaluation = evaluate(validated_predictions(table, "table"), resamples=200, seed=5)
    found = auroc(
        table["truth_dr"], table["probability_dr"], patients=table["patient"].to_numpy(), resamples=200, seed=5
    )
    assert found == evaluation.outputs[0].estimate("auroc")


def test_both_eyes_of_a_patient_make_an_interval_wider_than_two_patients_would(table: pd.DataFrame) -> None:
    twice = pd.concat([table, table])
    alone = auroc(twice["truth_dr"], twice["probability_dr"])
    together = auroc(twice["truth_dr"], twice["probability_dr"], patients=[*range(120), *range(120)])
    assert together.high - together.low > 1.2 * (alone.high - alone.low)


def test_unknown_truths_are_left_out() -> None:
    truth, probability = [0, 1, math.nan, 0, 1], [0.2, 0.7, 0.9, 0.8, 0.6]
    assert auroc(truth, probability, resamples=0) == auroc([0, 1, 0, 1], [0.2, 0.7, 0.8, 0.6], resamples=0)


def test_what_cannot_be_measured_is_said() -> None:
    assert auroc([1, 1], [0.2, 0.3]).note == "not estimable: no negatives in these photos"
    with pytest.raises(UserError, match="other values than 0, 1"):
        auroc([0, 2], [0.1, 0.2])
    with pytest.raises(UserError, match="no known value"):
        auroc([], [])
    with pytest.raises(UserError, match=r"shapes \(2,\), \(3,\)"):
        auroc([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(UserError, match="no finite number"):
        auroc([0, 1], [0.1, math.nan])
    with pytest.raises(UserError, match="there is no metric 'recall'"):
        at_threshold("recall", [0, 1], [0.1, 0.2], 0.5)
    with pytest.raises(ValueError, match="must not be negative"):
        auroc([0, 1], [0.1, 0.2], resamples=-1)
