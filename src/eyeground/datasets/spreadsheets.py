"""Reading the `.xlsx` tables that a few datasets are published with.

openpyxl is asked for only when such a dataset is read: nobody else should have to install it.
"""

from pathlib import Path
from zipfile import BadZipFile

import pandas as pd

from eyeground.errors import UserError


def read_spreadsheet(path: Path) -> pd.DataFrame:
    """Return the first sheet of an Excel file, every cell as text, without taking any row for a header.

    Raises
    ------
    UserError
        If openpyxl is not installed, or the file cannot be read.
    """
    try:
        sheet = pd.read_excel(path, header=None, dtype=str, engine="openpyxl")
    except ImportError as error:
        raise UserError(f"{path}: reading an Excel file needs openpyxl; run `pip install openpyxl`") from error
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise UserError(f"{path}: cannot be read as an Excel file: {error}") from error
    return sheet
