import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation.offered_points import offered_points


def simulated(seed: int, photos: int = 400) -> Predictions:
    generator = np.random.default_rng(seed)
    truth = generator.random(photos) < 0.3
    probability = 1 / (1 + np.exp(-generator.normal(loc=np.where(truth, 1.0, -1.0))))
    names = [f"{seed}-{index}" for index in range(photos)]
    table = {"photo": names, "patient": names, "truth_dr": truth.astype(float), "probability_dr": probability}
    return validated_predictions(pd.DataFrame(table), "simulated")


def test_each_reaches_what_it_is_named_for_where_it_was_chosen() -> None:
    chosen_on = simulated(0)
    points = offered_points(chosen_on, ["dr"], chosen_on)
    assert [point.rule for point in points[:2]] == ["youden", "sensitivity=0.8"] and len(points) == 11
    for point in points[1:]:
        kind, _, share = point.rule.partition("=")
        assert getattr(point, kind) >= float(share)


def test_on_other_photos_the_shares_are_those_of_these_photos() -> None:
    test = simulated(1)
    point = next(one for one in offered_points(simulated(0), ["dr"], test) if one.rule == "sensitivity=0.9")
    positive = test.table[test.table["truth_dr"] == 1]
    assert point.sensitivity == pytest.approx((positive["probability_dr"] >= point.threshold).mean())


def test_without_known_truths_nothing_is_claimed() -> None:
    chosen_on = simulated(0)
    unknown = Predictions(chosen_on.table.assign(truth_dr=np.nan))
    point = offered_points(chosen_on, ["dr"], unknown)[0]
    assert point.sensitivity is None and point.specificity is None
