"""What screening would not judge, by truth: counted rightly, tested in pairs, and only where a table tells it."""

import numpy as np
import pandas as pd
import pytest

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation.abstention import abstention
from eyeground.evaluation.abstention_section import abstention_section
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.reporting.validation import ReportInputs, Request, evaluated, sections_of


def screened(table: pd.DataFrame, ill: float, healthy: float, seed: int = 0) -> Predictions:
    """A study of which screening calls these shares of positives and of negatives unfamiliar, and a tenth ungradable."""
    generator = np.random.default_rng(seed)
    draw = generator.random(len(table))
    limit = np.where(table["truth_dr"] == 1, ill, healthy)
    status = np.where(draw < limit, "unfamiliar", np.where(draw > 0.9, "ungradable", "normal"))
    return validated_predictions(table.assign(status=status), "table")


def test_shares_are_those_of_the_table(study):
    predictions = screened(study(200, seed=0), ill=0.4, healthy=0.1)
    (one,) = abstention({"here": cohort_of(predictions, resamples=100)})
    for subset, truth in zip(one.subsets, (1, 0), strict=True):
        rows = predictions.table[predictions.table["truth_dr"] == truth]
        expected = [
            1 - (rows["status"] == "normal").mean(),
            *((rows["status"] == s).mean() for s in ("ungradable", "unfamiliar")),
        ]
        assert [estimate.value for estimate in subset.estimates] == pytest.approx(expected)
        assert subset.photos == len(rows)
        assert all(estimate.low < estimate.value < estimate.high for estimate in subset.estimates)  # fmt: skip
    assert one.gaps[2].estimate.value == pytest.approx(
        one.subsets[0].estimates[2].value - one.subsets[1].estimates[2].value
    )


def test_the_sick_among_the_unfamiliar_are_named_and_equals_are_not(study):
    sick = abstention({"here": cohort_of(screened(study(200, seed=0), ill=0.4, healthy=0.05), resamples=500)})
    alike = abstention({"here": cohort_of(screened(study(200, seed=0), ill=0.2, healthy=0.2), resamples=500)})
    assert sick[0].gaps[2].p_holm < 0.05 < alike[0].gaps[2].p_holm
    assert "unfamiliar for dr (here) +0." in abstention_section(sick).paragraphs[-1]
    assert (
        abstention_section(alike)
        .paragraphs[-1]
        .endswith("not judged none of 1, ungradable none of 1, unfamiliar none of 1.")
    )
    tidy = results_table(abstention_section(sick).results)
    assert set(tidy["subset"]) == {"here: positives", "here: negatives", "here: positives minus negatives"}


def test_refusals_are_counted_in_three_ways_by_truth(study):
    predictions = screened(study(200, seed=0), ill=0.4, healthy=0.1)
    point = OperatingPoint(
        output="dr", rule="threshold=0.5", threshold=0.5, chosen_on="given", positives=0, negatives=0
    )
    (one,) = abstention({"here": cohort_of(predictions, [point], resamples=50)})
    table = predictions.table
    called, ill, refused = table["probability_dr"] >= 0.5, table["truth_dr"] == 1, table["status"] != "normal"
    expected = {
        "refusals left out": (called[ill & ~refused].mean(), (~called)[~ill & ~refused].mean()),
        "refusals as positive": ((called | refused)[ill].mean(), (~called & ~refused)[~ill].mean()),
        "refusals as wrong": ((called & ~refused)[ill].mean(), (~called & ~refused)[~ill].mean()),
    }
    for decided in one.decided:
        assert [estimate.value for estimate in decided.estimates] == pytest.approx(expected[decided.way])
        assert all(estimate.low < estimate.value < estimate.high for estimate in decided.estimates)
    assert [decided.photos for decided in one.decided] == [(~refused).sum(), 400, 400]
    section = abstention_section([one])
    assert "where refused photos are left out" in section.paragraphs[-1]
    assert len(section.tables[1].table) == 3
    rows = results_table(section.results).query("subset == 'here: refusals as wrong' and metric == 'sensitivity'")
    assert rows["operating_point"].tolist() == ["threshold=0.5"]


@pytest.mark.parametrize("status", [None, "smoker"])
def test_a_status_that_is_not_of_screening_is_not_counted(study, status):
    table = study(30, seed=1)
    with_status = table if status is None else table.assign(status=status)
    predictions = validated_predictions(with_status, "table")
    assert abstention({"here": cohort_of(predictions)}) == ()
    request = Request(resamples=10)
    keys = [s.key for s in sections_of(evaluated(predictions, request), predictions, request, ReportInputs())]
    assert "abstention" not in keys


def test_the_report_counts_external_photos_too(study):
    ours, theirs = (screened(study(40, seed=seed), 0.3, 0.1, seed) for seed in (1, 2))
    request = Request(resamples=20)
    sections = sections_of(evaluated(ours, request), ours, request, ReportInputs(external={"theirs": theirs}))
    (section,) = [one for one in sections if one.key == "abstention"]
    assert section.tables[0].table["Dataset"].tolist() == ["internal", "internal", "theirs", "theirs"]


def test_a_truth_that_nobody_has_leaves_no_share_and_no_test(study):
    (one,) = abstention({"here": cohort_of(screened(study(30, seed=1).assign(truth_dr=0.0), 0.3, 0.3), resamples=20)})
    assert one.subsets[0].estimates[0].note == "not estimable: no positives in here"
    assert one.gaps[0].p is None
