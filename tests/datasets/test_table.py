"""A user's own CSV: stated mappings, normalised spellings, nothing by accident."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eyeground.data.manifest import read_manifest, write_manifest
from eyeground.datasets import read_labelled_table
from eyeground.errors import UserError

ROWS = "file,id,side,gender,grade,comment,clinic\n1,007,OD,F,2,blurred,A\n2,007,l,male,,,A\n3,8,Left,M,0,,B\n"
COLUMNS = {"photo": "file", "patient": "id", "eye": "side", "sex": "gender"}


def _folder(put: Callable[..., Path], rows: str = ROWS) -> Path:
    return put(("list.csv", rows), *(f"photos/{number}.jpg" for number in (1, 2, 3)))


def _read(folder: Path, **changes: Any) -> object:
    given: dict[str, Any] = {
        "columns": COLUMNS,
        "labels": ["grade"],
        "photo_folder": folder / "photos",
        "photo_suffix": ".jpg",
    }
    return read_labelled_table(folder / "list.csv", **given | changes)


def test_spellings_become_the_manifests_words(put: Callable[..., Path]) -> None:
    reading = _read(_folder(put), notes=["comment"])
    assert list(reading.table["eye"]) == ["right", "left", "left"]
    assert list(reading.table["sex"]) == ["female", "male", "male"]
    assert list(reading.table["patient"]) == ["007", "007", "8"]
    assert reading.table["note_comment"].tolist()[0] == "blurred"
    assert reading.table["grade"].isna().tolist() == [False, True, False]


def test_a_column_that_nobody_named_is_no_label_and_is_reported(put: Callable[..., Path]) -> None:
    reading = _read(_folder(put))
    assert reading.labels == ("grade",)
    assert "columns left out: comment, clinic" in reading.remarks


def test_the_manifest_can_be_written_and_read(put: Callable[..., Path]) -> None:
    folder = _folder(put)
    write_manifest(_read(folder), folder / "photos.csv")
    assert all(path.is_file() for path in read_manifest(folder / "photos.csv").photo_paths())


def test_photos_that_are_not_there_are_left_out_and_named(put: Callable[..., Path]) -> None:
    reading = _read(_folder(put, ROWS + "4,9,R,F,1,,B\n"))
    assert len(reading) == 3 and reading.absent_photos == ("4.jpg",)


def test_without_a_patient_column_there_is_a_warning(put: Callable[..., Path]) -> None:
    reading = _read(_folder(put), columns={"photo": "file"})
    assert reading.patients == 3
    assert any(remark.startswith("WARNING") for remark in reading.remarks)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {"patient": "id"}}, "which column names the photo"),
        ({"columns": {"photo": "fil"}}, r"there is no column 'fil' \(did you mean 'file'\?\)"),
        (
            {"columns": {"photo": "file", "patiant": "id"}},
            r"no manifest column 'patiant' \(did you mean 'patient'\?\)",
        ),
        ({"labels": ["file"]}, "column 'file' is used twice"),
        ({"columns": {"photo": "file", "eye": "clinic"}}, r"row 2 \(and 2 more rows\): 'eye' is 'A'"),
        ({"photo_suffix": ".png"}, "none of its 3 photographs is in"),
    ],
)
def test_a_mapping_that_cannot_work_says_why(
    put: Callable[..., Path], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        _read(_folder(put), **changes)


def test_a_label_with_a_manifest_meaning_is_refused(put: Callable[..., Path]) -> None:
    folder = _folder(put, ROWS.replace("clinic", "age"))
    with pytest.raises(UserError, match="a label cannot be called 'age'"):
        _read(folder, labels=["age"])


def test_columns_of_the_manifests_names_need_no_mapping(put: Callable[..., Path]) -> None:
    folder = put(
        "a.jpg",
        "b.jpg",
        ("list.csv", "Photo,patient,Eye,sex,split,age,dr\na.jpg,1,OD,X,dev,54y,1\nb.jpg,1,OS,,dev,,0\n"),
    )
    reading = read_labelled_table(folder / "list.csv", labels=["dr"])
    assert reading.table.iloc[0].to_dict() == {
        "photo": "a.jpg", "patient": "1", "eye": "right", "sex": "X", "split": "validation", "age": 54.0, "dr": 1
    }  # fmt: skip
    assert reading.remarks == ()


def test_a_column_that_nobody_asked_for_stops_nothing(put: Callable[..., Path]) -> None:
    folder = put("a.jpg", ("list.csv", "photo,patient,split,dr\na.jpg,1,part 3,1\n"))
    reading = read_labelled_table(folder / "list.csv", labels=["dr"])
    assert list(reading.table) == ["photo", "patient", "dr"]
    assert any("'split' is left out" in remark and "part 3" in remark for remark in reading.remarks)
    with pytest.raises(UserError, match="'split' is 'part 3'"):
        read_labelled_table(folder / "list.csv", {"split": "split"}, ["dr"])


@pytest.mark.parametrize(
    "label",
    [
        "dr=Referable DR?:yes=1,no=0,unsure=",
        "dr='Referable DR?':YES=1,No=0, unsure =",
        "dr=match('Referable DR?', '(.*)'):yes=1,no=0,unsure=",
    ],
)
def test_a_label_is_renamed_and_its_values_are_mapped(put: Callable[..., Path], label: str) -> None:
    folder = put("a.jpg", "b.jpg", "c.jpg", ("l.csv", "photo,Referable DR?\na.jpg,yes\nb.jpg,No \nc.jpg,unsure\n"))
    reading = read_labelled_table(folder / "l.csv", labels=[label], one_photo_per_patient=True)
    assert reading.table["dr"].astype("Int64").fillna(-1).tolist() == [1, 0, -1]


def test_a_value_without_a_translation_is_an_error(put: Callable[..., Path]) -> None:
    folder = put("a.jpg", "b.jpg", ("l.csv", "photo,DR\na.jpg,yes\nb.jpg,perhaps\n"))
    with pytest.raises(UserError, match=r"row 3 .*'DR' holds 'perhaps'"):
        read_labelled_table(folder / "l.csv", labels=["dr=DR:yes=1,no=0"])


def test_names_that_differ_in_capitals_are_found_or_an_error(put: Callable[..., Path]) -> None:
    folder = put(
        "Images/a.JPG",
        "Images/B.jpg",
        "Images/c.jpg",
        ("l.csv", "photo,dr\nimages/A.jpg,1\nimages/b.jpg,0\nImages/c.jpg,0\n"),
    )
    reading = read_labelled_table(folder / "l.csv", labels=["dr"], one_photo_per_patient=True)
    assert list(reading.table["photo"]) == ["Images/a.JPG", "Images/B.jpg", "Images/c.jpg"]
    assert reading.absent_photos == () and "2 photos were found" in reading.remarks[0]
    put("Images/A.JPG")
    with pytest.raises(UserError, match=r"may be A\.JPG or a\.JPG"):
        read_labelled_table(folder / "l.csv", labels=["dr"])


def test_one_photo_a_patient_contradicts_a_patient_column(put: Callable[..., Path]) -> None:
    folder = _folder(put)
    assert not any(
        remark.startswith("WARNING")
        for remark in _read(folder, columns={"photo": "file"}, one_photo_per_patient=True).remarks
    )
    with pytest.raises(UserError, match="names patients"):
        _read(folder, one_photo_per_patient=True)


def test_semicolons_and_decimal_commas_are_read(put: Callable[..., Path]) -> None:
    folder = put("a.jpg", "b.jpg", ("l.csv", "sep=;\nphoto;patient;age;dr\na.jpg;1;54,5;1,0\nb.jpg;1;54,5;0,0\n"))
    reading = read_labelled_table(folder / "l.csv", labels=["dr"])
    assert reading.table["age"].tolist() == [54.5, 54.5] and reading.table["dr"].tolist() == [1, 0]
