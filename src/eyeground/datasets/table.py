"""Somebody's own CSV, with whatever column names it has, into a manifest.

The mapping is said, not guessed: which column is the photo, the patient, the eye, and which are labels. A
column that nobody names is left out, since it would otherwise become a label by accident. Only spelling is
normalised (OD, R, Right are `right`; F is `female`), and unknown spellings are errors, never guesses.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Reading, present
from eyeground.errors import UserError, did_you_mean
from eyeground.manifest import MASK_PREFIX, NOTE_PREFIX, OPTIONAL, REQUIRED, validated
from eyeground.tables import read_table

SPELLINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "eye": {
        "right": ("od", "r", "re", "right", "right eye"),
        "left": ("os", "l", "le", "left", "left eye"),
    },
    "sex": {"female": ("f", "female", "woman"), "male": ("m", "male", "man")},
    "split": {
        "train": ("train", "training"),
        "validation": ("val", "valid", "validation", "dev"),
        "test": ("test", "testing"),
    },
}


def read_labelled_table(
    path: Path,
    columns: Mapping[str, str],
    labels: Sequence[str],
    notes: Sequence[str] = (),
    photo_folder: Path | None = None,
    photo_suffix: str = "",
) -> Reading:
    """Read a CSV or Parquet table of photographs with other column names.

    Parameters
    ----------
    path : Path
        The table.
    columns : mapping of str to str
        Manifest column to the table's column: `{"photo": "filename", "patient": "id", "eye": "side"}`. `photo`
        is needed; without `patient` every photograph counts as one, with a warning.
    labels : sequence of str
        The table's columns that are labels; they keep their names.
    notes : sequence of str
        The table's columns that are free text; they become `note_<name>`.
    photo_folder : Path, optional
        Where the photographs lie; the table's own folder if not given.
    photo_suffix : str
        What to add to each entry of the photo column, such as `.jpg`.

    Returns
    -------
    Reading
        Relative to `photo_folder`. Photographs that do not exist are left out and named in `absent_photos`.

    Raises
    ------
    UserError
        If a column is missing or doubly used, a value cannot be understood, or no photograph exists.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "7.jpg").write_bytes(b"")
    >>> _ = (folder / "list.csv").write_text("file,who,side,DR,remark\\n7,A,OD,1,blurred\\n")
    >>> reading = read_labelled_table(
    ...     folder / "list.csv", {"photo": "file", "patient": "who", "eye": "side"}, ["DR"], ["remark"], photo_suffix=".jpg"
    ... )
    >>> reading.table.iloc[0].to_dict()
    {'photo': '7.jpg', 'patient': 'A', 'eye': 'right', 'DR': 1, 'note_remark': 'blurred'}
    """
    path, folder = Path(path), Path(photo_folder if photo_folder is not None else Path(path).parent)
    source = read_table(path)
    _check(path, source, columns, labels, notes)
    table = pd.DataFrame({name: _spelt(source[column], name, path) for name, column in columns.items()})
    table["photo"] = table["photo"].astype("string").str.strip() + photo_suffix
    remarks = []
    if "patient" not in columns:
        table.insert(1, "patient", table["photo"])
        remarks.append(
            "WARNING: no patient column was named, so every photo counts as its own patient; photos of one patient will "
            "fall on both sides of a split and figures will be too good"
        )
    table = table.join(source[list(labels)]).join(source[list(notes)].add_prefix(NOTE_PREFIX))
    manifest = validated(table, str(path), folder)
    unused = [column for column in source.columns if column not in {*columns.values(), *labels, *notes}]
    if unused:
        remarks.append(f"columns left out: {', '.join(unused)}")
    there = present(folder, manifest.table["photo"])
    if not there.any():
        raise UserError(
            f"{path}: none of its {len(there)} photographs is in {folder} (looked for the entries of '{columns['photo']}' with "
            f"'{photo_suffix}' added). Give the folder of the photographs, or the ending of their names"
        )
    absent = tuple(manifest.table.loc[~there, "photo"])
    return Reading(manifest.where(there).table, folder, tuple(remarks), absent)


def _check(
    path: Path, source: pd.DataFrame, columns: Mapping[str, str], labels: Sequence[str], notes: Sequence[str]
) -> None:
    known = (*REQUIRED, *OPTIONAL)
    for name in columns:
        if name not in known and not name.startswith(MASK_PREFIX):
            raise UserError(
                f"'{name}' is not a manifest column{did_you_mean(name, known)}; use {', '.join(known)} or {MASK_PREFIX}…"
            )
    if "photo" not in columns:
        raise UserError(
            f"{path}: say which column names the photo, as in photo=filename; it has {', '.join(source.columns)}"
        )
    used = [*columns.values(), *labels, *notes]
    for column in used:
        if column not in source:
            raise UserError(
                f"{path}: there is no column '{column}'{did_you_mean(column, source.columns)}; it has {', '.join(source.columns)}"
            )
        if used.count(column) > 1:
            raise UserError(f"{path}: column '{column}' is used twice; give it one meaning")
    for label in labels:
        if label in known or label.startswith((MASK_PREFIX, NOTE_PREFIX)):
            raise UserError(
                f"{path}: a label cannot be called '{label}', which has another meaning in a manifest; rename it"
            )


def _spelt(cells: pd.Series, name: str, path: Path) -> pd.Series:
    if name not in SPELLINGS:
        return cells
    meanings = {spelling: meaning for meaning, spellings in SPELLINGS[name].items() for spelling in spellings}
    text = cells.astype("string").str.strip()
    text = text.mask(text == "")
    meant = text.str.lower().map(meanings)
    wrong = text.notna() & meant.isna()
    if wrong.any():
        index = int(cells.index[wrong][0])
        raise UserError(
            f"{path}, row {index + 2}: '{cells.name}' is '{cells[index]}'; as {name}, expected one of {', '.join(meanings)} or empty"
        )
    return meant
