"""Typed columns: text, numbers or classes; a cell that is none of them is a problem with its row and its fix.

All cells of a column that are wrong in one way are one problem with a count, so that the other problems are shown too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eyeground.core import words
from eyeground.core.words import EYES, SPLITS
from eyeground.errors import UserError, did_you_mean

HIGHEST_LABEL = 999
MOST_PROBLEMS_SHOWN = 10
MOST_CELLS_SHOWN = 3

# Written by other programs for "missing"; here missing is an empty cell, and a patient called 'nan' is many patients.
MISSING_WORDS = ("na", "n/a", "#n/a", "nan", "null", "<na>", "nat")
_ALLOWED = {"eye": EYES, "split": SPLITS}
_WHOLE_WITH_COMMA = r"(\d+),0+"
_AS_TEXT = "format the column as text where it comes from, and export the table again"


@dataclass(frozen=True)
class Problem:
    """What is wrong with one or more cells.

    Attributes:
        position: Position of the first such row, from 0; -1 is the header.
        rows: How many rows share the problem.
        text: What is wrong and what is expected, without the row.
    """

    position: int
    rows: int
    text: str


Typed = tuple[pd.Series, list[Problem]]


def refuse(problems: Sequence[Problem], name: str, row_numbers: Sequence[int] | pd.Index) -> None:
    """Raise a `UserError` that lists up to ten problems by row, if there are any.

    Args:
        name: What to call the table.
        row_numbers: The number that a spreadsheet shows for each position.
    """
    if not problems:
        return
    ordered = sorted(problems, key=lambda problem: problem.position)
    lines = []
    for problem in ordered[:MOST_PROBLEMS_SHOWN]:
        others = (
            f" (and {problem.rows - 1:,} more {'row' if problem.rows == 2 else 'rows'})" if problem.rows > 1 else ""
        )
        place = f", row {row_numbers[problem.position]}{others}" if problem.position >= 0 else ""
        lines.append(f"{name}{place}: {problem.text}")
    more = len(problems) - MOST_PROBLEMS_SHOWN
    raise UserError("\n".join(lines) + (f"\n… and {more:,} more problems" if more > 0 else ""))


def problems_of(wrong: pd.Series, explain: Callable[[str], str]) -> list[Problem]:
    """Return one problem for all wrong cells, in the words of `explain` on the first.

    Args:
        wrong: The wrong cells, indexed by position.
    """
    if wrong.empty:
        return []
    text = wrong.astype("string").fillna("")
    others = [f"'{cell}'" if cell else "empty" for cell in text.drop_duplicates().iloc[1 : MOST_CELLS_SHOWN + 1]]
    also = f"; others are {', '.join(others)}" if others else ""
    return [Problem(int(wrong.index[0]), len(wrong), explain(text.iloc[0]) + also)]


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


def mapped(text: pd.Series, function: Callable[[str], str | None]) -> pd.Series:
    """Each different text as `function` says it, asked once for each; what it does not know is missing."""
    known = {cell: function(cell) for cell in text.dropna().unique()}
    return text.map(known).astype("string")


def required_text(cells: pd.Series) -> Typed:
    """Text in every row, which no spreadsheet has shortened or turned into a date."""
    text = text_cells(cells)
    lacking = text[text.isna() | _says_missing(text, (*MISSING_WORDS, "none"))]
    problems = problems_of(
        lacking, lambda cell: f"'{cells.name}' is {repr(cell) if cell else 'empty'}; every photograph needs one"
    )
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        lost = pd.Series("is a date", index=text.index)[text.notna()]
    else:
        lost = mapped(text[text.str.match(r"[\d#]", na=False)], words.lost_identifier).dropna()
    return text, problems + problems_of(lost, lambda why: f"'{cells.name}' {why}; {_AS_TEXT}")


def identifiers(cells: pd.Series) -> Typed:
    """Identifiers in every row, each in one spelling: see `eyeground.core.words.one_spelling`. No problem names one."""
    text, problems = required_text(cells)
    return text.map(words.one_spelling(text.dropna().unique())).astype("string"), problems


def respelt(cells: pd.Series, one_spelling: pd.Series) -> str | None:
    """A remark on identifiers that were written in several ways before `identifiers` gave them one, or None."""
    others = text_cells(cells).nunique() - one_spelling.nunique()
    if not others:
        return None
    return (
        f"WARNING: of the identifiers in '{cells.name}', {others:,} differ from another one in capitals, blanks, "
        "dashes or a final .0 only, and are taken for the same"
    )


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
    """One of the few words of `eye` or `split`, whatever its spelling, or missing."""
    allowed = _ALLOWED[column]
    text = text_cells(cells)
    meant = mapped(text, lambda cell: words.meaning(column, cell))
    expected = ", ".join(f"'{word}'" for word in allowed)
    return meant, problems_of(
        text[text.notna() & meant.isna()],
        lambda cell: f"'{column}' is '{cell}'; expected {expected} or empty{did_you_mean(cell, allowed)}",
    )


def sex(cells: pd.Series) -> Typed:
    """`female` and `male` whatever their spelling, anything else as it is given, or missing."""
    text = text_cells(cells)
    return mapped(text, lambda cell: words.meaning("sex", cell) or words.visible(cell)), _missing_words(text, "")


def age(cells: pd.Series) -> Typed:
    """Years from 0 to 130, however an age is written, or missing."""
    text = text_cells(cells)
    known = {cell: words.years(cell) for cell in text.dropna().unique()}
    years = text.map(known).astype("Float64")
    right = years.between(0, 130).fillna(False).astype(bool)
    return years.where(right), problems_of(
        text[text.notna() & ~right],
        lambda cell: f"'{cells.name}' is '{cell}'; expected years between 0 and 130 or empty",
    )


def number(cells: pd.Series, low: float, high: float, expected: str, whole: bool = False) -> Typed:
    """A number from `low` to `high`, with a decimal point or comma, or missing."""
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        cells = text_cells(cells).str.replace(r"^([+-]?\d*),(\d+)$", r"\1.\2", regex=True)
    known, numbers = _parsed(cells)
    right = _within(numbers, low, high, whole)
    typed = pd.Series(np.where(right, numbers, np.nan), index=cells.index, name=cells.name)
    return typed.astype("Int64" if whole else "Float64"), problems_of(
        text_cells(cells[known & ~right]), lambda cell: f"'{cells.name}' is '{cell}'; expected {expected}"
    )


def label(cells: pd.Series) -> Typed:
    """Whole numbers where the known cells are numbers or yes and no, class names where they are not.

    A mixture of both, and a class in two spellings, are problems.
    """
    problems: list[Problem] = []
    if not pd.api.types.is_numeric_dtype(cells.dtype) or pd.api.types.is_bool_dtype(cells.dtype):
        cells = mapped(text_cells(cells), words.visible)
        problems = _missing_words(cells, "label ")
        cells = _as_digits(cells.mask(_says_missing(cells, MISSING_WORDS)))
    known, numbers = _parsed(cells)
    numeric = known & ~np.isnan(numbers)
    if not numeric.any():
        names = text_cells(cells)
        return names, problems + _two_spellings(names)
    no_label = f"If '{cells.name}' is no label, rename it 'note_{cells.name}'"
    if (known & ~numeric).sum() > numeric.sum():
        expected = "expected a class name or empty, as in the other rows"
        wrong = numeric
        problems += _two_spellings(text_cells(cells[~numeric]))
    else:
        expected = f"expected a whole number from 0 to {HIGHEST_LABEL} (0/1 or a grade) or empty, as in the other rows"
        wrong = known & ~_within(numbers, 0, HIGHEST_LABEL, whole=True)
    problems += problems_of(
        text_cells(cells[wrong]), lambda cell: f"label '{cells.name}' is '{cell}'; {expected}. {no_label}"
    )
    typed = pd.Series(np.where(wrong, np.nan, numbers), index=cells.index, name=cells.name)
    return typed if problems else typed.astype("Int64"), problems


def _as_digits(text: pd.Series) -> pd.Series:
    """Yes and no as 1 and 0, and `2,0` as 2, where every known cell is written so."""
    different = text.dropna().unique()
    if (values := words.truth_values(different)) is not None:
        return text.map(values).astype("string")
    known = text.dropna()
    if known.str.fullmatch(rf"\d+|{_WHOLE_WITH_COMMA}").all():
        return text.str.replace(f"^{_WHOLE_WITH_COMMA}$", r"\1", regex=True)
    return text


def _two_spellings(names: pd.Series) -> list[Problem]:
    """Classes that would be two and are one."""
    pairs = words.two_spellings(names.dropna().unique())
    if not pairs:
        return []
    other = names[names.isin([second for _, second in pairs])]
    listed = ", ".join(f"'{first}' and '{second}'" for first, second in pairs[:MOST_CELLS_SHOWN])
    return [Problem(int(other.index[0]), len(other), f"label '{names.name}' has {listed}; write a class in one way")]


def _missing_words(text: pd.Series, kind: str) -> list[Problem]:
    return problems_of(
        text[_says_missing(text, MISSING_WORDS)],
        lambda cell: f"{kind}'{text.name}' is '{cell}'; leave the cell empty where '{text.name}' is unknown",
    )


def _parsed(cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which cells are known, and what number each is (NaN where it is none)."""
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        cells = text_cells(cells)
    return cells.notna().to_numpy(dtype=bool), numbers_of(cells)


def _within(numbers: np.ndarray, low: float, high: float, whole: bool) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        inside: np.ndarray = (numbers >= low) & (numbers <= high) & ((numbers % 1 == 0) | (not whole))
    return inside


def _says_missing(text: pd.Series, missing: Sequence[str]) -> pd.Series:
    said: pd.Series = text.str.lower().isin(missing)
    return said
