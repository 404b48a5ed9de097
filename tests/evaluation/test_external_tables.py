"""Predictions tables that others wrote."""

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.data.column_mapping import Origin
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.external_tables import parse_mapping, read_external

REAL = Path(__file__).parents[3] / "shared" / "data" / "predictions" / "referable_dr_resnet18.csv"
BASE = "photo=File, patient=File, truth:dr=Label, probability:dr=Score"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text(
        'File,Label,Score,Name,"Age, years"\nDDR/1_left.jpg,1,0.9,Smith,61\n\nDDR/1_right.jpg,0,0.2,Smith,61\n'
        "Messidor/7_left.jpg,,0.4,Jones,\n"
    )
    return path


def test_columns_are_renamed_and_unmapped_ones_left_out(table):
    read = read_external(table, parse_mapping([BASE])).table
    assert list(read.columns) == ["photo", "patient", "truth_dr", "probability_dr"]
    assert read["truth_dr"].tolist()[:2] == [1, 0] and pd.isna(read["truth_dr"][2])


def test_folders_and_patterns_are_taken_out_of_a_column(table):
    texts = [
        'photo=File, source=folder(File), eye=match(File, "_(left|right)"), patient=match(File, "^[^_]+")',
        "truth_dr=Label, probability:dr=Score, age='Age, years'",
    ]
    read = read_external(table, parse_mapping(texts)).table
    assert read["source"].tolist() == ["DDR", "DDR", "Messidor"]
    assert read["eye"].tolist() == ["left", "right", "left"]
    assert read["patient"].tolist() == ["DDR/1", "DDR/1", "Messidor/7"]
    assert read["age"].dropna().tolist() == [61, 61]


def test_a_yaml_file_says_the_same(table, tmp_path):
    (tmp_path / "columns.yaml").write_text(
        "photo: File\npatient: match(File, '^[^_]+')\nsource: folder(File)\n"
        "truth:dr: Label\nprobability:dr: Score\nage: Age, years\n"
    )
    text = "photo=File, patient=match(File, '^[^_]+'), source=folder(File), truth:dr=Label, probability:dr=Score"
    assert parse_mapping([str(tmp_path / "columns.yaml")]) == parse_mapping([text, 'age="Age, years"'])
    assert len(read_external(table, parse_mapping([str(tmp_path / "columns.yaml")])).table) == 3


def test_columns_that_bear_our_names_need_no_mapping(tmp_path):
    path = tmp_path / "ours.csv"
    path.write_text("photo,patient,truth_dr,probability_dr,split,surname\nDDR/1.jpg,1,1,0.5,test,Smith\n")
    read = read_external(path, parse_mapping(["source=folder(photo)"])).table
    assert set(read.columns) == {"photo", "patient", "truth_dr", "probability_dr", "split", "source"}


@given(st.text(st.characters(exclude_characters="'\"\\", exclude_categories=["C", "Z"]), min_size=1))
def test_any_name_of_a_column_can_be_quoted(name):
    for quote in "'\"":
        assert parse_mapping([f"photo={quote}{name}{quote}, source=folder({quote}{name}{quote})"]) == {
            "photo": Origin(name),
            "source": Origin(name, "folder"),
        }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["photo"], "'photo' is no 'ours=theirs' pair"),
        (["photo=File, patient"], "'patient' is no 'ours=theirs' pair"),
        ([""], "--columns is empty"),
        (["phoot=File"], "'phoot' is not a column of ours (did you mean 'photo'?)"),
        (["truth:=File"], "'truth:' is not a column of ours"),
        (["photo=File", "photo=Name"], "maps 'photo' twice"),
        (["truth:dr=Label, truth_dr=Label"], "maps 'truth_dr' twice"),
        (["source=fodler(File)"], "'fodler' of 'source' is unknown (did you mean 'folder'?)"),
        (["source=match(File)"], "write 'source' as folder(column), or as match"),
        (["source=folder(File, 'x')"], "write 'source' as folder(column), or as match"),
        (["source=match(File, '(')"], "is no regular expression"),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_a_mapping_that_cannot_be_read_says_why(texts, message):
    with pytest.raises(UserError, match=re.escape(message)):
        parse_mapping(texts)


@pytest.mark.parametrize("content", ["- photo", "photo: {a: 1}", "photo: 1", "photo: [", ""])
def test_a_yaml_file_that_is_no_mapping_says_so(tmp_path, content):
    (tmp_path / "columns.yml").write_text(content)
    with pytest.raises(UserError, match=r"columns\.yml"):
        parse_mapping([str(tmp_path / "columns.yml")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            BASE.replace("Score", "Scroe"),
            "no column 'Scroe' to be 'probability_dr' (did you mean 'Score'?). Columns found",
        ),
        ("photo=File, truth:dr=Label, probability:dr=Score", "every photo then counts as a patient"),
        ("patient=File, truth:dr=Label, probability:dr=Score", "which column is 'photo'"),
        ("photo=File, patient=File", "names no output"),
        ("photo=File, patient=File, truth:dr=Label", "'truth:dr' has no 'probability:dr'"),
        ("photo=File, patient=File, truth:dr=Label, probability:rd=Score", "did you mean"),
        (
            BASE.replace("probability:dr=Score", "probability:dr=Name"),
            "row 2 (and 2 more rows): 'probability_dr' is 'Smith'",
        ),
        (BASE.replace("photo=File", "photo=folder(File)"), "row 4: 'photo' is 'DDR', as in an earlier row"),
        (BASE + ", sex=match(File, 'z')", ""),
    ],
)
def test_a_mapping_that_does_not_fit_the_table_says_why(table, text, message):
    if not message:
        assert read_external(table, parse_mapping([text])).table["sex"].isna().all()
        return
    with pytest.raises(UserError, match=re.escape(message)):
        read_external(table, parse_mapping([text]))


def test_errors_in_cells_name_their_row_and_the_mapping(table):
    with pytest.raises(UserError) as caught:
        read_external(table, parse_mapping([BASE.replace("patient=File", "patient=match(File, '^DDR')")]))
    # A blank line stands before it.
    assert "row 5: 'patient' is empty" in str(caught.value)
    assert "As mapped: photo is 'File', patient is match(File, '^DDR')" in str(caught.value)


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_file(), reason="needs the published predictions")
def test_published_figures_come_out_of_the_published_predictions():
    text = (
        r"photo=Filename, source=folder(Filename), patient=match(Filename, '^(?:Kaggle|DeepDRID)/\d+|^.+'), "
        "truth:referable=Ground truth label, probability:referable=Refereable"
    )
    predictions = read_external(REAL, parse_mapping([text]))

    def auroc(table):
        return evaluate(Predictions(table.reset_index(drop=True)), resamples=0).outputs[0].estimate("auroc").value

    assert len(predictions.table) == 61007
    assert round(auroc(predictions.table), 3) == 0.955
    sources = dict(list(predictions.table.groupby("source")))
    assert {name: round(auroc(sources[name]), 4) for name in ("Messidor2", "Kaggle", "DDR", "IDRID", "DeepDRID")} == {
        "Messidor2": 0.9732,
        "Kaggle": 0.9515,
        "DDR": 0.9654,
        "IDRID": 0.9487,
        "DeepDRID": 0.9586,
    }
    assert round(auroc(sources["Paraguay"]), 4) == 0.9865
    assert sources["Kaggle"]["patient"].nunique() == 26788


@pytest.mark.parametrize(
    "text", ["truth:grade>=1=Worst, probability:grade>=1=P", "'truth:dx=amd'=Worst, \"probability:dx=amd\"=P"]
)
def test_outputs_whose_names_hold_an_equals_sign_can_be_mapped(text: str) -> None:
    mapping = parse_mapping([text])
    assert [origin.column for origin in mapping.values()] == ["Worst", "P"]
    assert all(name.split("_", 1)[1] in ("grade>=1", "dx=amd") for name in mapping)
