"""Somebody's own CSV: said mappings, normalised spellings, nothing by accident."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eyeground.datasets import read_labelled_table
from eyeground.errors import UserError
from eyeground.manifest import read_manifest, write_manifest

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
    assert read_manifest(folder / "photos.csv").missing_photos() == []


def test_photos_that_are_not_there_are_left_out_and_named(put: Callable[..., Path]) -> None:
    reading = _read(_folder(put, ROWS + "4,9,R,F,1,,B\n"))
    assert len(reading) == 3 and reading.absent_photos == ("4.jpg",)


def test_without_a_patient_column_there_is_a_loud_warning(put: Callable[..., Path]) -> None:
    reading = _read(_folder(put), columns={"photo": "file"})
    assert reading.patients == 3
    assert any(remark.startswith("WARNING") for remark in reading.remarks)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {"patient": "id"}}, "say which column names the photo"),
        ({"columns": {"photo": "fil"}}, r"there is no column 'fil' \(did you mean 'file'\?\)"),
        (
            {"columns": {"photo": "file", "patiant": "id"}},
            r"'patiant' is not a manifest column \(did you mean 'patient'\?\)",
        ),
        ({"labels": ["file"]}, "column 'file' is used twice"),
        ({"columns": {"photo": "file", "eye": "clinic"}}, "row 2: 'clinic' is 'A'; as eye, expected one of"),
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
