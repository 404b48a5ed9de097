"""Predictions: any model's table is checked before it is evaluated."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.config.targets import Target
from eyeground.data.predictions import (
    Predictions,
    read_predictions,
    truths,
    validated_predictions,
    write_predictions,
)
from eyeground.errors import UserError

HEADER = "photo,patient,truth_dr,probability_dr\n"


def predictions_of(folder: Path, content: str) -> Predictions:
    (folder / "predictions.csv").write_text(content, encoding="utf-8")
    return read_predictions(folder / "predictions.csv")


probability = st.floats(0, 1)
truth = st.sampled_from([0.0, 1.0, np.nan])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@settings(max_examples=15)
@given(rows=st.lists(st.tuples(truth, probability, st.sampled_from(["train", "test", None])), min_size=1, max_size=12))
def test_predictions_survive_the_round_trip_to_the_last_digit(
    tmp_path: Path, suffix: str, rows: list[tuple[float, float, str | None]]
) -> None:
    table = pd.DataFrame(rows, columns=["truth_dr", "probability_dr", "split"])
    table = table.assign(photo=[f"{n}.jpg" for n in range(len(rows))], patient="007", fold=range(len(rows)), camera="x")
    predictions = validated_predictions(table, "table")
    write_predictions(predictions, tmp_path / f"predictions{suffix}")
    back = read_predictions(tmp_path / f"predictions{suffix}")
    pd.testing.assert_frame_equal(
        back.table.drop(columns="camera"), predictions.table.drop(columns="camera"), rtol=0, atol=0
    )
    assert list(back.table["camera"]) == ["x"] * len(rows)
    assert back.outputs == ("dr",)


def test_only_rows_of_known_truth_are_evaluated(tmp_path: Path) -> None:
    predictions = predictions_of(tmp_path, HEADER + "a.jpg,007,1,0.9\nb.jpg,7,,0.5\nc.jpg,8,0,0.25\n")
    truth, probability, patient = predictions.known("dr")
    assert truth.tolist() == [1.0, 0.0]
    assert probability.tolist() == [0.9, 0.25]
    assert patient.tolist() == ["007", "8"]
    with pytest.raises(UserError, match="no output 'rd'"):
        predictions.known("rd")


def test_the_rows_of_a_split_are_those_and_no_others(tmp_path: Path) -> None:
    content = "photo,patient,split,truth_dr,probability_dr\na.jpg,1,train,1,0.9\nb.jpg,2,test,1,0.8\nc.jpg,3,,1,0.7\n"
    predictions = predictions_of(tmp_path, content)
    assert predictions.in_split("test").table["photo"].tolist() == ["b.jpg"]
    assert len(predictions.in_split("validation").table) == 0
    assert len(predictions_of(tmp_path, HEADER + "a.jpg,1,1,0.9\n").in_split("test").table) == 0
    with pytest.raises(UserError, match="did you mean 'validation'"):
        predictions.in_split("valid")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "a.jpg,1,1,high\n", r"predictions.csv, row 2: 'probability_dr' is 'high'; expected a probability between 0 and 1"),
        (HEADER + "a.jpg,1,1,1.5\n", "row 2: 'probability_dr' is '1.5'"),
        (HEADER + "a.jpg,1,1,nan\n", "row 2: 'probability_dr' is 'nan'"),
        (HEADER + "a.jpg,1,1,0.5\n\nb.jpg,1,1,\n", "row 4: 'probability_dr' is empty"),
        (HEADER + "a.jpg,1,2,0.5\n", "row 2: 'truth_dr' is '2'; expected 0, 1 or empty"),
        (HEADER + "a.jpg,1,0.5,0.5\n", "row 2: 'truth_dr' is '0.5'; expected 0, 1 or empty"),
        (HEADER + "a.jpg,1,mild,0.5\n", "row 2: 'truth_dr' is 'mild'; expected 0, 1 or empty"),
        (HEADER + "a.jpg,2.02311E+13,1,0.5\n", "row 2: 'patient' .*last digits are lost"),
        ("photo,patient,age,truth_dr,probability_dr\na.jpg,1,-1,1,0.5\nb.jpg,2,n.k.,1,0.5\n", "row 2 .and 1 more row.*'age' is '-1'"),
        ("photo,patient,eye,truth_dr,probability_dr\na.jpg,1,both,1,0.5\n", "row 2: 'eye' is 'both'"),
        ("photo,patient,in_training,truth_dr,probability_dr\na.jpg,1,2,1,0.5\n", "row 2: 'in_training' is '2'"),
        (HEADER + "a.jpg,,1,0.5\n", "row 2: 'patient' is empty"),
        (HEADER + "a.jpg,1,1,0.5\na.jpg,2,1,0.5\n", "row 3: 'photo' is 'a.jpg', as in an earlier row"),
        (HEADER, "the table has no rows"),
        ("photo,patient,truth_dr\na.jpg,1,1\n", "there is no column named 'probability_<output>'"),
        ("photo,patient,truth_rd,probability_dr\na.jpg,1,1,0.5\n", "no column 'truth_dr' beside it .did you mean 'truth_rd'"),
        ("photo,truth_dr,probability_dr\na.jpg,1,0.5\n", "there is no column 'patient'"),
        ("photo,patient,split,truth_dr,probability_dr\na.jpg,1,vallidation,1,0.5\n", "row 2: 'split' is 'vallidation'.*did you mean 'val"),
        ("photo,patient,fold,truth_dr,probability_dr\na.jpg,1,x,1,0.5\n", "row 2: 'fold' is 'x'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_its_fix(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        predictions_of(tmp_path, content)


grades = st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=20)


@given(labels=grades)
def test_ordinal_truths_only_ever_step_down(labels: list[int | None]) -> None:
    target = Target(name="grade", kind="ordinal", classes=("0", "1", "2", "3"))
    steps = truths(pd.Series(labels, dtype="Int64"), target)
    assert list(steps.columns) == ["grade>=1", "grade>=2", "grade>=3"]
    known = [label for label in labels if label is not None]
    assert steps.dropna().sum(axis=1).tolist() == known
    assert (steps.dropna().diff(axis=1).iloc[:, 1:] <= 0).all().all()
    assert steps.isna().all(axis=1).tolist() == [label is None for label in labels]


@given(labels=grades)
def test_multiclass_truths_have_exactly_one_class_where_known(labels: list[int | None]) -> None:
    target = Target(name="grade", kind="multiclass", classes=("3", "1", "2", "0"))
    one_hot = truths(pd.Series(labels, dtype="Int64"), target)
    assert (one_hot.dropna().sum(axis=1) == 1).all()
    chosen = one_hot.dropna().idxmax(axis=1).tolist()
    assert chosen == [f"grade={label}" for label in labels if label is not None]


def test_binary_truths_keep_unknown_unknown() -> None:
    column = truths(pd.Series([1, None, 0], dtype="Int64"), Target(name="dr"))["dr"]
    assert column.tolist()[::2] == [1.0, 0.0]
    assert np.isnan(column[1])


def test_class_names_are_matched_as_written() -> None:
    target = Target(name="dr", kind="ordinal", classes=("none", "mild", "severe"))
    assert truths(pd.Series(["mild", "none"], dtype="string"), target).to_numpy().tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_a_label_that_is_no_class_is_named() -> None:
    with pytest.raises(UserError, match="label 'dr' is '4' for 2 photographs; a binary target expects 0, 1 or empty"):
        truths(pd.Series([0, 4, 4], dtype="Int64"), Target(name="dr"))


def test_chosen_outputs_are_kept_with_all_that_is_no_output(tmp_path: Path) -> None:
    content = "photo,patient,camera,truth_dr,probability_dr,truth_amd,probability_amd\na.jpg,1,x,1,0.9,0,0.2\n"
    kept = predictions_of(tmp_path, content).only(["amd"])
    assert kept.outputs == ("amd",)
    assert list(kept.table.columns) == ["photo", "patient", "camera", "truth_amd", "probability_amd"]
    with pytest.raises(UserError, match=r"no output 'amdd' \(did you mean 'amd'"):
        predictions_of(tmp_path, content).only(["amdd"])


def test_words_and_patients_have_one_spelling_each(tmp_path: Path) -> None:
    content = (
        "photo,patient,eye,sex,age,split,truth_dr,probability_dr\n"
        'a.jpg,ab-01,OD,F,061Y,val,yes,"0,9"\nb.jpg,AB-01,os,female,64y,Testing,no,0.1\n'
        "c.jpg,1.0,rechts,W,,dev,,0.2\nd.jpg,1,left,X,18M,test,TRUE,1\n"
    )
    read = predictions_of(tmp_path, content)
    table = read.table
    assert table["patient"].nunique() == 2 and len(read.remarks) == 1 and "ab-01" not in read.remarks[0].lower()
    assert table["eye"].tolist() == ["right", "left", "right", "left"]
    assert table["sex"].tolist() == ["female", "female", "female", "X"]
    assert table["age"].fillna(-1).tolist() == [61, 64, -1, 1.5]
    assert table["split"].tolist() == ["validation", "test", "validation", "test"]
    assert table["truth_dr"].fillna(-1).tolist() == [1, 0, -1, 1]
    assert table["probability_dr"].tolist() == [0.9, 0.1, 0.2, 1]


def test_a_column_that_is_not_needed_refuses_nothing(tmp_path: Path) -> None:
    predictions_of(tmp_path, "photo,patient,eye,age,truth_dr,probability_dr\na.jpg,1,right,50,1,0.9\n")
    (tmp_path / "predictions.csv").write_text(
        "photo,patient,eye,age,truth_dr,probability_dr\na.jpg,1,both,old,1,0.9\n", encoding="utf-8"
    )
    with pytest.raises(UserError, match="'eye' is 'both'"):
        read_predictions(tmp_path / "predictions.csv")
    kept = read_predictions(tmp_path / "predictions.csv", needs=()).table
    assert (kept["eye"][0], kept["age"][0]) == ("both", "old")
