"""Tables survive the round trip, and errors of a file that is no table name place and reason."""

import sys
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.core.files import require_table_output
from eyeground.core.tables import read_table, write_table
from eyeground.errors import UserError


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
        b"photo;patient\r\na.jpg;007\r\n",
        b"photo\tpatient\na.jpg\t007\n",
        b"sep=,\r\nphoto,patient\r\na.jpg,007\r\n",
        b"\xef\xbb\xbfsep=;\nphoto;patient\na.jpg;007\n",
        b'"sep=|"\nphoto|patient\na.jpg|007\n',
        b'"photo";"patient"\n"a.jpg";"007"\n',
    ],
    ids=[
        "byte order mark",
        "Windows",
        "blank lines",
        "blank rows",
        "blank columns",
        "blanks in names",
        "quoted",
        "semicolons",
        "tabs",
        "sep line",
        "mark and sep line",
        "another sep",
        "quoted semicolons",
    ],
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
        (b"photo,patient\na.jpg,M\xfcller\n", r"row 2: not UTF-8 text; save it as 'CSV UTF-8'"),
        ("photo,patient\n".encode("utf-16"), "not UTF-8"),
        (b"photo,patient\na.jpg,1,2\n", "row 2: 3 cells, but the header has 2"),
        (b"photo,patient\na.jpg,1\nb.jpg,1,2\n", "row 3: 3 cells, but the header has 2"),
        (
            b"sep=;\nphoto;patient\na.jpg;1;2\n",
            "row 2: 3 cells, but the header has 2; put cells that hold a semicolon in",
        ),
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


def test_a_decimal_comma_beside_semicolons_moves_no_cell(tmp_path: Path) -> None:
    table = table_of(tmp_path, b"photo;patient;age, years\na.jpg;1;54,5\n\nb.jpg;2;61\n")
    assert table["age, years"].tolist() == ["54,5", "61"]
    assert list(table.index + 2) == [2, 4]


def workbook(path: Path, rows: list[list[object]], formats: dict[str, str] | None = None, second: str = "") -> Path:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed: reading Excel files is not tested")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, shown in (formats or {}).items():
        book.active[cell].number_format = shown
    if second:
        book.create_sheet("legend")["A1"] = second
    else:
        book.create_sheet("empty")
    book.save(path)
    return path


def test_an_excel_table_holds_what_excel_shows(tmp_path: Path) -> None:
    rows = [
        ["photo", "patient", "visit", "dr", "score", None],
        ["a.jpg", 7, datetime(2023, 1, 2), True, 0.5, None],
        [None, None, None, None, None, None],
        ["b.jpg", "007", date(2023, 1, 3), False, 1.0, None],
        ["c.jpg", 20231100000012345678, None, None, 95, None],
    ]
    table = read_table(workbook(tmp_path / "table.xlsx", rows, {"B2": "00000"}))
    assert table["patient"].tolist() == ["00007", "007", "2.02311000000123E+19"]
    assert table["visit"].tolist()[:2] == ["2023-01-02 00:00:00", "2023-01-03 00:00:00"]
    assert table["dr"].tolist()[:2] == ["True", "False"]
    assert table["score"].tolist() == ["0.5", "1", "95"]
    assert list(table.index + 2) == [2, 4, 5]


@pytest.mark.parametrize(
    ("cell", "shown", "message"),
    [
        (7, '"P"000', r"cell A2: Excel shows this number by the format"),
        (12345, "000-00", r"cell A2: Excel shows this number by the format"),
        ("#REF!", "General", r"cell A2: holds Excel's error #REF!"),
    ],
)
def test_an_excel_cell_that_is_not_what_it_shows_is_an_error(
    tmp_path: Path, cell: object, shown: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read_table(workbook(tmp_path / "table.xlsx", [["patient"], [cell]], {"A2": shown}))


def test_of_several_sheets_none_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has 2 sheets with content \(Sheet, legend\)"):
        read_table(workbook(tmp_path / "table.xlsx", [["photo"], ["a.jpg"]], second="what the columns mean"))


def test_without_openpyxl_the_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match="pip install openpyxl"):
        read_table(tmp_path / "table.xlsx")


def test_an_output_is_checked_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()
    require_table_output(tmp_path / "new" / "deep" / "table.csv")
    for wrong in ("table.xlsx", "table", "folder.csv", "file/table.csv"):
        with pytest.raises(UserError):
            require_table_output(tmp_path / wrong)
    assert not (tmp_path / "new").exists()


def test_a_carriage_return_in_a_cell_ends_no_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["one\rtwo", "three"], "site": ["a", None]}, dtype="string")
    write_table(table, tmp_path / "table.csv")
    assert read_table(tmp_path / "table.csv").fillna("").to_numpy().tolist() == [["one\rtwo", "a"], ["three", ""]]


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), (" =A1", "' =A1"),
     ("-12", "-12"), ("+4.5e-3", "+4.5e-3"), ("007", "007"), ("a=b", "a=b")],
)  # fmt: skip
def test_on_request_no_text_is_a_formula_in_a_spreadsheet(tmp_path: Path, cell: str, written: str) -> None:
    table = pd.DataFrame({"=x": [cell], "number": [-1.5]})
    write_table(table, tmp_path / "safe.csv", for_spreadsheets=True)
    write_table(table, tmp_path / "plain.csv")
    safe = pd.read_csv(tmp_path / "safe.csv", dtype=str, skipinitialspace=False)
    assert (safe.columns[0], safe["'=x"][0], safe["number"][0]) == ("'=x", written, "-1.5")
    assert pd.read_csv(tmp_path / "plain.csv", dtype=str)["=x"][0] == cell
