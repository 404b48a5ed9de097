"""The levels of a column that divides photos: eye, sex, age band, device, source, gradability, or any other.

Nothing is merged or dropped: an empty cell is the level `unknown`. Age bands are fixed, so that none can be tuned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eyeground.core import columns
from eyeground.errors import UserError, did_you_mean

AGE_BOUNDS = (40, 50, 60, 70)
AGE_BANDS = ("under 40", "40–49", "50–59", "60–69", "70 and over")
UNKNOWN = "unknown"
MOST_LEVELS = 20
TITLES = {
    "eye": "Eye",
    "sex": "Sex",
    "age": "Age",
    "device": "Device",
    "source": "Source",
    "gradable": "Gradability",
}

_GRADABLE = {"1": "gradable", "true": "gradable", "0": "ungradable", "false": "ungradable"}


@dataclass(frozen=True)
class Breakdown:
    """A column, as levels.

    Attributes:
        levels: In reading order: age bands and numbers rising, text by alphabet, `unknown` last. At most 20, those with
            the most patients.
        level: Shape (photos,): the place of each photo's level in `levels`, -1 where it is not among them.
        not_shown: How many levels there are beside these.
    """

    column: str
    levels: tuple[str, ...]
    level: np.ndarray
    not_shown: int

    @property
    def title(self) -> str:
        """The column as a heading."""
        return TITLES.get(self.column, self.column)


def breakdown(table: pd.DataFrame, column: str) -> Breakdown:
    """Tell the photos of a table apart by a column.

    Args:
        table: Of predictions, with `patient` and the column.

    Raises:
        UserError: If there is no such column, an age is no age, or the column holds numbers with decimals.

    >>> table = pd.DataFrame({"patient": ["a", "b", "c"], "age": [39.9, 40, None]})
    >>> breakdown(table, "age").levels
    ('under 40', '40–49', 'unknown')
    """
    if column not in table:
        known = [name for name in table.columns if name not in ("photo", "patient")]
        raise UserError(
            f"the predictions have no column '{column}'{did_you_mean(column, known)}; they have {', '.join(known)}"
        )
    text = _age_bands(table[column]) if column == "age" else _text(table[column])
    text = text.mask(text == UNKNOWN, pd.NA)
    levels = _in_order(text.dropna().unique().tolist()) + [UNKNOWN] * bool(text.isna().any())
    text = text.fillna(UNKNOWN)
    if len(levels) > MOST_LEVELS:
        patients = table.groupby(text.to_numpy(), sort=True)["patient"].nunique()
        kept = set(patients.sort_values(ascending=False, kind="stable").index[:MOST_LEVELS])
        not_shown, levels = len(levels) - MOST_LEVELS, [level for level in levels if level in kept]
    else:
        not_shown = 0
    place = {level: index for index, level in enumerate(levels)}
    return Breakdown(column, tuple(levels), text.map(place).fillna(-1).to_numpy(dtype=int), not_shown)


def _age_bands(ages: pd.Series) -> pd.Series:
    years, problems = columns.age(ages)
    if problems:
        raise UserError(f"predictions, {problems[0].rows} photos: {problems[0].text}")
    bounds = [-np.inf, *AGE_BOUNDS, np.inf]
    known = years.astype("Float64").to_numpy(float, na_value=np.nan)
    return pd.Series(pd.cut(known, bounds, right=False, labels=list(AGE_BANDS)), index=ages.index).astype("string")


def _text(cells: pd.Series) -> pd.Series:
    numbers = columns.numbers_of(cells) if pd.api.types.is_float_dtype(cells.dtype) else np.empty(0)
    if (numbers[~np.isnan(numbers)] % 1 != 0).any():
        raise UserError(
            f"column '{cells.name}' holds numbers with decimals; put them into bands before comparing groups"
        )
    text = columns.text_cells(cells)
    if cells.name == "gradable":
        return text.map(lambda cell: _GRADABLE.get(cell.lower(), cell), na_action="ignore").astype("string")
    return text


def _in_order(levels: Sequence[str]) -> list[str]:
    def key(level: str) -> tuple[float, str]:
        if level in AGE_BANDS:
            return float(AGE_BANDS.index(level)), ""
        number = pd.to_numeric(level, errors="coerce")
        return (np.inf, level) if pd.isna(number) else (float(number), level)

    return sorted(levels, key=key)
