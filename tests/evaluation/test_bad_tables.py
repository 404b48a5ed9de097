"""Whatever table is handed in: a message that names the fix, or a correct value. Never a traceback, never a NaN."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import read_predictions
from eyeground.errors import UserError
from eyeground.evaluation import evaluate, flow_table, write_evaluation
from eyeground.evaluation.reporting.markdown import markdown
from eyeground.evaluation.reporting.tables import metrics_table

HEADER = "photo,patient,truth_dr,probability_dr\n"


@pytest.fixture(params=["csv", "parquet"])
def evaluated(request, tmp_path: Path):
    """Write a table, read it back as a user's, evaluate it, and say what comes out."""

    def run(table: pd.DataFrame, **arguments: object):
        path = tmp_path / f"predictions.{request.param}"
        if request.param == "csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path, index=False)
        predictions = read_predictions(path)
        evaluation = evaluate(predictions, resamples=40, **arguments)
        assert len(metrics_table(evaluation)) >= len(list(all_estimates(evaluation)))
        assert "nan" not in markdown(evaluation, flow_table(predictions))
        return evaluation

    return run


@pytest.fixture
def table() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    truth = (np.arange(40) % 3 == 0).astype(float)
    return pd.DataFrame(
        {
            "photo": [f"{index}.jpg" for index in range(40)],
            "patient": [f"p{index // 2}" for index in range(40)],
            "truth_dr": truth,
            "probability_dr": (truth + 2 * generator.random(40)).round(3) / 4,
        }
    )


def all_estimates(evaluation):
    for output in evaluation.outputs:
        yield from (*output.all_estimates(), *output.between_folds, *(fold.auroc for fold in output.folds))
    for target in evaluation.families:
        yield from target.estimates
        yield from (estimate for decision in target.decisions for estimate in decision.estimates)
    yield from (*evaluation.macro, *evaluation.micro)


def assert_sound(evaluation):
    for estimate in all_estimates(evaluation):
        values = [value for value in (estimate.value, estimate.low, estimate.high) if value is not None]
        assert all(map(math.isfinite, values)), estimate
        assert estimate.value is not None or estimate.note.startswith("not estimable: "), estimate
        assert estimate.low is not None or estimate.note, estimate


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"photo": "Filename"}, "there is no column 'photo'"),
        ({"patient": "patient_id"}, r"there is no column 'patient' \(did you mean 'patient_id'\?\)"),
        ({"probability_dr": "Prediction"}, "there is no column named 'probability_<output>'"),
        ({"truth_dr": "label"}, "'probability_dr' has no column 'truth_dr' beside it"),
        ({"truth_dr": "truth_", "probability_dr": "probability_"}, "'probability_' names no output"),
    ],
)
def test_wrong_columns(evaluated, table, columns, message):
    with pytest.raises(UserError, match=message):
        evaluated(table.rename(columns=columns))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.inf, "row 6: 'probability_dr' is 'inf'; expected a probability between 0 and 1"),
        (-np.inf, "row 6: 'probability_dr' is '-inf'"),
        (1.0001, "row 6: 'probability_dr' is '1.0001'"),
        (-0.1, "row 6: 'probability_dr' is '-0.1'"),
        (93, "row 6: 'probability_dr' is '93"),
        (np.nan, "row 6: 'probability_dr' is empty; expected a probability between 0 and 1"),
    ],
)
def test_a_probability_that_is_none(evaluated, table, wrong, message):
    table.loc[4, "probability_dr"] = wrong
    with pytest.raises(UserError, match=re.escape(message)):
        evaluated(table)


def test_every_probability_a_percentage_is_said_once_per_kind_and_not_a_thousand_times(evaluated, table):
    with pytest.raises(UserError) as caught:
        evaluated(table.assign(probability_dr=table["probability_dr"] * 100 + 1.5))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("wrong", [np.inf, 2, -1, 0.5])
def test_a_truth_that_is_none(evaluated, table, wrong):
    table.loc[4, "truth_dr"] = wrong
    with pytest.raises(UserError, match=r"row 6: 'truth_dr' is '.*'; expected 0, 1 or empty"):
        evaluated(table)


def test_duplicated_rows(evaluated, table):
    with pytest.raises(UserError, match=r"row 42: 'photo' is '0.jpg', as in an earlier row; keep one row"):
        evaluated(pd.concat([table, table.iloc[:1]]))
    with pytest.raises(UserError, match=r"row 42 \(and 39 more rows\): 'photo'"):
        evaluated(pd.concat([table, table]))


@pytest.mark.parametrize("unknown", [None, "", "NaN", "n/a"])
def test_unknown_patients(evaluated, table, unknown):
    table.loc[[2, 3], "patient"] = unknown
    with pytest.raises(UserError, match=r"row 4 \(and 1 more rows?\): 'patient' is .*; every photograph needs one"):
        evaluated(table)


def test_patients_may_be_numbers(evaluated, table):
    evaluation = evaluated(table.assign(patient=np.arange(40) // 4))
    assert evaluation.patients == 10
    assert_sound(evaluation)


def test_no_rows(evaluated, table):
    with pytest.raises(UserError, match="the table has no rows"):
        evaluated(table.iloc[:0])


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows(evaluated, table, rows):
    evaluation = evaluated(table.iloc[:rows], rules=["threshold=0.3", "youden"], prevalences=[0.1])
    assert evaluation.photos == rows
    assert_sound(evaluation)


@pytest.mark.parametrize("truth", [0, 1, None])
def test_one_class_only(evaluated, table, truth):
    evaluation = evaluated(table.assign(truth_dr=pd.array([truth] * 40, dtype="Float64")), rules=["threshold=0.3"])
    assert_sound(evaluation)
    lacking = "negatives" if truth == 1 else "positives"
    assert evaluation.outputs[0].estimate("auroc").note == f"not estimable: no {lacking} in all photos"


def test_all_probabilities_alike(evaluated, table):
    for probability in (0.0, 0.5, 1.0):
        evaluation = evaluated(table.assign(probability_dr=probability), rules=["youden"])
        assert evaluation.outputs[0].estimate("auroc").value == 0.5
        assert_sound(evaluation)


def test_every_photo_of_one_patient(evaluated, table):
    evaluation = evaluated(table.assign(patient="p"), rules=["threshold=0.3"])
    assert "only 1" in evaluation.outputs[0].estimate("auroc").note
    assert all(estimate.low is None for estimate in all_estimates(evaluation))
    assert_sound(evaluation)


def test_folds_of_one_photo_each(evaluated, table, tmp_path):
    evaluation = evaluated(table.assign(fold=range(40)))
    assert_sound(evaluation)
    write_evaluation(evaluation, read_predictions(next(tmp_path.iterdir())), tmp_path / "tables")
    assert "not estimable" in (tmp_path / "tables" / "metrics.md").read_text()


def test_everything_at_once_in_a_random_table(evaluated):
    generator = np.random.default_rng(1)
    for _ in range(4):
        size = int(generator.integers(2, 9))
        grade = generator.integers(0, 3, size)
        columns = {"photo": [f"{n}.jpg" for n in range(size)], "patient": generator.integers(0, 4, size).astype(str)}
        for step in (1, 2):
            columns[f"truth_dr>={step}"] = np.where(generator.random(size) < 0.2, np.nan, grade >= step)
            columns[f"probability_dr>={step}"] = generator.choice([0, 0.25, 0.5, 1], size)
        made = pd.DataFrame(columns | {"fold": generator.integers(0, 2, size)})
        assert_sound(evaluated(made, rules=["youden", "cost=3@0.1"], prevalences=[0.01]))
