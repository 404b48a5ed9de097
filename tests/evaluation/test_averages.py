"""Averages over outputs: micro pools pairs of photo and output, with what is unknown left out."""

import numpy as np
import pytest
from sklearn import metrics

from eyeground.data.predictions import Predictions
from eyeground.evaluation import evaluate


@pytest.fixture
def several(study) -> Predictions:
    table = study(60, seed=1)
    other = study(60, seed=2)
    hidden = table.index % 4 == 0
    return Predictions(
        table.assign(truth_amd=other["truth_dr"].mask(hidden), probability_amd=other["probability_dr"] / 2)
    )


def test_micro_pools_all_pairs_whose_truth_is_known(several):
    evaluation = evaluate(several, resamples=200)
    table = several.table
    known = table["truth_amd"].notna()
    truth = np.concatenate([table["truth_dr"], table.loc[known, "truth_amd"]])
    probability = np.concatenate([table["probability_dr"], table.loc[known, "probability_amd"]])
    auroc, auprc = evaluation.micro
    assert auroc.value == pytest.approx(metrics.roc_auc_score(truth, probability))
    assert auprc.value == pytest.approx(metrics.average_precision_score(truth, probability))
    assert auroc.note == "210 pairs of photo and output, 30 unknown ones left out"
    assert auroc.low < auroc.value < auroc.high
    # Outputs on different scales: pooling costs, averaging does not.
    assert auroc.value < evaluation.macro[0].value


def test_interval_of_micro_is_of_patients_not_of_pairs(several):
    table = several.table
    twice = Predictions(table.assign(truth_amd=table["truth_dr"], probability_amd=table["probability_dr"]))
    evaluation = evaluate(twice, resamples=300)
    single, micro = evaluation.outputs[0].estimate("auroc"), evaluation.micro[0]
    # The same output twice tells nothing new.
    assert (micro.value, micro.low, micro.high) == pytest.approx((single.value, single.low, single.high))


def test_micro_and_macro_say_what_is_missing(several):
    table = several.table.assign(truth_dr=0.0, truth_amd=0.0)
    evaluation = evaluate(Predictions(table), resamples=20)
    assert evaluation.micro[0].note == "not estimable: no positives in all photos"
    assert "no output has both" in evaluation.macro[0].note


def test_one_output_has_no_averages(study):
    evaluation = evaluate(Predictions(study(20, seed=3)), resamples=0)
    assert evaluation.macro == evaluation.micro == ()


def test_the_macro_of_one_estimable_output_has_that_outputs_interval(study):
    table = study(60, seed=1)
    evaluation = evaluate(Predictions(table.assign(truth_amd=0.0, probability_amd=0.1)), resamples=200)
    for macro, own in zip(evaluation.macro, evaluation.outputs[0].estimates, strict=False):
        assert macro.metric == f"macro_{own.metric}"
        assert (macro.value, macro.low, macro.high) == (own.value, own.low, own.high)
