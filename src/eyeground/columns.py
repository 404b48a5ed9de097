"""What a column of the manifest may hold, and how a wrong cell is told.

Every column becomes typed text, numbers or classes, and a cell that cannot is a problem with its row and its
fix. Cells that are wrong in the same way are one problem with a count, so that a table whose every `eye` is
`OD` says so once, and leaves room for the other things that are wrong with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eyeground.errors import UserError, did_you_mean

EYES = ("left", "right")
SPLITS = ("train", "validation", "test")
SEXES = ("female", "male")
HIGHEST_LABEL = 999
MOST_PROBLEMS_SHOWN = 10

# Written by other programs for "missing"; here missing is an empty cell, and a patient called 'nan' is many patients.
MISSING_WORDS = ("na", "n/a", "#n/a", "nan", "null", "<na>", "nat")

_TRUTH_VALUES = {"true": "1", "false": "0"}
_CHOICES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "eye": (EYES, {"od": "right", "os": "left", "r": "right", "l": "left", "re": "right", "le": "left"}),
    "split": (
        SPLITS,
        {"val": "validation", "valid": "validation", "dev": "validation", "training": "train", "testing": "test"},
    ),
    "sex": (SEXES, {"f": "female", "m": "male", "woman": "female", "man": "male"}),
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one or more cells.

    Attributes
    ----------
    position : int
        Position of the first such row, from 0.
    rows : int
        How many rows share the problem.
    text : str
        What is wrong and what is expected, without the row.
    """

    position: int
    rows: int
    text: str


Typed = tuple[pd.Series, list[Problem]]


def refuse(problems: Sequence[Problem], name: str, row_numbers: Sequence[int] | pd.Index) -> None:
    """Raise a `UserError` that lists up to ten problems by row, if there are any.

    Parameters
    ----------
    problems : sequence of Problem
    name : str
        What to call the table.
    row_numbers : sequence of int
        The number that a spreadsheet shows for each position.
    """
    if not problems:
        return
    ordered = sorted(problems, key=lambda problem: problem.position)
    lines = []
    for problem in ordered[:MOST_PROBLEMS_SHOWN]:
        others = f" (and {problem.rows - 1:,} more rows)" if problem.rows > 1 else ""
        lines.append(f"{name}, row {row_numbers[problem.position]}{others}: {problem.text}")
    more = len(problems) - MOST_PROBLEMS_SHOWN
    raise UserError("\n".join(lines) + (f"\n… and {more:,} more problems" if more > 0 else ""))


def problems_of(wrong: pd.Series, explain: Callable[[str], str]) -> list[Problem]:
    """Return one problem per different wrong cell; `wrong` holds the wrong cells, indexed by position."""
    if wrong.empty:
        return []
    text = wrong.astype("string").fillna("")
    counts = text.value_counts()
    first = text.drop_duplicates()
    return [
        Problem(int(position), int(counts[cell]), explain(cell))
        for position, cell in zip(first.index, first, strict=True)
    ]


def text_cells(cells: pd.Series) -> pd.Series:
    """Text without surrounding blanks; whole numbers without a decimal point; blank is missing."""
    if pd.api.types.is_float_dtype(cells.dtype):
        numbers = numbers_of(cells)
        known = numbers[~np.isnan(numbers)]
        if np.isfinite(known).all() and (known % 1 == 0).all() and (np.abs(known) < 2**53).all():
            return pd.Series(numbers, index=cells.index, name=cells.name).astype("Int64").astype("string")
    text = cells.astype("string").str.strip()
    blank = text == ""
    return text.mask(blank, pd.NA) if blank.any() else text


def numbers_of(cells: pd.Series) -> np.ndarray:
    """Cells as floats, NaN where missing or no number."""
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        cells = pd.to_numeric(cells.astype("string"), errors="coerce")
    return cells.to_numpy(dtype=float, na_value=np.nan)


def required_text(cells: pd.Series) -> Typed:
    """Text in every row."""
    text = text_cells(cells)
    lacking = text[text.isna() | _says_missing(text, (*MISSING_WORDS, "none"))]

    def explain(cell: str) -> str:
        found = f"'{cell}'" if cell else "empty"
        return f"'{cells.name}' is {found}; every photograph needs one"

    return text, problems_of(lacking, explain)


def paths(cells: pd.Series, required: bool) -> Typed:
    """Paths with `/` between folders, spelled one way: without `./` and doubled `/`."""
    text, problems = required_text(cells) if required else (text_cells(cells), [])
    untidy = text.str.contains(r"(?:^|/)\.(?:/|$)|//", regex=True, na=False)
    if untidy.any():
        tidy = text[untidy].str.replace(r"/(?:\.?/)+", "/", regex=True).str.replace(r"^(?:\./)+", "", regex=True)
        text = text.mask(untidy, tidy)
    strange = text[text.str.contains(r"[\\\x00-\x1f]", regex=True, na=False)]
    return text, problems + problems_of(
        strange,
        lambda cell: (
            f"'{cells.name}' is {cell!r}; write folders with '/'"
            if "\\" in cell
            else f"'{cells.name}' is {cell!r}, which holds a control character"
        ),
    )


def choice(cells: pd.Series, column: str) -> Typed:
    """One of a column's few words, or missing."""
    allowed, synonyms = _CHOICES[column]
    text = text_cells(cells)
    expected = ", ".join(f"'{word}'" for word in allowed)

    def explain(cell: str) -> str:
        meant = synonyms.get(cell.lower()) or (cell.lower() if cell.lower() in allowed else None)
        hint = f" (did you mean '{meant}'?)" if meant else did_you_mean(cell, allowed)
        return f"'{column}' is '{cell}'; expected {expected} or empty{hint}"

    return text, problems_of(text[text.notna() & ~text.isin(allowed)], explain)


def number(cells: pd.Series, low: float, high: float, expected: str, whole: bool = False) -> Typed:
    """A number from `low` to `high`, or missing."""
    known, numbers = _parsed(cells)
    right = _within(numbers, low, high, whole)
    typed = pd.Series(np.where(right, numbers, np.nan), index=cells.index, name=cells.name)
    return typed.astype("Int64" if whole else "Float64"), problems_of(
        text_cells(cells[known & ~right]), lambda cell: f"'{cells.name}' is '{cell}'; expected {expected}"
    )


def label(cells: pd.Series) -> Typed:
    """Whole numbers where the known cells are numbers, class names where they are not; a mixture is a problem."""
    if not pd.api.types.is_numeric_dtype(cells.dtype) or pd.api.types.is_bool_dtype(cells.dtype):
        cells = text_cells(cells)
        if _is_truth_value(cells):
            cells = cells.str.lower().map(_TRUTH_VALUES).astype("string")
    known, numbers = _parsed(cells)
    numeric = known & ~np.isnan(numbers)
    names = known & ~numeric
    if names.any():
        missing = names & _says_missing(cells, MISSING_WORDS).to_numpy(dtype=bool)
        if missing.any():
            leave_empty = f"leave the cell empty where '{cells.name}' is unknown"
            return cells, problems_of(cells[missing], lambda cell: f"label '{cells.name}' is '{cell}'; {leave_empty}")
    if not numeric.any():
        return text_cells(cells), []
    no_label = f"If '{cells.name}' is no label, rename it 'note_{cells.name}'"
    if names.sum() > numeric.sum():
        expected = "expected a class name or empty, as in the other rows"
        wrong = numeric
    else:
        expected = f"expected a whole number from 0 to {HIGHEST_LABEL} (0/1 or a grade) or empty, as in the other rows"
        wrong = known & ~_within(numbers, 0, HIGHEST_LABEL, whole=True)
    problems = problems_of(
        text_cells(cells[wrong]), lambda cell: f"label '{cells.name}' is '{cell}'; {expected}. {no_label}"
    )
    typed = pd.Series(np.where(wrong, np.nan, numbers), index=cells.index, name=cells.name)
    return typed if problems else typed.astype("Int64"), problems


def _parsed(cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which cells are known, and what number each is (NaN where it is none)."""
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        cells = text_cells(cells)
    return cells.notna().to_numpy(dtype=bool), numbers_of(cells)


def _within(numbers: np.ndarray, low: float, high: float, whole: bool) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        inside: np.ndarray = (numbers >= low) & (numbers <= high) & ((numbers % 1 == 0) | (not whole))
    return inside


def _is_truth_value(text: pd.Series) -> bool:
    """Whether every known cell is `true` or `false`, looking at the different cells only."""
    words = [str(word).lower() for word in text.dropna().unique()[:5]]
    return bool(words) and all(word in _TRUTH_VALUES for word in words)


def _says_missing(text: pd.Series, words: Sequence[str]) -> pd.Series:
    return text.str.lower().isin(words)
