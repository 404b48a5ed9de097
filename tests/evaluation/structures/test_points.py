"""Points: the centre of a heat map, and distances with intervals over patients."""

import numpy as np
import pandas as pd
import pytest

from eyeground.errors import UserError
from eyeground.evaluation.structures import MeasuredPoint, centre_of, point_estimates


def blob(x: float, y: float, spread: float = 4.0) -> np.ndarray:
    rows, columns = np.mgrid[:60, :80]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2)).astype(np.float32)


def value(table: pd.DataFrame, metric: str, over: str) -> pd.Series:
    return table[(table["metric"] == metric) & (table["over"] == over)].iloc[0]


def test_the_centre_lies_between_pixels_and_a_second_weaker_blob_does_not_pull_it() -> None:
    x, y, peak = centre_of(0.8 * blob(30.4, 22.7) + 0.5 * blob(70, 50))
    assert (x, y) == pytest.approx((30.4, 22.7), abs=0.05) and peak == pytest.approx(0.8, abs=0.02)


def test_an_empty_map_has_a_centre_of_no_height() -> None:
    assert centre_of(np.zeros((60, 80), np.float32))[2] == 0


def test_median_mean_and_share_are_those_of_the_photos() -> None:
    distances = [0.05, 0.07, 0.1, 0.2, 0.04, 0.06, 0.09, 0.3, 0.02, 1.4, 0.08]
    photos = [MeasuredPoint(str(n), str(n // 2), distance) for n, distance in enumerate(distances)]
    table = point_estimates("fovea", photos, resamples=400)
    assert value(table, "distance", "median")["value"] == pytest.approx(np.median(distances))
    assert value(table, "distance", "mean")["value"] == pytest.approx(np.mean(distances))
    assert value(table, "within_one_diameter", "mean")["value"] == pytest.approx(10 / 11)
    for _, row in table.iterrows():
        assert row["low"] <= row["value"] <= row["high"] and row["patients"] == 6


def test_of_an_even_number_the_median_is_the_mean_of_the_two_in_the_middle() -> None:
    photos = [MeasuredPoint(str(n), str(n), distance) for n, distance in enumerate((0.4, 0.1, 0.2, 0.3))]
    assert value(point_estimates("fovea", photos, 50), "distance", "median")["value"] == pytest.approx(0.25)


def test_no_photos_are_an_error() -> None:
    with pytest.raises(UserError, match="no photos"):
        point_estimates("fovea", [])
