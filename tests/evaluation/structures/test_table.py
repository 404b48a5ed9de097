"""Metrics over photos: pooled and mean, intervals over patients, differences of two models."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from eyeground.errors import UserError
from eyeground.evaluation.structures import (
    MeasuredPhoto,
    compare,
    measure_photo,
    measure_segmentation,
    photo_metrics,
    structure_estimates,
)

PHOTOS = 8
Maps = tuple[np.ndarray, np.ndarray, np.ndarray]


def maps(number: int, sharpness: float = 2.0) -> Maps:
    """Probability, truth and field of view; photos differ in how much of the structure they hold."""
    random = np.random.default_rng(number)
    truth = np.zeros((48, 48), dtype=bool)
    truth[10 : 14 + number, 5:43] = True
    logit = sharpness * (2 * truth - 1) + random.normal(0, 2, truth.shape)
    return (1 / (1 + np.exp(-logit))).astype(np.float32), truth, np.ones_like(truth)


def measured(sharpness: float = 2.0, eyes: int = 1) -> list[MeasuredPhoto]:
    return [
        measure_photo(str(number), str(number // eyes), *maps(number, sharpness), threshold=0.5)
        for number in range(PHOTOS)
    ]


def row(table: pd.DataFrame, metric: str, over: str) -> pd.Series:
    return table[(table["metric"] == metric) & (table["over"] == over)].iloc[0]


def test_pooled_figures_are_those_of_all_pixels_together() -> None:
    table = structure_estimates("vessel", measured(), resamples=200)
    probability = np.concatenate([maps(number)[0].ravel() for number in range(PHOTOS)])
    truth = np.concatenate([maps(number)[1].ravel() for number in range(PHOTOS)])
    assert row(table, "auroc", "pooled")["value"] == pytest.approx(roc_auc_score(truth, probability), abs=2e-4)
    assert row(table, "auprc", "pooled")["value"] == pytest.approx(
        average_precision_score(truth, probability), abs=1e-3
    )
    assert row(table, "dice", "pooled")["value"] == pytest.approx(f1_score(truth, probability >= 0.5))


def test_mean_metrics_are_means_of_photo_figures() -> None:
    table = structure_estimates("vessel", measured(), resamples=200)
    values = pd.DataFrame([photo_metrics(*maps(number), threshold=0.5) for number in range(PHOTOS)])
    for metric in values:
        assert row(table, str(metric), "mean")["value"] == pytest.approx(values[metric].mean())


def test_every_figure_has_an_interval_that_holds_it_and_names_what_it_rests_on() -> None:
    table = structure_estimates("vessel", measured(eyes=2), resamples=500)
    assert len(table) == 16 and set(table["structure"]) == {"vessel"}
    assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()
    assert (table["photos"] == PHOTOS).all() and (table["patients"] == PHOTOS // 2).all()
    assert table["note"].str.contains("rests on only 4 patients").all()


def test_two_identical_photos_of_a_patient_do_not_narrow_the_interval() -> None:
    once = measured()
    again = [measure_photo(f"{n} again", str(n), *maps(n), threshold=0.5) for n in range(PHOTOS)]
    single, double = (structure_estimates("vessel", photos, resamples=300) for photos in (once, once + again))
    assert np.allclose(single[["value", "low", "high"]], double[["value", "low", "high"]])


def test_photos_without_the_structure_are_left_out_of_means_and_kept_in_the_pool() -> None:
    probability, truth, inside = maps(99)
    empty = measure_photo("empty", "empty", probability, np.zeros_like(truth), inside, 0.5)
    table = structure_estimates("exudate", [*measured(), empty], resamples=200)
    mean, pooled = row(table, "dice", "mean"), row(table, "dice", "pooled")
    assert (mean["photos"], mean["patients"]) == (PHOTOS, PHOTOS)
    assert "1 of 9 photos left out, without positives" in mean["note"]
    assert pooled["photos"] == PHOTOS + 1
    without = structure_estimates("exudate", measured(), resamples=200)
    assert pooled["value"] < row(without, "dice", "pooled")["value"]
    assert mean["value"] == pytest.approx(row(without, "dice", "mean")["value"])


def test_what_is_called_in_photos_without_the_structure_is_counted_as_false_alarms() -> None:
    truth, inside = np.zeros((48, 48), bool), np.ones((48, 48), bool)
    quiet, loud = np.zeros((48, 48), np.float32), np.zeros((48, 48), np.float32)
    loud[:6] = 1
    bare = [measure_photo(f"bare {n}", f"bare {n}", loud if n < 3 else quiet, truth, inside, 0.5) for n in range(12)]
    table = structure_estimates("exudate", [*measured(), *bare], resamples=200)
    alarms, area = row(table, "false_alarm", "without"), row(table, "false_area", "without")
    assert alarms["value"] == pytest.approx(3 / 12) and alarms["photos"] == 12
    assert area["value"] == pytest.approx(3 / 12 * 6 / 48) and area["low"] <= area["value"] <= area["high"]
    assert "without" not in set(structure_estimates("exudate", measured(), resamples=50)["over"])


def test_a_structure_that_no_photo_shows_has_no_figure_and_says_why() -> None:
    probability, truth, inside = maps(1)
    photos = [measure_photo(str(n), str(n), probability, np.zeros_like(truth), inside, 0.5) for n in range(3)]
    table = structure_estimates("exudate", photos, resamples=50)
    for over in ("pooled", "mean"):
        dice = row(table, "dice", over)
        assert np.isnan(dice["value"]) and dice["note"].startswith("not estimable: no ")
        assert not np.isnan(row(table, "specificity", over)["value"])


def test_drawings_have_no_areas() -> None:
    photos = [measure_segmentation(str(n), str(n), maps(n + 1)[1], maps(n)[1], maps(n)[2]) for n in range(PHOTOS)]
    table = structure_estimates("vessel", photos, resamples=100)
    assert set(table["metric"]) == {"dice", "cl_dice", "sensitivity", "specificity", "accuracy", "area"}


def test_a_better_model_is_found_better_and_its_mirror_worse() -> None:
    better, worse = measured(3.0), measured(1.0)
    ahead, behind = compare("vessel", better, worse[::-1], 400), compare("vessel", worse, better, 400)
    dice = row(ahead, "dice", "mean")
    assert 0 < dice["low"] < dice["value"] < dice["high"] and 0 < dice["p"] < 1e-9
    assert np.allclose(ahead["value"], -behind["value"]) and np.allclose(ahead["low"], -behind["high"])


def test_a_model_does_not_differ_from_itself() -> None:
    table = compare("vessel", measured(), measured(), 100)
    assert (table["value"] == 0).all() and table["low"].isna().all()
    assert (table["note"].str.startswith("no interval: every resample gives the same value")).all()


def test_a_model_is_compared_with_a_person_on_what_both_have() -> None:
    people = [measure_segmentation(str(n), str(n), maps(n)[1], maps(n)[1], maps(n)[2]) for n in range(PHOTOS)]
    table = compare("vessel", people, measured(), 100)
    agreement = table[table["metric"] != "area"]
    assert "auroc" not in set(table["metric"]) and (agreement["value"] > 0).all()


def other_truth() -> list[MeasuredPhoto]:
    probability, _, inside = maps(0)
    return [measure_photo("0", "0", probability, maps(3)[1], inside, 0.5), *measured()[1:]]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (lambda: measured()[1:], "only one has '0'"),
        (lambda: measured(eyes=2), "photo '1' is of patient '1' in one and '0' in the other"),
        (other_truth, "photo '0' was measured against different truths"),
        (lambda: [*measured(), measured()[0]], "photo '0' occurs more than once"),
        (list, "no photos"),
    ],
)
def test_only_the_same_photos_are_compared(second: Callable[[], list[MeasuredPhoto]], told: str) -> None:
    with pytest.raises(UserError, match=told):
        compare("vessel", measured(), second(), 50)


def test_drawings_and_maps_are_not_mixed() -> None:
    drawing = measure_segmentation("drawing", "drawing", maps(1)[1], maps(1)[1], maps(1)[2])
    with pytest.raises(UserError, match="give them separately"):
        structure_estimates("vessel", [*measured(), drawing], 50)
