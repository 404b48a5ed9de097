"""Which photos of a table repeat each other: those of one patient with the same cell in a column."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from eyeground.core.columns import text_cells
from eyeground.errors import UserError, unknown


@dataclass(frozen=True)
class Pairs:
    """Pairs of photos that repeat each other.

    Attributes:
        column: Whose cells say so.
        first, second: Shape (pairs,): rows of the table, in the order of the photos' names.
        groups: How many times a patient has a cell that repeats; of three photos in it there are three pairs.
    """

    column: str
    first: np.ndarray
    second: np.ndarray
    groups: int


def repeated_photos(table: pd.DataFrame, column: str) -> Pairs:
    """Find the pairs of photos of one patient that have the same cell in a column, such as `eye`; empty cells repeat nothing.

    Args:
        table: Of predictions, ordered by photo.

    Raises:
        UserError: If there is no such column, or no two photos of a patient have the same cell.

    >>> table = pd.DataFrame({"photo": list("abcd"), "patient": list("ppqq"), "eye": ["left", "left", "left", "right"]})
    >>> repeated_photos(table, "eye").second.tolist()
    [1]
    """
    if column not in table:
        raise unknown("column", column, table.columns, "the predictions, for --repeat")
    cells = text_cells(table[column])
    rows = table.assign(cell=cells.to_numpy(), row=np.arange(len(table)))[cells.notna().to_numpy()]
    repeated = rows[rows.duplicated(["patient", "cell"], keep=False)]
    if repeated.empty:
        raise UserError(
            f"--repeat {column}: no two evaluated photos of one patient have the same '{column}', so none repeats another; "
            "give photos of one eye (or copies of one photo) the same patient and the same cell there"
        )
    groups = [group.tolist() for _, group in repeated.groupby(["patient", "cell"], sort=False)["row"]]
    pairs = np.array([pair for group in groups for pair in combinations(group, 2)], dtype=np.int64)
    return Pairs(column, pairs[:, 0], pairs[:, 1], groups=len(groups))
