"""Tables survive the disk, and what is no table says where and why."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.errors import UserError
from eyeground.tables import read_table, write_table


def table_of(folder: Path, content: bytes, name: str = "table.csv") -> pd.DataFrame:
    path = folder / name
    path.write_bytes(content)
    return read_table(path)


cell = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
@given(rows=st.lists(st.tuples(cell, cell, st.just("filled")), min_size=1, max_size=8))
def test_text_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: list[tuple[str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("table") / f"table{suffix}"
    written = pd.DataFrame(rows, columns=["first", "second", "third"]).replace("", None).astype("string")
    write_table(written, path)
    assert read_table(path).astype("string").equals(written)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfphoto,patient\na.jpg,007\n",
        b"photo,patient\r\na.jpg,007\r\n",
        b"photo,patient\na.jpg,007\n\n\n",
        b"photo,patient\na.jpg,007\n,\n,\n",
        b"photo,patient,,\na.jpg,007,,\n",
        b" photo , patient \na.jpg,007\n",
        b'"photo","patient"\n"a.jpg","007"',
    ],
    ids=["byte order mark", "Windows", "blank lines", "blank rows", "blank columns", "blanks in names", "quoted"],
)
def test_what_spreadsheets_write_reads_as_the_same_table(tmp_path: Path, content: bytes) -> None:
    assert table_of(tmp_path, content).to_dict("list") == {"photo": ["a.jpg"], "patient": ["007"]}


def test_the_index_counts_rows_as_a_spreadsheet_does(tmp_path: Path) -> None:
    table = table_of(tmp_path, b"photo\na.jpg\n\n\nb.jpg\n")
    assert list(table.index + 2) == [2, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"table\.csv, row 1: empty; the first row must hold the names"),
        (b"\nphoto,patient\n", "row 1: empty"),
        (b",\nphoto,patient\n", "row 1: empty"),
        (b"photo;patient\na.jpg;1\n", "separated by semicolons; save it as CSV separated by commas"),
        (b"photo\tpatient\na.jpg\t1\n", "separated by tabs"),
        (b"photo,patient\na.jpg,M\xfcller\n", r"row 2: not UTF-8 text; save it as 'CSV UTF-8'"),
        ("photo,patient\n".encode("utf-16"), "not UTF-8"),
        (b"photo,patient\na.jpg,1,2\n", "row 2: 3 cells, but the header has 2"),
        (b"photo,patient\na.jpg,1\nb.jpg,1,2\n", "row 3: 3 cells, but the header has 2"),
        (b'photo,patient\n"a.jpg,1\n', "row 2: a double quote is opened and never closed"),
        (b"photo,patient,photo\na.jpg,1,b.jpg\n", "column 'photo' appears more than once"),
    ],
)
def test_a_table_that_cannot_be_read_says_where_and_why(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table_of(tmp_path, content)


@pytest.mark.parametrize("name", ["missing.csv", "folder.csv", "table.xlsx", "table"])
def test_what_is_no_table_is_a_user_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match=name):
        read_table(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"photo,patient\n", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_a_parquet_file_that_is_none_is_a_user_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match=r"table\.parquet: cannot be read as a table"):
        table_of(tmp_path, content, "table.parquet")


def test_a_parquet_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"photo": ["a.jpg"]}, index=pd.Index(["007"], name="patient")).to_parquet(path)
    assert read_table(path).to_dict("list") == {"patient": ["007"], "photo": ["a.jpg"]}


def test_writing_a_table_under_an_unknown_ending_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must end in \.csv or \.parquet, not '\.xlsx'"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "table.xlsx")
    assert list(tmp_path.iterdir()) == []
