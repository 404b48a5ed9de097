"""`check` of masks: each is there, is readable by the rule, fits its photo, and shows one structure."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape

from eyeground.core.machine import processes
from eyeground.core.progress import track
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError
from eyeground.imaging.cache import read_prepared_standard
from eyeground.imaging.masks import FIELD_OF_VIEW, file_and_values, read_mask, refuse_overfull
from eyeground.imaging.shapes import Shape, shape_of
from eyeground.imaging.standard import StandardPhoto

COLUMNS = ("photo", "column", "mask", "covered", "problem", "sentence")
MISSING, UNCLEAR, SIZE, COVERS, SAME, EMPTY = "missing", "unclear", "size", "covers", "same drawing", "empty"
_CHUNK = 8  # rows per message to a process

Cells = tuple[tuple[str, str], ...]  # column and cell
Row = dict[str, object]


def check_masks(manifest: Manifest, prepared: Sequence[Path | None], jobs: int) -> pd.DataFrame:
    """Read every mask of a manifest.

    Args:
        prepared: The standard photo of each row; None where the photo is unreadable, and the size of its masks is then
            not checked.

    Returns:
        A row per mask: `photo`, `column`, `mask` (the cell), `covered` (share of the field of view, 0 to 1), and for a
        problem its kind `problem` (missing, unclear, size, covers, same drawing, empty) and a `sentence`.
    """
    masks = manifest.table[list(manifest.masks)]
    cells = [tuple((column, str(cell)) for column, cell in row.dropna().items()) for _, row in masks.iterrows()]
    with processes(jobs) as pool:
        found = pool.map(partial(_check_row, manifest.root), cells, prepared, chunksize=_CHUNK)
        rows = list(track(found, "reading masks", len(cells)))
    photos = manifest.table["photo"]
    return pd.DataFrame(
        [{"photo": photo, **one} for photo, of_photo in zip(photos, rows, strict=True) for one in of_photo],
        columns=COLUMNS,
    )


def _check_row(root: Path, cells: Cells, prepared: Path | None) -> list[Row]:
    standard = read_prepared_standard(prepared) if cells and prepared is not None else None
    seen: dict[str, str] = {}  # digest of a mask: its column
    return [
        {"column": column, "mask": cell, **_check_mask(root / cell, column, standard, seen)} for column, cell in cells
    ]


def _check_mask(path: Path, column: str, standard: StandardPhoto | None, seen: dict[str, str]) -> Row:
    size = None if standard is None else (standard.geometry.original_height, standard.geometry.original_width)
    try:
        shape = shape_of(path)
        if shape is None and not file_and_values(path)[0].is_file():
            return {"problem": MISSING, "sentence": f"{path}: there is no such mask"}
        mask = read_mask(path, size)
    except UserError as error:
        return {"problem": UNCLEAR, "sentence": str(error)}
    if shape == Shape():  # stated, not a mistake
        return {"covered": 0.0}
    if not mask.any():
        return {"covered": 0.0, "problem": EMPTY, "sentence": f"{path}: the mask is empty"}
    other = seen.setdefault(hashlib.sha256(np.packbits(mask).tobytes()).hexdigest(), column)
    if other != column:
        return {"problem": SAME, "sentence": f"{path}: the same mask as '{other}'; choose the values of each structure"}
    if standard is None:
        return {}
    try:
        on_standard = standard.geometry.to_standard(mask.astype(np.float32))
    except UserError as error:
        return {"problem": SIZE, "sentence": f"{path}: {error}"}
    covered = float(on_standard[standard.field_of_view].mean())
    try:
        if column != FIELD_OF_VIEW:
            refuse_overfull(path, covered)
    except UserError as error:
        return {"covered": covered, "problem": COVERS, "sentence": str(error)}
    return {"covered": covered}


def print_masks(masks: pd.DataFrame, console: Console) -> None:
    """Print a line per column, and one per kind of problem with its count and its first sentence."""
    for column, of_column in masks.groupby("column", sort=False):
        console.print(f"{column}: {len(of_column):,} masks", markup=False, highlight=False)
        for problem, of_kind in of_column.groupby("problem", sort=False):
            first = escape(str(of_kind["sentence"].iloc[0]))
            colour = "default" if problem == EMPTY else "yellow"
            console.print(f"  [{colour}]{problem}: {len(of_kind):,}[/], such as {first}", highlight=False)
