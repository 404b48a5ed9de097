"""Tables on disk: CSV, Parquet and Excel in, CSV and Parquet out, with errors that name the row.

Not in `files`, because pandas takes most of a second to import, and a process that only reads photographs needs none of it.
"""

import csv
import re
from pathlib import Path

import pandas as pd

from eyeground.core.files import READ_TABLE_SUFFIXES, replacing, require_table_output
from eyeground.core.spreadsheets import read_sheets
from eyeground.core.words import no_formula, visible
from eyeground.errors import UserError

NAMELESS = "Unnamed: "
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
MOST_CHARACTERS = 2**20  # of the first line, by which the separator is found


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV or Excel table (every cell as text, empty cells as missing) or a Parquet table.

    Cells of a CSV are separated by commas, semicolons or tabs: what a first line such as `sep=;` states, or what the
    header has most of. They stay text so that a patient called `007` keeps its zeros. Rows and nameless columns without
    content are left out; the index still counts the rows of the file, so that `index + 2` is the row a spreadsheet
    shows. A nameless column with content is called `Unnamed: ` and its position.

    Raises:
        UserError: If the file is missing, empty, no table, not UTF-8, has a row longer than its header or a repeated
            column, several sheets, or another ending.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in READ_TABLE_SUFFIXES:
        raise UserError(f"{path}: a table must end in {', '.join(READ_TABLE_SUFFIXES)}, not '{path.suffix}'")
    if not path.is_file():
        raise UserError(f"{path}: no such table; expected a file ending in {', '.join(READ_TABLE_SUFFIXES)}")
    separator, before = _separator(path) if suffix == ".csv" else (",", 0)
    try:
        if suffix == ".parquet":
            table = _read_parquet(path)
        else:
            table = _headed(path, _one_sheet(path) if suffix == ".xlsx" else _read_csv(path, separator, before))
    except UnicodeError as error:
        raise UserError(f"{path}{_row_that_is_not_utf8(path)}: not UTF-8 text; save it as 'CSV UTF-8'") from error
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path}, row 1: empty; the first row must hold the names of the columns") from error
    # What pandas and pyarrow raise of a damaged file: parser errors are ValueErrors, arrow errors are among all three, and
    # NotImplementedError is what pyarrow says of a type or compression that damage made up.
    except (ValueError, OSError, NotImplementedError) as error:
        raise UserError(f"{path}{_explain_unreadable(str(error), separator, before)}") from error
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise UserError(f"{path}: column '{repeated[0]}' appears more than once; rename or remove one")
    return table


def write_table(table: pd.DataFrame, path: Path, for_spreadsheets: bool = False) -> None:
    """Write a table as CSV or Parquet, by the ending of `path`, atomically.

    With `for_spreadsheets`, text and headings in a CSV that a spreadsheet would take for a formula get an apostrophe.

    Raises:
        UserError: If `path` ends in neither `.csv` nor `.parquet`, or cannot be written.
    """
    path = Path(path)
    suffix = require_table_output(path)
    with replacing(path) as partial:
        if suffix == ".parquet":
            table.to_parquet(partial, index=False)
        else:
            if for_spreadsheets:
                table = _without_formulas(table)
            if _holds_return(table):  # which would end a row: pandas puts it in quotes only if all text is
                table.to_csv(partial, index=False, quoting=csv.QUOTE_NONNUMERIC)
            else:
                table.to_csv(partial, index=False)


def _holds_return(table: pd.DataFrame) -> bool:
    texts = table.select_dtypes(exclude=["number", "bool"])
    return any(texts[column].astype("string").str.contains("\r", regex=False).any() for column in texts)


def _without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    safe = table.rename(columns=lambda name: no_formula(str(name)))
    for column in safe.select_dtypes(exclude=["number", "bool"]).columns:
        safe[column] = safe[column].map(no_formula)
    return safe


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    table.columns = pd.Index([visible(str(column)) for column in table.columns])
    return table.reset_index(drop=True)


def _separator(path: Path) -> tuple[str, int]:
    """What separates the cells of a CSV, and how many lines stand before its header."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        first = stream.readline(MOST_CHARACTERS)
    if declared := re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE):
        return declared[1], 1
    cells = {separator: len(next(csv.reader([first], delimiter=separator), [])) for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: cells[separator]), 0


def _read_csv(path: Path, separator: str, before: int) -> pd.DataFrame:
    # Read without a header, so that pandas neither renames a repeated column nor takes the first column of a
    # row that is too long for an index, which would move every cell one column to the right.
    return pd.read_csv(
        path,
        sep=separator,
        header=None,
        skiprows=before,
        dtype=str,
        keep_default_na=False,
        na_values=[""],
        encoding="utf-8-sig",
        skip_blank_lines=False,
        low_memory=False,
    )


def _one_sheet(path: Path) -> pd.DataFrame:
    sheets = read_sheets(path)
    if len(sheets) > 1:
        raise UserError(
            f"{path}: has {len(sheets)} sheets with content ({', '.join(sheets)}); keep one, or save the one as 'CSV UTF-8'"
        )
    return next(iter(sheets.values()))


def _headed(path: Path, cells: pd.DataFrame) -> pd.DataFrame:
    """The first row as names of the columns."""
    names = [visible(str(name)) if pd.notna(name) else "" for name in cells.iloc[0]] if len(cells) else []
    if not any(names):
        raise UserError(f"{path}, row 1: empty; the first row must hold the names of the columns")
    table = cells.iloc[1:]
    table.index = pd.RangeIndex(len(table))
    kept = [bool(name) or table[position].notna().any() for position, name in enumerate(names)]
    table.columns = pd.Index([name or f"{NAMELESS}{position}" for position, name in enumerate(names, start=1)])
    return table.loc[:, kept].dropna(how="all")


def _row_that_is_not_utf8(path: Path) -> str:
    with path.open("rb") as stream:
        for row, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeError:
                return f", row {row}"
    return ""


def _explain_unreadable(error: str, separator: str, before: int) -> str:
    if too_long := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", error):
        header, row, found = too_long.groups()
        return f", row {int(row) - before}: {found} cells, but the header has {header}; put cells that hold {SEPARATORS.get(separator, repr(separator))} in double quotes"
    if unclosed := re.search(r"EOF inside string starting at row (\d+)", error):
        return f", row {int(unclosed[1]) + 1 - before}: a double quote is opened and never closed"
    return f": cannot be read as a table: {error.strip()}"
