"""Metrics of one photo: known overlaps, scikit-learn, and what is undefined."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from eyeground.errors import UserError
from eyeground.evaluation.structures import measure_segmentation, photo_metrics
from eyeground.evaluation.structures.photos import metrics_of_photos

INSIDE = np.ones((64, 64), dtype=bool)


def band(top: int, bottom: int, left: int = 4, right: int = 60) -> np.ndarray:
    mask = np.zeros((64, 64), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def test_a_perfect_map_has_every_figure_at_one() -> None:
    truth = band(20, 27)
    assert photo_metrics(truth.astype(np.float32), truth, INSIDE, 0.5) == dict.fromkeys(
        ("auroc", "auprc", "dice", "cl_dice", "sensitivity", "specificity", "accuracy", "area"), 1.0
    )


def test_figures_at_a_threshold_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    probability, truth = random.random((64, 64), dtype=np.float32), random.random((64, 64)) < 0.3
    inside = random.random((64, 64)) < 0.8
    values = photo_metrics(probability, truth, inside, 0.37)
    drawn, called = truth[inside], probability[inside] >= 0.37
    assert values["dice"] == pytest.approx(f1_score(drawn, called))
    assert values["sensitivity"] == pytest.approx(recall_score(drawn, called))
    assert values["specificity"] == pytest.approx(recall_score(~drawn, ~called))
    assert values["accuracy"] == pytest.approx(accuracy_score(drawn, called))


def test_cl_dice_sees_a_lost_branch_that_dice_hardly_sees() -> None:
    trunk, twig = band(10, 31), band(45, 46)
    values = photo_metrics(trunk.astype(np.float32), trunk | twig, INSIDE, 0.5)
    assert values["dice"] > 0.97
    # Half of the true centre line is found, all of the called one is true.
    assert values["cl_dice"] == pytest.approx(2 / 3, abs=0.1)


def test_cl_dice_forgives_width() -> None:
    values = photo_metrics(band(20, 31).astype(np.float32), band(22, 29), INSIDE, 0.5)
    assert values["dice"] < 0.8 and values["cl_dice"] == 1.0


def test_nothing_called_scores_zero() -> None:
    values = photo_metrics(np.zeros((64, 64), np.float32), band(20, 27), INSIDE, 0.5)
    assert values["dice"] == values["cl_dice"] == values["sensitivity"] == 0 and values["specificity"] == 1


@pytest.mark.parametrize("called", [0.0, 1.0])
def test_without_positives_only_specificity_and_accuracy_are_defined(called: float) -> None:
    values = photo_metrics(np.full((64, 64), called, np.float32), np.zeros_like(INSIDE), INSIDE, 0.5)
    defined = {metric for metric, value in values.items() if not math.isnan(value)}
    assert defined == {"specificity", "accuracy"}


def test_without_negatives_areas_and_specificity_are_undefined() -> None:
    values = photo_metrics(np.full((64, 64), 0.7, np.float32), INSIDE, INSIDE, 0.5)
    undefined = {metric for metric, value in values.items() if math.isnan(value)}
    assert undefined == {"auroc", "auprc", "specificity"} and values["dice"] == 1


def test_a_drawing_has_the_figures_of_the_same_binary_map_but_no_areas() -> None:
    drawn, truth = band(20, 27), band(22, 29)
    measured = measure_segmentation("1", "1", drawn, truth, INSIDE)
    values = dict(zip(measured.metrics, metrics_of_photos([measured])[:, 0].tolist(), strict=True))
    of_map = photo_metrics(drawn.astype(np.float32), truth, INSIDE, 0.5)
    assert values == {metric: value for metric, value in of_map.items() if metric not in ("auroc", "auprc")}


def test_a_drawing_must_be_bool() -> None:
    with pytest.raises(UserError, match="mask is of type uint8"):
        measure_segmentation("1", "1", band(20, 27).astype(np.uint8), band(20, 27), INSIDE)
