"""Calibration maps keep order, sums and steps, and survive being written and read."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit, softmax
from scipy.special import logit as exact_logit

from eyeground.bundle.calibration import (
    Calibration,
    Isotonic,
    Platt,
    Temperature,
    Uncalibrated,
    calibrated,
    describe_calibration,
)

FITTED = {"fitted_on": "validation", "photos": 100}
STEPS = ("dr>=1", "dr>=2", "dr>=3")
positive = st.floats(0.1, 10)
# What a network gives: float32, from 0 to 1 with both ends.
float32s = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30)


def temperature(value: float, outputs: tuple[str, ...] = ("dr",), family: str = "sigmoid") -> Temperature:
    return Temperature(outputs=outputs, positives=(40,) * len(outputs), temperature=value, family=family, **FITTED)


def platt(slope: float, offsets: tuple[float, ...], outputs: tuple[str, ...] = ("dr",)) -> Platt:
    return Platt(outputs=outputs, positives=(40,) * len(outputs), slope=slope, offsets=offsets, **FITTED)


def isotonic(corners: list[float], values: list[float], outputs: tuple[str, ...] = ("dr",)) -> Isotonic:
    return Isotonic(outputs=outputs, positives=(40,) * len(outputs), corners=corners, calibrated=values, **FITTED)


@given(float32s, positive, st.floats(-5, 5))
def test_no_map_changes_the_order_or_leaves_0_to_1(scores, slope, offset):
    column = np.sort(np.array(scores))[:, np.newaxis]
    for one in (temperature(slope), platt(slope, (offset,)), isotonic([0.2, 0.5, 0.7], [0.1, 0.1, 0.9])):
        found = calibrated(column, ("dr",), [one])
        assert (np.diff(found[:, 0]) >= 0).all()
        assert ((found >= 0) & (found <= 1)).all()


@given(st.lists(st.integers(1, 999), min_size=2, unique=True), st.floats(0.3, 3), st.floats(-3, 3))
def test_invertible_maps_make_no_ties(thousandths, slope, offset):
    column = np.sort(np.array(thousandths) / 1000)[:, np.newaxis]
    for one in (temperature(slope), platt(slope, (offset,))):
        assert (np.diff(calibrated(column, ("dr",), [one])[:, 0]) > 0).all()


@given(st.floats(1e-6, 1 - 1e-6), positive, st.floats(-5, 5))
def test_sigmoid_maps_are_those_of_the_papers(probability, slope, offset):
    scores = exact_logit(np.array([[probability]]))
    found = calibrated(np.array([[probability]]), ("dr",), [temperature(slope)])
    np.testing.assert_allclose(found, expit(scores / slope), rtol=1e-9)
    found = calibrated(np.array([[probability]]), ("dr",), [platt(slope, (offset,))])
    np.testing.assert_allclose(found, expit(slope * scores + offset), rtol=1e-9)


@given(st.lists(st.floats(-8, 8), min_size=3, max_size=3), positive)
def test_a_temperature_of_exclusive_classes_divides_their_logits(logits, value):
    outputs = ("grade=a", "grade=b", "grade=c")
    raw = softmax(np.array([logits]), axis=1)
    found = calibrated(raw, outputs, [temperature(value, outputs, "softmax")])
    np.testing.assert_allclose(found, softmax(np.array([logits]) / value, axis=1), atol=1e-12)
    assert found.sum() == pytest.approx(1)


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), positive, st.lists(st.floats(0, 3), min_size=3))
def test_ordinal_steps_in_order_stay_in_order(steps, slope, drops):
    falling = np.sort(np.array([steps]), axis=1)[:, ::-1]
    offsets = tuple((2 - np.cumsum(drops[:3])).tolist())
    for one in (
        temperature(slope, STEPS),
        platt(slope, offsets, STEPS),
        isotonic([0.2, 0.5, 0.7], [0.1, 0.1, 0.9], STEPS),
    ):
        assert (np.diff(calibrated(falling, STEPS, [one])) <= 0).all()


@given(
    st.floats(0, 1, width=32),
    st.lists(st.integers(0, 2), min_size=2, max_size=2),
    positive,
    st.lists(st.floats(0, 1e-9), min_size=3),
)
def test_steps_that_are_equal_or_float32_neighbours_stay_in_order(first, apart, slope, drops):
    steps = [np.float32(first)]
    for neighbours in apart:
        lower = steps[-1]
        for _ in range(neighbours):
            lower = np.nextafter(lower, np.float32(0))
        steps.append(lower)
    corners = sorted({float(step) for step in steps} | {0.0, 1.0})
    for one in (
        temperature(slope, STEPS),
        platt(slope, tuple((2 - np.cumsum(drops[:3])).tolist()), STEPS),
        isotonic(corners, np.linspace(0.1, 0.9, len(corners)).tolist(), STEPS),
        Uncalibrated(outputs=STEPS, reason="few"),
    ):
        assert (np.diff(calibrated(np.array([steps]), STEPS, [one])) <= 0).all()


def test_a_probability_that_float32_rounded_to_one_follows_its_neighbour():
    last = float(np.nextafter(np.float32(1), np.float32(0)))
    found = calibrated(np.array([[last], [1.0]]), ("dr",), [temperature(2)])[:, 0]
    assert 0.9996 < found[0] < found[1] < 0.9999


def test_every_calibration_acts_on_its_own_columns_and_the_others_stay():
    raw = np.array([[0.2, 0.6, 0.9]], dtype=np.float32)
    before = raw.copy()
    found = calibrated(raw, ("a", "b", "c"), [temperature(2, ("c",)), Uncalibrated(outputs=("a",), reason="few")])
    np.testing.assert_array_equal(found[:, :2], raw[:, :2])
    assert found[0, 2] == pytest.approx(0.75, abs=1e-6)  # odds of 9 become odds of 3
    np.testing.assert_array_equal(raw, before)


@pytest.mark.parametrize(
    "one",
    [
        Uncalibrated(outputs=("dr",), reason="only 3 patients"),
        temperature(1.37, ("g=a", "g=b"), "softmax"),
        platt(0.8, (0.3, -0.1, -0.1), STEPS),
        isotonic([0.1, 0.30000000000000004], [0.0, 1.0]),
    ],
)
def test_a_calibration_is_the_same_after_json(one):
    adapter = TypeAdapter(Calibration)
    assert adapter.validate_python(json.loads(adapter.dump_json(one))) == one


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: temperature(0), "greater than 0"),
        (lambda: temperature(float("inf")), "finite"),
        (lambda: platt(-1, (0,)), "greater than 0"),
        (lambda: platt(1, (0, 0.1), STEPS[:2]), "the offsets rise"),
        (lambda: platt(1, (0,), STEPS), "3 outputs have 1 offsets"),
        (lambda: isotonic([0.1, 0.1], [0, 1]), "corners do not rise"),
        (lambda: isotonic([0.1, 0.2], [1, 0]), "calibrated probabilities fall"),
        (lambda: isotonic([0.1, 0.2], [0.5]), "2 corners have 1"),
        (lambda: isotonic([0.1, 0.2], [0, 1.5]), "less than or equal to 1"),
    ],
)
def test_a_map_that_would_change_the_order_is_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_calibrations_are_told_in_words():
    assert describe_calibration(platt(0.8, (0.25,))) == (
        "Platt scaling, logits times 0.8 +0.25; fitted on 100 validation photos (40 positive)"
    )
    assert "divided by 1.37" in describe_calibration(temperature(1.37))
    assert "2 corners" in describe_calibration(isotonic([0.1, 0.2], [0, 1]))
    assert describe_calibration(Uncalibrated(outputs=("dr",), reason="too few")) == "none (too few)"


def test_applying_a_calibration_needs_no_heavy_library():
    program = "import sys, eyeground.bundle.calibration; sys.exit(bool({'scipy', 'sklearn', 'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
