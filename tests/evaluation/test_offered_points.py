import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation.offered_points import first_points


def simulated(seed: int, photos: int = 400) -> Predictions:
    generator = np.random.default_rng(seed)
    truth = generator.random(photos) < 0.3
    probability = 1 / (1 + np.exp(-generator.normal(loc=np.where(truth, 1.0, -1.0))))
    names = [f"{seed}-{index}" for index in range(photos)]
    table = {"photo": names, "patient": names, "truth_dr": truth.astype(float), "probability_dr": probability}
    return validated_predictions(pd.DataFrame(table), "simulated")


def test_each_output_has_one_threshold_whose_shares_are_those_of_the_test_photos() -> None:
    chosen_on, test = simulated(0), simulated(1)
    [point] = first_points(chosen_on, ["dr"], test)
    truth, called = test.table["truth_dr"], test.table["probability_dr"] >= point.threshold
    assert (point.output, point.rule) == ("dr", "youden")
    assert point.sensitivity == pytest.approx(called[truth == 1].mean())
    assert point.specificity == pytest.approx(1 - called[truth == 0].mean())


def test_without_known_truths_nothing_is_claimed() -> None:
    chosen_on = simulated(0)
    unknown = Predictions(chosen_on.table.assign(truth_dr=np.nan))
    [point] = first_points(chosen_on, ["dr"], unknown)
    assert point.sensitivity is None and point.specificity is None
