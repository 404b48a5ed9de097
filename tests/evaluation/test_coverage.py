"""Intervals hold the truth as often as they promise, and those that take photos for patients do not."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

REPOSITORY = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(REPOSITORY / "scripts" / "simulate_coverage.py"))
STORED = REPOSITORY / "docs" / "results" / "coverage.csv"


@pytest.fixture(scope="module")
def covered() -> pd.Series:
    """Shares covered by metric and method, in 300 studies of 60 patients with two eyes each."""
    table = SCRIPT["coverage"](SCRIPT["SCENARIOS"][0], studies=300, resamples=400)
    return table.set_index(["metric", "method"])["covered"]


@pytest.mark.parametrize(
    ("metric", "method"),
    [
        ("auroc", "Bootstrap over patients, BCa"),
        ("auroc", "DeLong over patients, logit"),
        ("sensitivity", "Bootstrap over patients, BCa"),
        ("sensitivity", "Wilson over patients"),
    ],
)
def test_intervals_over_patients_cover_what_they_promise(covered, metric, method):
    # Three standard errors of a share of 300 studies.
    assert covered[metric, method] == pytest.approx(0.95, abs=0.038)


@pytest.mark.parametrize(
    ("metric", "photos", "patients"),
    [
        ("auroc", "Bootstrap over photos", "Bootstrap over patients, BCa"),
        ("auroc", "DeLong over photos", "DeLong over patients, logit"),
        ("sensitivity", "Bootstrap over photos", "Bootstrap over patients, BCa"),
        ("sensitivity", "Wilson over photos", "Wilson over patients"),
    ],
)
def test_the_same_intervals_over_photos_cover_visibly_less(covered, metric, photos, patients):
    assert covered[metric, photos] < covered[metric, patients] - 0.04


def test_true_figures_of_the_simulation_are_those_of_a_huge_study():
    huge = SCRIPT["Scenario"]("huge", 400_000, 0.3, 0.93)
    sample = SCRIPT["simulate"](huge, 0)
    assert roc_auc_score(sample.truth, sample.probability) == pytest.approx(0.93, abs=0.001)
    assert np.mean(sample.probability[sample.truth == 1] >= huge.threshold) == pytest.approx(0.85, abs=0.002)


def test_eyes_of_a_simulated_patient_resemble_each_other():
    sample = SCRIPT["simulate"](SCRIPT["Scenario"]("many", 20_000, 0.3, 0.93), 1)
    left, right = sample.truth.reshape(-1, 2).T
    assert np.mean(right[left == 1]) == pytest.approx(0.9, abs=0.02)
    healthy = sample.probability.reshape(-1, 2)[(left == 0) & (right == 0)]
    assert np.corrcoef(healthy.T)[0, 1] == pytest.approx(0.8, abs=0.01)


def test_stored_results_show_what_the_documentation_says():
    stored = pd.read_csv(STORED).set_index(["scenario", "metric", "method"])["covered"]
    ordinary = stored.drop("200 patients, about 20 ill", level="scenario")
    by_method = {method: shares.to_numpy() for method, shares in ordinary.groupby("method")}
    for method in ("Bootstrap over patients, BCa", "DeLong over patients, logit", "Wilson over patients"):
        assert ((by_method[method] >= 0.93) & (by_method[method] <= 0.97)).all(), method
    for method in SCRIPT["NAIVE"]:
        assert (by_method[method] < 0.92).all(), method


def test_figure_shows_every_share():
    stored = pd.read_csv(STORED)
    shown = [
        position
        for axis in SCRIPT["draw"](stored).axes
        for marks in axis.collections
        for position in np.asarray(marks.get_offsets())[:, 0]
    ]
    assert sorted(shown) == pytest.approx(sorted(100 * stored["covered"]))
