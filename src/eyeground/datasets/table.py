"""A table with any column names into a manifest: the user names the columns, nothing is guessed; see docs/manifest.md.

Labels are always named: any other column that came along would become a label by accident.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from eyeground.core.columns import paths
from eyeground.core.tables import read_table
from eyeground.data.column_mapping import Origin, mapped_table, parse_label
from eyeground.data.manifest import MASK_PREFIX, NOTE_PREFIX, OPTIONAL, REQUIRED, typed_column, validated
from eyeground.datasets.dataset import Reading, found_in
from eyeground.errors import UserError, unknown

KNOWN = (*REQUIRED, *OPTIONAL)
NO_PATIENTS = (
    "WARNING: no patient column was named, so every photo counts as its own patient; photos of one patient will "
    "fall on both sides of a split and results will be too good. Name it, or say --one-photo-per-patient"
)


def read_labelled_table(
    path: Path,
    columns: Mapping[str, str | Origin] | None = None,
    labels: Sequence[str] = (),
    notes: Sequence[str] = (),
    photo_folder: Path | None = None,
    photo_suffix: str = "",
    one_photo_per_patient: bool = False,
) -> Reading:
    """Read a table of photographs with other column names.

    Args:
        path: The table: CSV, Excel or Parquet.
        columns: Manifest column to the table's column: `{"photo": "filename", "patient": "id", "eye": "side"}`. Columns
            of the manifest's own names need none. Without `patient` every photograph counts as one, with a warning.
        labels: The table's columns that are labels; `name=column` renames one, and `name=column:yes=1,no=0` its values
            too.
        notes: The table's columns that are free text; they become `note_<name>`.
        photo_folder: Where the photographs lie; the table's own folder if not given.
        photo_suffix: What to add to each entry of the photo column, such as `.jpg`.
        one_photo_per_patient: Whether every photograph is of another patient, so that no column `patient` is needed.

    Returns:
        Relative to `photo_folder`. Photographs that do not exist are left out and named in `absent_photos`.

    Raises:
        UserError: If a column is missing or doubly used, a value cannot be understood, or no photograph exists.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "7.jpg").write_bytes(b"")
    >>> _ = (folder / "list.csv").write_text("photo,who,side,DR?,remark\\n7,A,OD,yes,blurred\\n")
    >>> reading = read_labelled_table(
    ...     folder / "list.csv", {"patient": "who", "eye": "side"}, ["dr=DR?"], ["remark"], photo_suffix=".jpg"
    ... )
    >>> reading.table.iloc[0].to_dict()
    {'photo': '7.jpg', 'patient': 'A', 'eye': 'right', 'dr': 1, 'note_remark': 'blurred'}
    """
    path, folder = Path(path), Path(photo_folder if photo_folder is not None else Path(path).parent)
    source = read_table(path)
    named = {name: Origin(origin) if isinstance(origin, str) else origin for name, origin in (columns or {}).items()}
    labelled = dict(parse_label(label, source.columns) for label in labels)
    if len(labelled) < len(labels):
        raise UserError(f"{path}: two labels have the same name; rename one, as in name=column")
    mapping = named | labelled | {NOTE_PREFIX + note: Origin(note) for note in notes}
    _check(path, source, named, labelled, mapping)
    table = mapped_table(source, mapping, str(path), KNOWN.__contains__).reset_index(drop=True)
    if "photo" not in table:
        raise UserError(
            f"{path}: state which column names the photo, as in photo=filename; it has {', '.join(source.columns)}"
        )
    table, remarks = _with_patients(table, one_photo_per_patient, path)
    table, left_out = _readable(table, named)
    table = table[[*(name for name in KNOWN if name in table), *(name for name in table if name not in KNOWN)]]
    used = {origin.column for origin in mapping.values()} | {*table.columns, *left_out}
    unused = [column for column in source.columns if column not in used and column.lower() not in used]
    remarks += [*left_out.values(), *([f"columns left out: {', '.join(unused)}"] if unused else [])]
    photos, _ = paths(table["photo"].astype("string").str.strip() + photo_suffix, required=False)
    found = found_in(folder, photos)
    there = found.notna()
    if len(there) and not there.any():
        raise UserError(
            f"{path}: none of its {len(there)} photographs is in {folder} (looked for the entries of "
            f"'{mapping.get('photo', Origin('photo')).column}' with '{photo_suffix}' added). Give the folder of the "
            "photographs, or the ending of their names"
        )
    if renamed := int((found != photos)[there].sum()):
        remarks.append(f"{renamed:,} photos were found under names that differ from the table's in capitals")
    manifest = validated(table.assign(photo=found.fillna(photos)), str(path), folder, source.index + 2)
    absent = tuple(manifest.table.loc[~there, "photo"])
    return Reading(manifest.where(there).table, folder, (*manifest.remarks, *remarks), absent)


def _with_patients(table: pd.DataFrame, one_photo_per_patient: bool, path: Path) -> tuple[pd.DataFrame, list[str]]:
    if "patient" in table and one_photo_per_patient:
        raise UserError(f"{path}: names patients, so --one-photo-per-patient contradicts it; leave one out")
    if "patient" in table:
        return table, []
    table.insert(1, "patient", table["photo"])
    return table, [] if one_photo_per_patient else [NO_PATIENTS]


def _readable(table: pd.DataFrame, named: Mapping[str, Origin]) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table without the columns that the user did not name and that cannot be understood, and a remark for each."""
    remarks = {}
    for column in OPTIONAL:
        if column in table and column not in named and (problems := typed_column(table[column])[1]):
            remarks[column] = f"WARNING: the column '{column}' is left out, as {problems[0].text}"
    return table.drop(columns=list(remarks)), remarks


def _check(
    path: Path,
    source: pd.DataFrame,
    named: Mapping[str, Origin],
    labelled: Mapping[str, Origin],
    mapping: Mapping[str, Origin],
) -> None:
    for name in named:
        if name not in KNOWN and not name.startswith(MASK_PREFIX):
            raise unknown("manifest column", name, (*KNOWN, f"{MASK_PREFIX}…"), str(path))
    plain = [origin.column for origin in mapping.values() if not (origin.function or origin.values)]
    for column in plain:
        if column not in source:
            raise unknown("column", column, source.columns, str(path))
        if plain.count(column) > 1:
            raise UserError(f"{path}: column '{column}' is used twice; give it one meaning")
    for label in labelled:
        if label in KNOWN or label.startswith((MASK_PREFIX, NOTE_PREFIX)):
            raise UserError(
                f"{path}: a label cannot be called '{label}', which has another meaning in a manifest; rename it, as in "
                f"--label name={label}"
            )
