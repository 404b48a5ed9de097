"""Intervals of differences hold the truth as often as the documentation says."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

REPOSITORY = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(REPOSITORY / "scripts" / "simulate_gaps.py"))


@pytest.fixture(scope="module")
def stored() -> pd.DataFrame:
    """Settings in which enough studies could be tested, by what was compared."""
    table = pd.read_csv(REPOSITORY / "docs" / "results" / "gap_coverage.csv")
    return table[table["tested"] >= 200]


def test_stored_intervals_cover_and_false_positives_are_at_most_six_of_a_hundred(stored):
    far_apart = (stored["groups"] == "two models") & (stored["metric"] == "auroc") & (stored["second_auroc"] == 0.85)
    assert (stored.loc[~far_apart, "covered"] >= 0.93).all()
    assert (stored.loc[far_apart, "covered"] >= 0.91).all()
    no_difference = stored["first_auroc"] == stored["second_auroc"]
    assert (1 - stored.loc[no_difference, "covered"] <= 0.0601).all()
    assert len(stored) > 100


def test_a_small_simulation_agrees_with_what_is_stored(stored):
    found = SCRIPT["coverage"](SCRIPT["Scenario"](200, 0.4, (0.97, 0.85)), studies=150)
    assert len(found) == 8
    before = stored[(stored["patients"] == 200) & (stored["ill"] == 0.4) & (stored["second_auroc"] == 0.85)]
    both = found.merge(before, on=["groups", "metric"], suffixes=("", "_stored"))
    assert (both["covered"] - both["covered_stored"]).abs().max() < 0.07
    assert both["width"].to_numpy() == pytest.approx(both["width_stored"].to_numpy(), rel=0.1)
