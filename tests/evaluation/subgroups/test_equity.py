"""The worst group's AUROC and the equity-scaled one against scikit-learn, and how often their intervals hold the truth."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eyeground.data.predictions import validated_predictions
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.subgroups.equity import SCALED, WORST
from eyeground.evaluation.subgroups.subgroups import subgroups
from eyeground.evaluation.subgroups.subgroups_section import subgroups_section

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "simulate_equity.py"))


@pytest.fixture
def table(study):
    """120 patients of three races, one of them with three patients; unknown of two."""
    made = study(120, seed=3)
    patients = made["patient"].astype(int).to_numpy()
    race = np.where(patients % 2, "black", "white").astype(object)
    race[patients < 3] = "asian"
    race[patients > 117] = None
    return made.assign(race=race)


def found(table, resamples=100):
    return subgroups(cohort_of(validated_predictions(table, "table"), resamples=resamples), ["race"])


def test_values_are_those_of_the_rows(table):
    one = found(table).outputs[0].equity[0]
    by_race = {
        race: roc_auc_score(rows["truth_dr"], rows["probability_dr"])
        for race, rows in table[table["race"].isin(["black", "white"])].groupby("race")
    }
    overall = roc_auc_score(table["truth_dr"], table["probability_dr"])
    assert one.worst == min(by_race, key=by_race.get)
    assert one.worst_auroc.value == pytest.approx(min(by_race.values()), abs=1e-12)
    expected = overall / (1 + sum(abs(auroc - overall) for auroc in by_race.values()))
    assert one.scaled.value == pytest.approx(expected, abs=1e-12)
    assert (one.groups, one.left_out) == (2, ("asian",))
    assert "asian" in one.scaled.note
    for estimate in (one.worst_auroc, one.scaled):
        assert estimate.low < estimate.value < estimate.high


def test_both_stand_in_the_tidy_table_and_the_report(table):
    section = subgroups_section(found(table))
    rows = results_table(section.results).set_index(["subset", "metric"])
    assert {("race", WORST), ("race", SCALED)} <= set(rows.index)
    assert "equity-dr" in {block.name for block in section.tables}


def test_a_single_group_has_neither(table):
    table["race"] = table["race"].where(table["race"] == "asian", "black")
    result = found(table)
    assert result.outputs[0].equity == ()
    assert any("race" in paragraph and "worst-group" in paragraph for paragraph in subgroups_section(result).paragraphs)


def test_without_resamples_there_is_no_interval(table):
    one = found(table, resamples=0).outputs[0].equity[0]
    assert (one.worst_auroc.low, one.scaled.high) == (None, None)


@pytest.mark.parametrize("aurocs", [(0.9, 0.9, 0.9), (0.95, 0.8)])
def test_intervals_hold_the_truth_where_groups_are_alike_and_where_not(aurocs):
    shares = SCRIPT["coverage"](SCRIPT["Scenario"](200, 0.4, aurocs), studies=40, resamples=0)
    assert shares[shares["method"] == SCRIPT["GIVEN"]]["covered"].min() >= 0.9
