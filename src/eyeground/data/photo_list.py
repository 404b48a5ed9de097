"""The columns that screening reads of a table: the photographs, and their patients and eyes where they are given."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from eyeground.core import columns
from eyeground.core.tables import read_table
from eyeground.data.column_mapping import Origin, mapped_table
from eyeground.data.manifest import Manifest, lacking_column, repeated_photos
from eyeground.errors import UserError, unknown

PHOTO_LIST = ("photo", "patient", "eye")  # what screening knows of a table


def read_photo_list(path: Path, mapping: Mapping[str, Origin] | None = None, keep: Sequence[str] = ()) -> Manifest:
    """Read the columns of a table that screening needs.

    `patient` may be missing or empty, and all other columns are ignored: photographs to be screened have no labels yet.

    Args:
        mapping: Which columns are `photo`, `patient` and `eye`, where they have other names.
        keep: Further columns, by the table's own names, to be kept as text.

    Returns:
        Of strings: `photo` (relative to the table's folder), `patient` and `eye` (`left`, `right`), missing where
        unknown, and the columns of `keep`.

    Raises:
        UserError: Naming file, row, column and fix, for up to ten problems at once.
    """
    path = Path(path)
    source = read_table(path)
    row_numbers = source.index + 2
    source = source.reset_index(drop=True)
    for column in keep:
        if column not in source or column in PHOTO_LIST:
            raise unknown("further column", column, source.columns.drop(list(PHOTO_LIST), errors="ignore"), str(path))
    table = mapped_table(source, mapping or {}, str(path), PHOTO_LIST.__contains__)
    if "photo" not in table:
        raise UserError(f"{path}: {lacking_column('photo', list(source.columns), ('photo',))}")
    if table.empty:
        raise UserError(f"{path}: the table has no rows; name at least one photograph")
    photo, problems = columns.paths(table["photo"], required=True)
    problems += repeated_photos(photo)
    nothing = pd.Series(pd.NA, index=table.index, dtype="string")
    patient, eye = nothing, nothing
    remark = None
    if "patient" in table:
        known = columns.text_cells(table["patient"]).dropna()
        patient, found = columns.identifiers(known)
        patient = patient.reindex(table.index)
        remark = columns.respelt(known, patient)
        problems += found
    if "eye" in table:
        eye, found = columns.choice(table["eye"], "eye")
        problems += found
    columns.refuse(problems, str(path), row_numbers)
    kept = {column: columns.text_cells(source[column]) for column in keep}
    listed = pd.DataFrame({"photo": photo, "patient": patient, "eye": eye} | kept)
    return Manifest(listed, path.parent, (remark,) if remark else ())
