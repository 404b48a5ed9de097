"""The manifest: a table of photographs, one row each, that everything else starts from.

A manifest is a CSV or Parquet file. `photo` (path relative to the file) and `patient` are required. `eye`,
`split`, `fold`, `device`, `age`, `sex` and `source` are understood when present. Columns named `mask_…` hold
paths of segmentation masks, columns named `note_…` hold free text, and **every other column is a label**:
0/1, a small integer (a grade) or a class name, where empty means unknown. An unknown label is masked out of
loss and metrics, never taken for a negative; that is what lets partially labelled datasets be joined.

Reading is strict and errors are complete: up to ten problems are listed at once, each with file, row (as a
spreadsheet counts them: the header is row 1), column, and the fix.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from eyeground.errors import UserError, did_you_mean
from eyeground.files import read_table, write_table

EYES = ("left", "right")
SPLITS = ("train", "validation", "test")
SEXES = ("female", "male")
REQUIRED = ("photo", "patient")
OPTIONAL = ("eye", "split", "fold", "device", "age", "sex", "source")
MASK_PREFIX, NOTE_PREFIX = "mask_", "note_"
MOST_ERRORS_SHOWN = 10

_CHOICES = {"eye": EYES, "split": SPLITS, "sex": SEXES}
_EYE_SYNONYMS = {"od": "right", "os": "left", "r": "right", "l": "left", "re": "right", "le": "left"}
_SPLIT_SYNONYMS = {
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "training": "train",
    "testing": "test",
}
_SEX_SYNONYMS = {"f": "female", "m": "male", "woman": "female", "man": "male"}
_SYNONYMS = {"eye": _EYE_SYNONYMS, "split": _SPLIT_SYNONYMS, "sex": _SEX_SYNONYMS}


@dataclass(frozen=True)
class Manifest:
    """A validated table of photographs and the folder its paths are relative to.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per photograph. `photo`, `patient`, `eye`, `split`, `device`, `sex`, `source` are strings,
        `age` (years) is a float, `fold` and numeric labels are nullable integers; missing is `pandas.NA`.
    root : pathlib.Path
        The folder that `photo` and `mask_…` paths are relative to.
    """

    table: pd.DataFrame
    root: Path

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the label columns, in the table's order."""
        return tuple(
            column
            for column in self.table.columns
            if column not in REQUIRED + OPTIONAL and not column.startswith((MASK_PREFIX, NOTE_PREFIX))
        )

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the segmentation-mask columns, in the table's order."""
        return tuple(column for column in self.table.columns if column.startswith(MASK_PREFIX))

    @property
    def patients(self) -> int:
        """How many different patients there are."""
        return int(self.table["patient"].nunique())

    def photo_paths(self) -> list[Path]:
        """Paths of the photographs, row by row; nothing says that they exist."""
        return [self.root / photo for photo in self.table["photo"]]

    def missing_photos(self) -> list[str]:
        """The `photo` entries for which no file exists."""
        return [
            photo for photo, path in zip(self.table["photo"], self.photo_paths(), strict=True) if not path.is_file()
        ]

    def where(self, rows: "pd.Series[bool]") -> "Manifest":
        """Return the manifest of the rows for which `rows` is true."""
        return replace(self, table=self.table[rows].reset_index(drop=True))

    def in_split(self, split: str) -> "Manifest":
        """Return the rows of one split (`train`, `validation` or `test`)."""
        if "split" not in self.table:
            raise UserError("the manifest has no 'split' column; make one with `eyeground split`")
        return self.where(self.table["split"] == split)

    def fingerprint(self) -> str:
        """SHA-256 of the table's content: the same rows and columns in any order give the same digest."""
        columns = sorted(self.table.columns)
        text = self.table[columns].sort_values("photo").to_csv(index=False, lineterminator="\n")
        return hashlib.sha256(text.encode()).hexdigest()

    def moved_to(self, root: Path) -> "Manifest":
        """Return the same photographs with paths relative to another folder."""
        if root.resolve() == self.root.resolve():
            return self
        table = self.table.copy()
        new_root = root.resolve()
        for column in ("photo", *self.masks):
            table[column] = [
                pd.NA if pd.isna(entry) else Path(os.path.relpath((self.root / entry).resolve(), new_root)).as_posix()
                for entry in table[column]
            ]
        return Manifest(validated(table, "moved manifest").table, root)


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest.

    Raises
    ------
    UserError
        Naming file, row, column and fix, for up to ten problems at once.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "photos.csv"
    >>> _ = path.write_text("photo,patient,eye,glaucoma\\na.jpg,007,left,1\\nb.jpg,007,right,\\n")
    >>> manifest = read_manifest(path)
    >>> manifest.labels, manifest.patients, manifest.table["patient"][0]
    (('glaucoma',), 1, '007')
    """
    path = Path(path)
    manifest = validated(read_table(path), str(path))
    return Manifest(manifest.table, path.parent)


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as CSV or Parquet, its paths made relative to the new file's folder."""
    path = Path(path)
    write_table(manifest.moved_to(path.parent).table, path)


def validated(table: pd.DataFrame, name: str, root: Path = Path()) -> Manifest:
    """Check a table against the schema and give every column its type.

    Parameters
    ----------
    table : pandas.DataFrame
        Cells may be text (as read from CSV) or typed.
    name : str
        What to call the table in error messages, usually its path.
    root : pathlib.Path
        The folder that paths are relative to.

    Raises
    ------
    UserError
        Listing up to ten problems.
    """
    table = table.reset_index(drop=True).copy()
    table.columns = [str(column).strip() for column in table.columns]
    for column in REQUIRED:
        if column not in table:
            hint = did_you_mean(column, table.columns).replace("did you mean", "rename")
            raise UserError(
                f"{name}: there is no column '{column}'{hint}; a manifest needs {' and '.join(REQUIRED)}. "
                f"Columns found: {', '.join(table.columns)}"
            )
    if table.empty:
        raise UserError(f"{name}: the table has no rows; a manifest needs at least one photograph")
    problems: list[str] = []
    for column in table.columns:
        table[column] = _typed(table[column], problems)
    problems += _repeated_photos(table["photo"])
    for column in ("split", "fold"):
        if column in table:
            problems += _patients_across(table, column)
    if problems:
        shown = "\n".join(f"{name}, {problem}" for problem in problems[:MOST_ERRORS_SHOWN])
        more = len(problems) - MOST_ERRORS_SHOWN
        raise UserError(shown + (f"\n… and {more} more problems" if more > 0 else ""))
    return Manifest(table, root)


def join(manifests: Sequence[Manifest], root: Path) -> Manifest:
    """Join manifests into one, with paths relative to `root`.

    A photograph that several manifests hold becomes one row with the labels of all; a label column that a
    manifest lacks stays unknown for its photographs.

    Raises
    ------
    UserError
        If two manifests disagree on a cell of the same photograph.
    """
    if not manifests:
        raise UserError("nothing to join: name at least one manifest")
    stacked = pd.concat([manifest.moved_to(root).table for manifest in manifests], ignore_index=True)
    repeated = stacked[stacked["photo"].duplicated(keep=False)]
    if repeated.empty:
        return validated(stacked, "joined manifest", root)
    known = repeated.groupby("photo", sort=False).nunique(dropna=True)
    for column in known.columns:
        clash = known.index[known[column] > 1]
        if len(clash):
            values = repeated.loc[repeated["photo"] == clash[0], column].dropna().unique()
            raise UserError(
                f"photo '{clash[0]}': '{column}' is {values[0]!r} in one manifest and {values[1]!r} in another; "
                "make them agree, or leave one empty"
            )
    merged = stacked.groupby("photo", sort=False, as_index=False).first()
    return validated(merged[list(stacked.columns)], "joined manifest", root)


def _typed(cells: pd.Series, problems: list[str]) -> pd.Series:
    column = str(cells.name)
    if column in REQUIRED:
        return _required_text(cells, problems)
    if column in _CHOICES:
        return _choice(cells, _CHOICES[column], _SYNONYMS[column], problems)
    if column == "age":
        return _number(cells, 0, 130, "years between 0 and 130 or empty", problems)
    if column == "fold":
        return _number(cells, 0, 999, "a whole number from 0 or empty", problems, whole=True)
    if column in OPTIONAL or column.startswith((MASK_PREFIX, NOTE_PREFIX)):
        return _text(cells)
    return _label(cells, problems)


def _row(index: int) -> str:
    return f"row {index + 2}"


def _text(cells: pd.Series) -> pd.Series:
    text = cells.astype("string").str.strip()
    return text.mask(text == "", pd.NA)


def _required_text(cells: pd.Series, problems: list[str]) -> pd.Series:
    text = _text(cells)
    problems += [
        f"{_row(index)}: '{cells.name}' is empty; every photograph needs one" for index in text.index[text.isna()]
    ]
    return text


def _choice(cells: pd.Series, allowed: tuple[str, ...], synonyms: dict[str, str], problems: list[str]) -> pd.Series:
    text = _text(cells)
    for index in text.index[text.notna() & ~text.isin(allowed)]:
        found = str(text[index])
        meant = synonyms.get(found.lower()) or (found.lower() if found.lower() in allowed else None)
        hint = f" (did you mean '{meant}'?)" if meant else did_you_mean(found, allowed)
        expected = ", ".join(f"'{word}'" for word in allowed)
        problems.append(f"{_row(index)}: '{cells.name}' is '{cells[index]}'; expected {expected} or empty{hint}")
    return text


def _number(
    cells: pd.Series, low: float, high: float, expected: str, problems: list[str], whole: bool = False
) -> pd.Series:
    numbers = pd.to_numeric(cells, errors="coerce").astype("Float64")
    given = cells.notna() & (cells.astype("string").str.strip() != "")
    wrong = given & ~numbers.between(low, high).fillna(False).astype(bool)
    if whole:
        wrong |= given & (numbers % 1 != 0).fillna(False).astype(bool)
    problems += [
        f"{_row(index)}: '{cells.name}' is '{cells[index]}'; expected {expected}" for index in cells.index[wrong]
    ]
    return numbers.mask(wrong).astype("Int64" if whole else "Float64")


def _label(cells: pd.Series, problems: list[str]) -> pd.Series:
    """Whole numbers where every known cell is one, class names where none is; a mixture is an error."""
    text = _text(cells)
    numbers = pd.to_numeric(text, errors="coerce")
    known = text.notna()
    numeric = known & numbers.notna()
    if not numeric.any():
        return text
    wrong = known & (~numeric | (numbers % 1 != 0) | (numbers < 0))
    for index in text.index[wrong]:
        problems.append(
            f"{_row(index)}: label '{cells.name}' is '{text[index]}'; expected a whole number from 0 (0/1 or a grade) or "
            f"empty, as in the other rows. If '{cells.name}' is no label, rename it 'note_{cells.name}'"
        )
    return numbers.mask(wrong).astype("Int64")


def _repeated_photos(photos: pd.Series) -> list[str]:
    first: dict[str, int] = {}
    problems = []
    for index, photo in enumerate(photos):
        if pd.isna(photo):
            continue
        if photo in first:
            problems.append(
                f"{_row(index)}: 'photo' is '{photo}', as in {_row(first[photo])}; keep one row per photograph"
            )
        first.setdefault(photo, index)
    return problems


def _patients_across(table: pd.DataFrame, column: str) -> list[str]:
    """A patient on both sides of a split makes every later figure optimistic, so it is never read silently."""
    counts = table.groupby("patient")[column].nunique()
    return [
        f"{_row(table.index[table['patient'] == patient][0])}: a patient is in more than one '{column}'; "
        "give all photographs of a patient the same one"
        for patient in counts.index[counts > 1]
    ]
