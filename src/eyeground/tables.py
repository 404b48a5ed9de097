"""Tables on disk: CSV and Parquet in, CSV and Parquet out, with errors that name the row.

Apart from `files`, because pandas takes most of a second to import, and a process that only reads photographs
needs none of it.
"""

import re
from pathlib import Path

import pandas as pd

from eyeground.errors import UserError
from eyeground.files import TABLE_SUFFIXES, replacing

NAMELESS = "Unnamed: "


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV (every cell as text, empty cells as missing) or Parquet table.

    Cells of a CSV stay text so that a patient called `007` keeps its zeros; whoever reads a column decides
    what it means. Rows without any content and nameless columns without any content are left out; the index
    still counts the rows of the file, so that `index + 2` is the row a spreadsheet shows. A nameless column with
    content is called `Unnamed: ` and its position.

    Raises
    ------
    UserError
        If the file is missing, empty, no table, not UTF-8, not separated by commas, has a row longer than its
        header or a repeated column, or ends in neither `.csv` nor `.parquet`.
    """
    path = Path(path)
    suffix = _table_suffix(path)
    if not path.is_file():
        raise UserError(f"{path}: no such table; expected a file ending in {' or '.join(TABLE_SUFFIXES)}")
    try:
        table = _read_csv(path) if suffix == ".csv" else _read_parquet(path)
    except UnicodeError as error:
        raise UserError(f"{path}{_row_that_is_not_utf8(path)}: not UTF-8 text; save it as 'CSV UTF-8'") from error
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path}, row 1: empty; the first row must hold the names of the columns") from error
    # What pandas and pyarrow raise of a damaged file: parser errors are ValueErrors, arrow errors are among all three, and
    # NotImplementedError is what pyarrow says of a type or compression that damage made up.
    except (ValueError, OSError, NotImplementedError) as error:
        raise UserError(f"{path}{_explain_unreadable(str(error))}") from error
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise UserError(f"{path}: column '{repeated[0]}' appears more than once; rename or remove one")
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, by the ending of `path`, atomically.

    Raises
    ------
    UserError
        If `path` ends in neither `.csv` nor `.parquet`, or cannot be written.
    """
    path = Path(path)
    suffix = _table_suffix(path)
    with replacing(path) as partial:
        if suffix == ".parquet":
            table.to_parquet(partial, index=False)
        else:
            table.to_csv(partial, index=False)


def _table_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise UserError(f"{path}: a table must end in {' or '.join(TABLE_SUFFIXES)}, not '{path.suffix}'")
    return suffix


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    table.columns = pd.Index([str(column).strip() for column in table.columns])
    return table.reset_index(drop=True)


def _read_csv(path: Path) -> pd.DataFrame:
    # Read without a header, so that pandas neither renames a repeated column nor takes the first column of a
    # row that is too long for an index, which would move every cell one column to the right.
    cells = pd.read_csv(
        path,
        header=None,
        dtype=str,
        keep_default_na=False,
        na_values=[""],
        encoding="utf-8-sig",
        skip_blank_lines=False,
        low_memory=False,
    )
    names = [str(name).strip() if pd.notna(name) else "" for name in cells.iloc[0]]
    if not any(names):
        raise UserError(f"{path}, row 1: empty; the first row must hold the names of the columns")
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            raise UserError(f"{path}: cells are separated by {word}; save it as CSV separated by commas")
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


def _explain_unreadable(error: str) -> str:
    if too_long := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", error):
        header, row, found = too_long.groups()
        return f", row {row}: {found} cells, but the header has {header}; put cells that hold a comma in double quotes"
    if unclosed := re.search(r"EOF inside string starting at row (\d+)", error):
        return f", row {int(unclosed[1]) + 1}: a double quote is opened and never closed"
    return f": cannot be read as a table: {error.strip()}"
