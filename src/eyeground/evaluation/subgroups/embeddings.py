"""The embeddings table: `photo` and one column `e0`, `e1`, … for each component of a model's last layer."""

from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.core.tables import read_table
from eyeground.errors import UserError, did_you_mean


def read_embeddings(path: Path) -> pd.DataFrame:
    """Read and validate an embeddings table (Parquet, or CSV where it is small).

    Returns:
        Shape (photos, 1 + components): `photo` (string), then `e0`, `e1`, … (float32, finite); other columns are left
        out.

    Raises:
        UserError: If `photo` or `e0` is missing, a number is left out between them, a photo is there twice, or a value
            is none.
    """
    table = read_table(Path(path))
    if "photo" not in table:
        raise UserError(
            f"{path}: there is no column 'photo'{did_you_mean('photo', table.columns)}; name the photos as in the predictions"
        )
    numbered = sorted(int(name[1:]) for name in table.columns if name[:1] == "e" and name[1:].isdecimal())
    if not numbered:
        raise UserError(f"{path}: there are no columns 'e0', 'e1', …, one for each component of an embedding")
    if numbered != list(range(len(numbered))):
        lacking = next(number for number in range(len(numbered)) if number not in numbered)
        raise UserError(
            f"{path}: there is a column 'e{numbered[-1]}' but no 'e{lacking}'; number them from e0 without gaps"
        )
    photos = table["photo"].astype("string")
    if photos.isna().any():
        raise UserError(f"{path}, row {table.index[int(photos.isna().argmax())] + 2}: 'photo' is empty")
    if photos.duplicated().any():
        raise UserError(f"{path}: photo '{photos[photos.duplicated()].iloc[0]}' has more than one row; keep one")
    names = [f"e{number}" for number in numbered]
    values = table[names].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float32, na_value=np.nan)
    wrong = ~np.isfinite(values)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise UserError(
            f"{path}, row {table.index[row] + 2}: '{names[column]}' is no finite number (nor are {int(wrong.sum()) - 1} more)"
        )
    embeddings = pd.DataFrame(values, columns=names)
    embeddings.insert(0, "photo", photos.to_numpy())
    return embeddings
