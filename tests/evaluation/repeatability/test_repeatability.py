"""Repeated photos: which they are, how often decisions agree, and what the report says of it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.repeatability.pairs import repeated_photos
from eyeground.evaluation.repeatability.repeatability import agreement_estimates, repeatability
from eyeground.evaluation.repeatability.section import repeatability_section
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.reporting.validation import ReportInputs, Request, evaluated, sections_of

POINT = OperatingPoint(output="dr", rule="threshold=0.5", threshold=0.5, chosen_on="given", positives=0, negatives=0)


def twice(study: pd.DataFrame, noise: float, seed: int = 0) -> pd.DataFrame:
    """Each photo of a study and a copy with another probability, under one name of their eye."""
    shift = noise * np.random.default_rng(seed).normal(size=len(study))
    copies = study.assign(
        photo=study["photo"].str.replace(".jpg", "_turned.jpg"),
        probability_dr=np.clip(study["probability_dr"] + shift, 0, 1),
    )
    return pd.concat([study.assign(shown=study["photo"]), copies.assign(shown=study["photo"])], ignore_index=True)


def test_pairs_are_photos_of_one_patient_with_the_same_cell():
    table = pd.DataFrame(
        {"photo": list("abcdefg"), "patient": list("pppqqrr"), "shot": ["1", "1", "1", "1", "2", None, None]}
    )
    pairs = repeated_photos(table, "shot")
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert pairs.groups == 1


@pytest.mark.parametrize(("column", "message"), [("shoot", "did you mean 'shot'"), ("shot", "none repeats another")])
def test_a_column_that_pairs_nothing_is_refused(study, column: str, message: str):
    predictions = validated_predictions(study(5, 0).assign(shot=[str(row) for row in range(10)]), "table")
    with pytest.raises(UserError, match=message):
        repeatability(cohort_of(predictions, resamples=10), column)


def test_agreement_and_kappa_are_those_of_both_orders(study):
    predictions = validated_predictions(twice(study(80, 0), noise=0.1), "table")
    found = repeatability(cohort_of(predictions, [POINT], resamples=50), "shown")
    table = predictions.table.sort_values("photo")
    first, second = (table["probability_dr"].to_numpy()[start::2] for start in (0, 1))
    (output,), called = found.outputs, [first >= 0.5, second >= 0.5]
    agreement, kappa = output.decided[0].estimates
    assert (found.pairs, found.eyes, found.photos, found.patients) == (160, 160, 320, 80)
    assert agreement.value == pytest.approx((called[0] == called[1]).mean())
    assert kappa.value == pytest.approx(cohen_kappa_score(np.concatenate(called), np.concatenate(called[::-1])))
    assert output.mean_difference.value == pytest.approx((second - first).mean())
    for one in (agreement, kappa, output.mean_difference, output.low, output.high):
        assert one.low < one.value < one.high


def test_pairs_that_all_agree_have_intervals_with_a_width():
    decided = np.arange(40) % 2 == 0
    agreement, kappa = agreement_estimates(decided, decided, np.arange(40))
    assert agreement.value == kappa.value == agreement.high == 1
    assert kappa.low < agreement.low < 1
    _, nothing = agreement_estimates(np.zeros(40, bool), np.zeros(40, bool), np.arange(40))
    assert nothing.value is None
    assert "every photo is called negative" in nothing.note


def test_the_section_stands_in_the_report_and_in_the_results_where_it_is_asked_for(study):
    predictions = validated_predictions(twice(study(60, 1), noise=0.05), "table")
    request = Request(operating_points=(POINT,), resamples=50, repeat="shown")
    evaluation = evaluated(predictions, request)
    keys = [section.key for section in sections_of(evaluation, predictions, request, ReportInputs())]
    assert "repeatability" in keys
    section = repeatability_section(repeatability(cohort_of(predictions, [POINT], resamples=50), "shown"))
    rows = results_table(section.results)
    assert set(rows["metric"]) == {
        "mean_difference",
        "limit_of_agreement_low",
        "limit_of_agreement_high",
        "agreement",
        "agreement_kappa",
    }
    assert rows["low"].notna().all()
    assert rows["subset"].unique().tolist() == ["same shown"]
    assert "120 pairs among 240 photos of 60 patients" in section.paragraphs[0]


def test_without_resamples_there_are_no_intervals(study):
    predictions = validated_predictions(twice(study(20, 1), noise=0.05), "table")
    (output,) = repeatability(cohort_of(predictions, [POINT], resamples=0), "shown").outputs
    every = (output.mean_difference, output.low, output.high, *output.decided[0].estimates)
    assert all(one.value is not None and one.low is None for one in every)
