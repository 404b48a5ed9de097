"""The manifest: a table of photographs, one row each, from which everything else starts; see docs/manifest.md."""

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pandas as pd

from eyeground.core import columns
from eyeground.core.columns import Problem
from eyeground.core.tables import NAMELESS, read_table, write_table
from eyeground.core.words import SPLITS
from eyeground.errors import UserError, did_you_mean, unknown

REQUIRED = ("photo", "patient")
OPTIONAL = ("eye", "split", "fold", "device", "age", "sex", "source")
MASK_PREFIX, NOTE_PREFIX = "mask_", "note_"
SHARD = "note_shard"  # the tar file that holds the standard photo of a row; a path, as `photo` is
INDEX = "index.parquet"  # the manifest in a folder of shards

# What other tables call the required columns, for the hint in an error.
_PHOTO_SYNONYMS = ("image", "image_path", "img", "file", "filename", "file_name", "path", "image_id", "photo_path")
_PATIENT_SYNONYMS = ("patient_id", "patientid", "subject", "subject_id", "participant", "id", "pid", "person")
_COLUMN_SYNONYMS = {"photo": _PHOTO_SYNONYMS, "patient": _PATIENT_SYNONYMS}


@dataclass(frozen=True)
class Manifest:
    """A validated table of photographs and the folder its paths are relative to.

    Attributes:
        table: One row per photograph. `photo`, `patient`, `eye`, `split`, `device`, `sex`, `source` are strings, `age`
            (years) is a float, `fold` and numeric labels are nullable integers; missing is `pandas.NA`.
        root: The folder that `photo`, `mask_…` and `note_shard` paths are relative to.
        remarks: Sentences for the user: choices made in reading, pitfalls, counts of disagreements.
    """

    table: pd.DataFrame
    root: Path
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the label columns, in the table's order."""
        return tuple(column for column in self.table.columns if is_label(column))

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the segmentation-mask columns, in the table's order."""
        return tuple(column for column in self.table.columns if column.startswith(MASK_PREFIX))

    @property
    def path_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold paths relative to `root`."""
        return ("photo", *self.masks, *((SHARD,) if SHARD in self.table else ()))

    @property
    def patients(self) -> int:
        """How many different patients there are."""
        return int(self.table["patient"].nunique())

    def photo_paths(self) -> list[Path]:
        """Paths of the photographs, row by row; nothing says that they exist."""
        return [self.root / photo for photo in self.table["photo"]]

    def where(self, rows: "pd.Series[bool]") -> "Manifest":
        """Return the manifest of the rows for which `rows` is true."""
        return replace(self, table=self.table[rows].reset_index(drop=True))

    def in_split(self, split: str) -> "Manifest":
        """Return the rows of one split (`train`, `validation` or `test`)."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        if "split" not in self.table:
            raise UserError("the manifest has no 'split' column; make one with `eyeground split`")
        return self.where(self.table["split"] == split)

    def fingerprint(self) -> str:
        """SHA-256 of the table's content: the same rows and columns in any order, and in any place, give the same digest.

        Of a path only the file name counts, so that moving a manifest or its photographs changes nothing.
        """
        table = self.table[sorted(self.table.columns)].copy()
        for column in self.path_columns:
            table[column] = table[column].str.rsplit("/", n=1).str[-1]
        header, *rows = table.to_csv(index=False, lineterminator="\n").splitlines()
        return hashlib.sha256("\n".join([header, *sorted(rows)]).encode()).hexdigest()

    def moved_to(self, root: Path) -> "Manifest":
        """Return the same photographs with paths relative to another folder; symbolic links keep their names."""
        old_root, new_root = Path(self.root).resolve(), Path(root).resolve()
        if old_root == new_root:
            return replace(self, root=Path(root))
        table = self.table.copy()
        for column in self.path_columns:
            table[column] = _moved(table[column], old_root, new_root)
        moved = replace(self, table=table, root=Path(root))
        columns.refuse(repeated_photos(table["photo"]), "moved manifest", range(2, len(table) + 2))
        return moved


def read_manifest(path: Path, needs: Collection[str] | None = None) -> Manifest:
    """Read and validate a manifest.

    Args:
        path: A table, or a folder that `eyeground standardise` made.
        needs: The columns, besides `photo` and `patient`, that have to be right; any other whose cells cannot be
            understood passes through as text, with a remark. All of them if not given.

    Raises:
        UserError: Naming file, row, column and fix, for up to ten problems at once.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "photos.csv"
    >>> _ = path.write_text("photo,patient,eye,glaucoma\\na.jpg,007,left,1\\nb.jpg,007,right,\\n")
    >>> manifest = read_manifest(path)
    >>> manifest.labels, manifest.patients, manifest.table["patient"][0]
    (('glaucoma',), 1, '007')
    """
    path = Path(path)
    path = path / INDEX if (path / INDEX).is_file() else path
    table = read_table(path)
    return validated(table, str(path), path.parent, table.index + 2, needs)


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as CSV or Parquet, its paths made relative to the new file's folder."""
    path = Path(path)
    write_table(manifest.moved_to(path.parent).table, path)


def validated(
    table: pd.DataFrame,
    name: str,
    root: Path = Path(),
    row_numbers: Sequence[int] | pd.Index | None = None,
    needs: Collection[str] | None = None,
) -> Manifest:
    """Check a table against the schema and give every column its type.

    Args:
        table: Cells may be text (as read from CSV) or typed.
        name: What to call the table in error messages, usually its path.
        root: The folder that paths are relative to.
        row_numbers: Those that a spreadsheet shows, for errors; counted from 2 unless given.
        needs: As in `read_manifest`.

    Raises:
        UserError: Listing up to ten problems.
    """
    row_numbers = range(2, len(table) + 2) if row_numbers is None else row_numbers
    table = table.reset_index(drop=True)
    table.columns = pd.Index([str(column).strip() for column in table.columns])
    needed = set(table.columns) | set(OPTIONAL) if needs is None else {*REQUIRED, *needs}
    problems = _column_problems(list(table.columns), needed=needed)
    if table.empty:
        problems.append(Problem(-1, 1, "the table has no rows; a manifest needs at least one photograph"))
    if table.empty or table.columns.has_duplicates:
        columns.refuse(problems, name, row_numbers)
    typed: dict[str, pd.Series] = {}
    remarks: list[str] = []
    for column in table.columns:
        typed[column], found = typed_column(table[column])
        if column in needed:
            problems += found
        elif found:
            typed[column] = columns.text_cells(table[column])
            remarks.append(f"WARNING: '{column}' is not needed here and passes through as text: {found[0].text}")
    if "photo" in typed:
        problems += repeated_photos(typed["photo"])
    for column in ("split", "fold"):
        if column in needed and {column, "patient"} <= set(typed):
            problems += _patients_across(typed["patient"], typed[column])
    columns.refuse(problems, name, row_numbers)
    if remark := columns.respelt(table["patient"], typed["patient"]):
        remarks.insert(0, remark)
    return Manifest(pd.DataFrame(typed), root, tuple(remarks))


def _column_problems(names: Sequence[str], needed: Collection[str] = REQUIRED + OPTIONAL) -> list[Problem]:
    """Problems of the columns' names; one that is almost right is a problem, as it would be read as a label."""
    texts = []
    for known in REQUIRED + OPTIONAL:
        if known in REQUIRED and known not in names:
            texts.append(lacking_column(known, names, REQUIRED))
        elif known in needed:
            near = [other for other in names if other.lower() == known and other != known]
            texts += [f"there is a column '{wrong}'; rename it to '{known}'" for wrong in near]
    for position, column in enumerate(names, start=1):
        if column in names[: position - 1]:
            texts.append(f"column '{column}' appears more than once; rename or remove one")
        if not column or column.startswith(NAMELESS):
            texts.append(f"column {position} has no name; name it in the first row, or remove it")
    return [Problem(-1, 1, text) for text in texts]


def lacking_column(known: str, names: Sequence[str], required: Sequence[str]) -> str:
    """Says that a required column is missing, and which column may be meant."""
    near = [other for other in names if other.lower() in (known, *_COLUMN_SYNONYMS[known])]
    near.sort(key=lambda other: other.lower() != known)
    hint = f"; rename '{near[0]}' to '{known}'" if near else did_you_mean(known, names)
    found = f"Columns found: {', '.join(names)}"
    return f"there is no column '{known}'{hint}. It needs {' and '.join(required)}. {found}"


def is_label(column: str) -> bool:
    """Whether a column is a label: every name without another meaning is one."""
    return column not in REQUIRED + OPTIONAL and not column.startswith((MASK_PREFIX, NOTE_PREFIX))


def typed_column(cells: pd.Series) -> columns.Typed:
    """A column of a manifest, typed as its name demands, and what is wrong with it."""
    column = str(cells.name)
    if column in ("photo", SHARD) or column.startswith(MASK_PREFIX):
        return columns.paths(cells, required=column == "photo")
    if column == "patient":
        return columns.identifiers(cells)
    if column in ("eye", "split"):
        return columns.choice(cells, column)
    if column == "sex":
        return columns.sex(cells)
    if column == "age":
        return columns.age(cells)
    if column == "fold":
        return columns.number(cells, 0, 999, "a whole number from 0 or empty", whole=True)
    if column in OPTIONAL or column.startswith(NOTE_PREFIX):
        return columns.text_cells(cells), []
    return columns.label(cells)


def repeated_photos(photos: pd.Series) -> list[Problem]:
    """Photographs that have more than one row."""
    known = photos.dropna()
    return columns.problems_of(
        known[known.duplicated()],
        lambda photo: f"'photo' is '{photo}', as in an earlier row; keep one row per photograph",
    )


def _patients_across(patients: pd.Series, cells: pd.Series) -> list[Problem]:
    """Patients on both sides of a split, who would make every later result optimistic."""
    pairs = pd.DataFrame({"patient": patients, "part": cells}).dropna().drop_duplicates()
    crossing = pairs[pairs["patient"].duplicated()].drop_duplicates("patient").index
    if crossing.empty:
        return []
    text = (
        f"a patient is in another '{cells.name}' than in an earlier row; give all photographs of a patient the same one"
    )
    return [Problem(int(crossing[0]), len(crossing), text)]


def _moved(paths: pd.Series, old_root: Path, new_root: Path) -> pd.Series:
    """Paths relative to another folder, computed once per folder and not once per photograph."""
    if paths.isna().all():  # a mask that no photograph has; pandas would give one part and not three
        return paths
    parts = paths.str.rpartition("/", expand=True)
    folders = parts[0] + parts[1]
    moved = {folder: _moved_folder(folder, old_root, new_root) for folder in folders.dropna().unique()}
    together: pd.Series = folders.map(moved).astype("string") + parts[2]
    return together.mask(paths.str.startswith("#"), paths)  # a shape, which is in no folder


def _moved_folder(folder: str, old_root: Path, new_root: Path) -> str:
    parts = PurePosixPath(folder).parts
    first_name = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    place = old_root / folder
    if ".." in parts[first_name:]:  # after a name, which may be a link, '..' is where the link leads
        place = place.resolve()
    relative = Path(os.path.relpath(os.path.normpath(place), new_root)).as_posix()
    return "" if relative == "." else f"{relative}/"
