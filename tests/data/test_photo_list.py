"""Lists of photographs to screen: what is needed is read, and the rest passed over."""

from pathlib import Path

import pytest

from eyeground.data.column_mapping import parse_columns
from eyeground.data.photo_list import PHOTO_LIST, read_photo_list
from eyeground.errors import UserError


def test_a_list_of_photos_needs_no_patient_and_no_labels_that_are_right(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("photo,patient,eye,grade\n./a.jpg,007,left,n.k.\nb.jpg,,,3\n")
    table = read_photo_list(tmp_path / "list.csv").table
    assert table.fillna("").to_numpy().tolist() == [["a.jpg", "007", "left"], ["b.jpg", "", ""]]
    (tmp_path / "short.csv").write_text("photo\na.jpg\n")
    assert read_photo_list(tmp_path / "short.csv").table.fillna("").to_numpy().tolist() == [["a.jpg", "", ""]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,patient\na.jpg,1\n", "no column 'photo'; rename 'image' to 'photo'. It needs photo."),
        ("photo,patient\na.jpg,NA\n", "row 2: 'patient' is 'NA'"),
        (
            'photo,eye\n"",left\na.jpg,OU\n',
            "row 3: 'eye' is 'OU'; expected 'left', 'right' or empty",
        ),
        ("photo\n", "has no rows"),
    ],
)
def test_mistakes_in_a_list_of_photos_name_row_and_fix(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UserError) as error:
        read_photo_list(tmp_path / "list.csv")
    assert message in str(error.value)


def test_a_list_in_other_words_is_read(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("File;MRN;Side;Accession\na.jpg;AB-1;OD;7\nb.jpg;ab-1;links;\n")
    mapping = parse_columns(["photo=File, patient=MRN", "eye=Side"], PHOTO_LIST)
    listed = read_photo_list(tmp_path / "list.csv", mapping, keep=["Accession"])
    assert listed.table.fillna("").to_numpy().tolist() == [
        ["a.jpg", "AB-1", "right", "7"],
        ["b.jpg", "AB-1", "left", ""],
    ]
    assert "1 differ" in listed.remarks[0]
    with pytest.raises(UserError, match=r"no further column 'Acession' .did you mean 'Accession'"):
        read_photo_list(tmp_path / "list.csv", mapping, keep=["Acession"])
    with pytest.raises(UserError, match=r"no column 'Fil' to be 'photo' .did you mean 'File'"):
        read_photo_list(tmp_path / "list.csv", parse_columns(["photo=Fil"], PHOTO_LIST))
    with pytest.raises(UserError, match="'fold' is not a column of ours; use photo, patient, eye"):
        parse_columns(["fold=File"], PHOTO_LIST)


def test_capitals_of_our_own_names_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("Photo,PATIENT,Eye\na.jpg,1,R\n")
    assert read_photo_list(tmp_path / "list.csv").table.to_numpy().tolist() == [["a.jpg", "1", "right"]]
