"""`segment`: structures drawn on photographs, as masks of the photographs' own size, pictures, and a table.

Each photograph gets a row whatever becomes of it. Where a manifest with masks is given, what is drawn can be measured against
them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eyeground.errors import UserError
from eyeground.files import replacing
from eyeground.imaging.decode import UnreadablePhotoError
from eyeground.imaging.standard import StandardPhoto
from eyeground.manifest import MASK_PREFIX, Manifest
from eyeground.progress import track
from eyeground.protocols.measure_drawings import measure_drawings
from eyeground.screening.drawer import Drawer, Drawing
from eyeground.screening.photos import list_photos
from eyeground.screening.pictures import save_picture
from eyeground.segmentation_recipe import Structure
from eyeground.tables import write_table

RESULTS, ESTIMATES, PICTURES, MASKS = "segments.csv", "structures.csv", "overlays", "masks"
# Told apart on a retina, and from one another by people with the common kinds of colour blindness (after Okabe and Ito 2008).
COLOURS = ((86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (230, 159, 0), (255, 255, 255))
LOSSLESS_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 3]
DONE = "drawn"


def segment(photos: Sequence[Path], drawer: Drawer, folder: Path) -> pd.DataFrame:
    """Draw on photographs and write masks, pictures and the table.

    Parameters
    ----------
    photos : sequence of pathlib.Path
        Folders, walked through, and files.
    drawer : Drawer
        A loaded segmenter.
    folder : pathlib.Path
        Gets `masks/<structure>/<photo>.png` (0 and 255, as large as the photograph), `overlays/<photo>.jpg` and `segments.csv`.

    Returns
    -------
    pandas.DataFrame
        A row per photograph: `photo`, `status` (`drawn` or `unreadable`), `reason`, `model`, and for each structure the
        share of the field of view that it covers, `area_<structure>`, 0 to 1.

    Raises
    ------
    UserError
        If there is no photograph or the output cannot be written.
    """
    listing = list_photos(photos, folder)
    rows = []
    for photo in track(listing.photos, "segmenting"):
        row: dict[str, object] = {"photo": photo.name, "status": DONE, "reason": "", "model": drawer.bundle.identity}
        try:
            drawing = drawer(photo.path)
        except UnreadablePhotoError as error:
            rows.append({**row, "status": "unreadable", "reason": error.reason})
            continue
        rows.append(row | _written(drawing, photo.name, folder))
    table = pd.DataFrame(rows)
    write_table(table, folder / RESULTS)
    return table


def measured_against(manifest: Manifest, drawer: Drawer, folder: Path, absent: Sequence[str]) -> pd.DataFrame:
    """Figures of a segmenter on the photos of a manifest that have masks, written to `structures.csv`.

    Parameters
    ----------
    manifest : Manifest
        With `mask_<structure>` columns of at least one of the segmenter's structures.
    drawer : Drawer
    folder : pathlib.Path
    absent : sequence of str
        Structures of which an empty mask cell says that the photo shows none.

    Raises
    ------
    UserError
        If no structure of the segmenter has a mask column, or no photo can be measured.
    """
    known = [name for name in drawer.structures if MASK_PREFIX + name in manifest.masks]
    if not known:
        raise UserError(
            f"the manifest has no mask of what this segmenter draws ({', '.join(drawer.structures)}); its mask columns are "
            f"{', '.join(manifest.masks) or 'none'}"
        )
    structures = [Structure(name=name, missing="absent" if name in absent else "unknown") for name in known]
    measured = measure_drawings(manifest, structures, drawer.bundle.description.preprocessing, drawer.draw)
    estimates = measured.estimates()
    write_table(estimates, folder / ESTIMATES)
    return estimates


def as_lines(estimates: pd.DataFrame) -> list[str]:
    """Pooled figures as lines of text: one for each structure and reader."""
    if estimates.empty:
        return ["no test photo has masks, so nothing was measured"]
    lines = []
    pooled = estimates[estimates["over"] == "pooled"].dropna(subset=["value"])
    for (structure, reader), rows in pooled.groupby(["structure", "reader"], sort=False):
        told = [_figure(row) for _, row in rows.iterrows()]
        lines.append(f"{structure} ({reader}, {rows['photos'].max()} photos): {', '.join(told)}")
    return lines


def _figure(row: "pd.Series[Any]") -> str:
    interval = "" if pd.isna(row["low"]) else f" ({row['low']:.3f}–{row['high']:.3f})"
    return f"{row['metric']} {row['value']:.3f}{interval}"


def _written(drawing: Drawing, name: str, folder: Path) -> dict[str, float]:
    """Write masks and picture of one photograph; return the share of the field of view that each structure covers."""
    inside = drawing.standard.field_of_view
    areas = {}
    for structure, values in drawing.maps.items():
        _write_mask(drawing.mask(structure), folder / MASKS / structure / f"{name}.png")
        covered = values[inside] >= drawing.thresholds[structure]
        areas[f"area_{structure}"] = float(covered.mean()) if covered.size else 0.0
    save_picture(draw_structures(drawing), folder / PICTURES / f"{name}.jpg")
    return areas


def _write_mask(mask: NDArray[np.bool_], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".png", mask.astype(np.uint8) * 255, LOSSLESS_FAST)
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())


def draw_structures(drawing: Drawing) -> NDArray[np.uint8]:
    """The standard photo beside itself with each structure in its colour; uint8 RGB (side, 2 side, 3)."""
    standard: StandardPhoto = drawing.standard
    drawn = standard.pixels.astype(np.float32)
    for (structure, values), colour in zip(drawing.maps.items(), _colours(len(drawing.maps)), strict=True):
        mask = values >= drawing.thresholds[structure]
        drawn[mask] = 0.35 * drawn[mask] + 0.65 * np.array(colour, np.float32)
    return np.concatenate([standard.pixels, drawn.astype(np.uint8)], axis=1)


def _colours(count: int) -> list[tuple[int, int, int]]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]
