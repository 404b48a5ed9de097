"""Excel files (`.xlsx`) as text, each cell as Excel shows it; a cell that cannot be read so is an error.

openpyxl is imported only when such a file is read: nobody else has to install it.
"""

import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import pandas as pd

from eyeground.errors import UserError

MOST_BYTES = 2**30  # of all that is packed in the file: more is no table of photographs
MOST_DIGITS = 15  # that Excel keeps of a number
_ZEROS = re.compile(r"0+")
# Formats by which a number is shown as something else: "P"000, 000-00.
_DISGUISED = re.compile(r'"[^"]*[A-Za-z0-9][^"]*"|\\[A-Za-z]|0\\?[-/]0')


def read_sheets(path: Path) -> dict[str, pd.DataFrame]:
    """Return the sheets that hold anything, by name, every cell as text, without taking any row for a header.

    Dates end in ` 00:00:00` and numbers of more digits than Excel keeps are written with `E+`, so that neither can pass
    for an identifier.

    Raises:
        UserError: If openpyxl is not installed, the file cannot be read, a cell holds an error, or one is shown as
            something else than it holds.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UserError(
            f"{path}: reading an Excel file needs openpyxl; run `pip install openpyxl`, or save the table as 'CSV UTF-8'"
        ) from error
    try:
        with ZipFile(path) as packed:
            if sum(member.file_size for member in packed.infolist()) > MOST_BYTES:
                raise UserError(
                    f"{path}: unpacks to more than {MOST_BYTES // 2**20} MiB; save the table as 'CSV UTF-8'"
                )
        book = load_workbook(path, read_only=True, data_only=True)
        sheets = {sheet.title: _cells(sheet, path) for sheet in book.worksheets}
        book.close()
    except UserError:
        raise
    except BadZipFile as error:
        raise UserError(
            f"{path}: cannot be read as an Excel file: {error}; save it again as .xlsx, or as CSV"
        ) from error
    except Exception as error:  # a damaged file makes openpyxl raise anything
        raise UserError(f"{path}: cannot be read as an Excel file: {error}") from error
    filled = {title: sheet for title, sheet in sheets.items() if sheet.notna().to_numpy().any()}
    return filled or dict(list(sheets.items())[:1])


def first_sheet(path: Path) -> pd.DataFrame:
    """Return the first sheet that holds anything; see `read_sheets`."""
    return next(iter(read_sheets(path).values()))


def _cells(sheet: Any, path: Path) -> pd.DataFrame:
    rows = [[_text(cell, path) for cell in row] for row in sheet.iter_rows()]
    return pd.DataFrame(rows, dtype="string")


def _text(cell: Any, path: Path) -> str | None:
    value = cell.value
    if value is None:
        return None
    if cell.data_type == "e" and value != "#N/A":
        raise UserError(
            f"{path}, cell {cell.coordinate}: holds Excel's error {value}; mend its formula, or empty the cell"
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        midnight = isinstance(value, date) and not isinstance(value, datetime)
        return f"{value} 00:00:00" if midnight else (str(value) if not isinstance(value, time) else value.isoformat())
    shown = str(cell.number_format).split(";")[0]
    if _DISGUISED.search(shown):
        raise UserError(
            f"{path}, cell {cell.coordinate}: Excel shows this number by the format {shown}, as something else than it holds; "
            "save the table as 'CSV UTF-8', which keeps what is shown"
        )
    if abs(value) >= 10**MOST_DIGITS:
        return f"{value:.{MOST_DIGITS - 1}E}"
    if value == int(value):
        return str(int(value)).zfill(len(shown) if _ZEROS.fullmatch(shown) else 0)
    return repr(float(value))
