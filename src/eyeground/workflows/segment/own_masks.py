"""`segment --masks`: biomarkers of masks that people or other programs drew, named by a manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eyeground.biomarkers.measurement import ARTERY, CUP, DISC, EXUDATE, VEIN, VESSEL, Told, measure
from eyeground.biomarkers.position import Fovea
from eyeground.core.progress import track
from eyeground.data.manifest import MASK_PREFIX, Manifest
from eyeground.errors import UserError
from eyeground.imaging.decode import UnreadablePhotoError, read_photo
from eyeground.imaging.field_of_view import find_field_of_view
from eyeground.imaging.masks import FIELD_OF_VIEW, read_mask, refuse_shared_masks
from eyeground.imaging.standard import standard_at
from eyeground.screening.pictures import save_picture
from eyeground.workflows.segment.outputs import MEASURES, write_measures
from eyeground.workflows.segment.pictures import FIGURE_SIDE, draw_biomarkers
from eyeground.workflows.segment.segment import (
    DRAWN,
    FIGURES,
    RESULTS,
    UNREADABLE,
    measured_cells,
    write_rows,
)

FOVEA = "fovea"
KNOWN = (VESSEL, ARTERY, VEIN, DISC, CUP, EXUDATE, FOVEA)


def measure_own_masks(manifest: Manifest, folder: Path, told: Told) -> list[dict[str, Any]]:
    """Measure the masks of a manifest.

    Args:
        manifest: With any of the columns `mask_vessel`, `mask_artery`, `mask_vein`, `mask_optic_disc`, `mask_optic_cup`,
            `mask_hard_exudate`, `mask_fovea` (its centroid counts) and `mask_field_of_view`, without which the field of view
            is found in the photo.
        folder: Gets `segments.csv`, `measures/<photo>.json` and `figures/<photo>.<biomarker>.jpg`.
        told: What is known of all photos; a manifest's `eye` comes first.

    Raises:
        UserError: If the manifest has no such column, or a mask cannot be read or has another size than its photo.
    """
    named = [name for name in KNOWN if MASK_PREFIX + name in manifest.masks]
    if not named:
        raise UserError(
            f"the manifest has no mask that is measured; name one of {', '.join(MASK_PREFIX + name for name in KNOWN)}"
        )
    refuse_shared_masks(manifest)
    rows = []
    for (_, cells), path in track(
        list(zip(manifest.table.iterrows(), manifest.photo_paths(), strict=True)), "measuring"
    ):
        rows.append(_measure_one(dict(cells), path, manifest.root, named, folder, told))
    write_rows(rows, folder / RESULTS)
    return rows


def _measure_one(
    cells: Mapping[str, Any], path: Path, root: Path, named: Sequence[str], folder: Path, told: Told
) -> dict[str, Any]:
    eye = cells.get("eye")
    told = replace(told, eye=eye if isinstance(eye, str) else told.eye)
    row: dict[str, Any] = {"photo": cells["photo"], "status": DRAWN, "reason": "", "model": "own masks"}
    try:
        pixels = read_photo(path).pixels
    except UnreadablePhotoError as error:
        return {**row, "status": UNREADABLE, "reason": error.reason}
    masks = {name: _mask(cells, name, root, pixels.shape[:2]) for name in (*named, "field_of_view")}
    inside = masks.pop("field_of_view")
    if inside is None:
        inside = find_field_of_view(pixels).mask(*pixels.shape[:2])
    given = {name: mask for name, mask in masks.items() if mask is not None}
    fovea = given.pop(FOVEA, None)
    measured = measure(given, inside, None if fovea is None else _centroid(fovea), told)
    row |= measured_cells(measured, told)
    name = str(cells["photo"]).replace("..", "_").lstrip("/")
    write_measures(row, [{"name": structure} for structure in given], measured, folder / MEASURES / f"{name}.json")
    for figure, picture in draw_biomarkers(standard_at(pixels, FIGURE_SIDE), measured).items():
        save_picture(picture, folder / FIGURES / f"{name}.{figure}.jpg")
    return row


def _mask(cells: Mapping[str, Any], name: str, root: Path, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    cell = cells.get(FIELD_OF_VIEW if name == "field_of_view" else MASK_PREFIX + name)
    if cell is None or pd.isna(cell):
        return None
    mask = read_mask(root / str(cell))
    if mask.shape != shape:
        raise UserError(
            f"{root / str(cell)}: {mask.shape[1]} x {mask.shape[0]} pixels, and its photo has {shape[1]} x {shape[0]}"
        )
    return mask


def _centroid(mask: NDArray[np.bool_]) -> Fovea | None:
    rows, columns = np.nonzero(mask)
    return Fovea(float(columns.mean()) + 0.5, float(rows.mean()) + 0.5) if len(rows) else None
