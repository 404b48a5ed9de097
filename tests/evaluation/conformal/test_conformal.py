"""Prediction sets of tables: calibrated on validation photos alone, measured by class, and said in words."""

import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.conformal.conformal import conformal
from eyeground.evaluation.conformal.section import conformal_section
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.reporting.validation import ReportInputs, Request, evaluated, sections_of


def split(study: pd.DataFrame, validation: int) -> Predictions:
    """A study whose first patients are for validation."""
    is_first = study["patient"].isin(study["patient"].unique()[:validation])
    return validated_predictions(study.assign(split=np.where(is_first, "validation", "test")), "table")


def test_coverage_and_sizes_are_those_of_the_sets(study):
    predictions = split(study(300, 0), 150)
    result = conformal(predictions, {"internal": cohort_of(predictions, resamples=100)}, 0.9)
    (one,) = result.found
    assert [found.name for found in one.classes] == ["negative", "positive"]
    for found in one.classes:
        assert found.expected[0] < 0.9 < found.expected[1]
        assert found.coverage.low < found.coverage.value < found.coverage.high
        assert found.coverage.value > 0.8
    alone, ambiguous, nothing, size = one.sizes
    assert alone.value + ambiguous.value + nothing.value == pytest.approx(1)
    assert size.value == pytest.approx(alone.value + 2 * ambiguous.value)
    section = conformal_section(result)
    assert "ambiguous" in section.paragraphs[1]
    assert set(results_table(section.results)["metric"]) == {
        "set_coverage",
        "one_answer",
        "ambiguous",
        "no_answer",
        "set_size",
    }


def test_a_shifted_external_dataset_is_shown_to_hold_less_than_stated(study):
    predictions, other = split(study(300, 0), 150), study(200, 1)
    shifted = validated_predictions(other.assign(probability_dr=other["probability_dr"] ** 4), "other")
    cohorts = {"internal": cohort_of(predictions, resamples=50), "abroad": cohort_of(shifted, resamples=50)}
    section = conformal_section(conformal(predictions, cohorts, 0.9))
    assert section.paragraphs[2].startswith("dr (abroad)")
    assert "Less than stated: positive." in section.paragraphs[2]


@pytest.mark.parametrize("kind", ["ordinal", "multiclass"])
def test_a_target_of_several_classes_has_sets_of_classes(kind: str):
    generator = np.random.default_rng(0)
    grade = generator.integers(0, 3, 400)
    score = grade + 0.7 * generator.normal(size=400)
    table = pd.DataFrame({"photo": [f"{row:03}.jpg" for row in range(400)], "patient": np.arange(400).astype(str)})
    table["split"] = np.where(np.arange(400) < 200, "validation", "test")
    if kind == "ordinal":
        for step in (1, 2):
            table[f"truth_dr>={step}"] = (grade >= step).astype(float)
            table[f"probability_dr>={step}"] = 1 / (1 + np.exp(-3 * (score - step + 0.5)))
    else:
        fit = np.exp(-2 * (score[:, None] - np.arange(3)) ** 2)
        for place, name in enumerate("abc"):
            table[f"truth_dr={name}"] = (grade == place).astype(float)
            table[f"probability_dr={name}"] = (fit / fit.sum(axis=1, keepdims=True))[:, place]
    predictions = validated_predictions(table, "table")
    (one,) = conformal(predictions, {"internal": cohort_of(predictions, resamples=20)}, 0.9).found
    assert [found.name for found in one.classes] == (list("012") if kind == "ordinal" else list("abc"))
    assert all(found.coverage.value > 0.8 for found in one.classes)
    assert 1 < one.sizes[-1].value < 2


def test_too_few_validation_patients_are_named(study):
    predictions = split(study(100, 3), 12)
    section = conformal_section(conformal(predictions, {"internal": cohort_of(predictions, resamples=20)}, 0.95))
    assert "Fewer than 19 validation patients have negative and positive" in section.paragraphs[1]


@pytest.mark.parametrize(
    ("validation", "stated", "message"), [(0, 0.9, "no validation photos"), (20, 1.2, "out of range")]
)
def test_what_cannot_be_calibrated_is_refused(study, validation: int, stated: float, message: str):
    predictions = split(study(40, 0), validation)
    request = Request(resamples=10, conformal=stated)
    with pytest.raises(UserError, match=message):
        sections_of(evaluated(predictions, request), predictions, request, ReportInputs())
