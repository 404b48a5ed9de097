"""The ROC curve and its band."""

import numpy as np
import pytest
from sklearn.metrics import auc

from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.curves import roc_with_band
from eyeground.evaluation.evaluate import evaluate
from eyeground.evaluation.samples import samples_of
from eyeground.predictions import validated_predictions


def test_area_under_the_curve_is_the_auroc_and_the_band_holds_the_curve(study):
    predictions = validated_predictions(study(60, seed=1), "table")
    sample = samples_of(predictions)["dr"]
    curve = roc_with_band(sample, Resampling(one_stratum(60), 300, 0))
    auroc = evaluate(predictions, resamples=0).outputs[0].estimate("auroc").value
    assert auc(curve.false_positive_rate, curve.true_positive_rate) == pytest.approx(auroc)
    assert (np.diff(curve.low) >= -1e-12).all() and (np.diff(curve.high) >= -1e-12).all()
    inner = (curve.grid > 0.05) & (curve.grid < 0.95)
    sensitivity = np.interp(curve.grid, curve.false_positive_rate, curve.true_positive_rate)
    inside = (curve.low <= sensitivity + 1e-9) & (sensitivity <= curve.high + 1e-9)
    assert inside[inner].mean() > 0.95


def test_there_is_no_band_around_a_single_patient(predictions):
    sample = samples_of(predictions([0, 0, 1], [0.1, 0.6, 0.5]))["dr"]
    curve = roc_with_band(sample, Resampling(one_stratum(3), 100, 0))
    assert len(curve.grid) == 0
    assert curve.true_positive_rate[-1] == 1
