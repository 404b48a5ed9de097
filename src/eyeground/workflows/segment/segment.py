"""`segment`: structures of photographs, as masks of the photographs' own size, pictures, and a table.

Every photograph gets a row, and a killed run continues where it stopped. See docs/segmentation.md.
"""

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from eyeground.core.files import replacing
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.imaging.decode import UnreadablePhotoError
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import LEDGER, PhotoFile, list_photos
from eyeground.screening.pictures import save_picture
from eyeground.screening.segmenter import SegmentedPhoto, Segmenter

RESULTS, PICTURES, MASKS = "segments.csv", "overlays", "masks"
# Distinct on a retina, and from one another with the common kinds of colour blindness (after Okabe and Ito 2008).
COLOURS = ((86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (230, 159, 0), (255, 255, 255))
OPACITY = 0.65
PAPER, INK, LEGEND_HEIGHT = (250, 250, 248), (40, 40, 44), 32
LOSSLESS_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]
MEASURED = "vessel_density"  # in a row whenever biomarkers are
VESSEL, DISC, CUP = "vessel", "optic_disc", "optic_cup"  # the structures whose masks are measured


def segment(
    photos: Sequence[Path],
    segmenters: Sequence[Segmenter],
    folder: Path,
    with_biomarkers: bool = False,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Segment photographs and write masks, pictures and the table.

    Args:
        photos: Folders, with their sub-folders, and files.
        segmenters: Of different structures.
        folder: Gets `masks/<structure>/<photo>.png` (0 and 255, as large as the photograph),
            `overlays/<photo>.structures.jpg` and `segments.csv`.
        with_biomarkers: Measure the masks, see `eyeground.biomarkers`; needs a segmenter of `vessel`.
        overwrite: Replace the results of other segmenters there.

    Returns:
        A row per photograph: `photo`, `status` (`drawn` or `unreadable`), `reason`, `model`, for each structure the
        share of the field of view that it covers, `area_<structure>`, 0 to 1, and the biomarkers. Lengths in pixels are
        of the standard photo of the segmenter of vessels.

    Raises:
        UserError: If there is no photograph, two segmenters have one structure, biomarkers are asked for without a
            segmenter of vessels, or the output cannot be written or holds results of other segmenters.
    """
    structures = [name for segmenter in segmenters for name in segmenter.structures]
    repeated = next((name for name in structures if structures.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"two of the segmenters segment '{repeated}'; name one of them")
    if with_biomarkers and VESSEL not in structures:
        raise UserError(
            f"biomarkers are measured on vessels, and these segmenters segment {', '.join(structures)} only"
        )
    listing = list_photos(photos, folder)
    rows = []
    with Ledger(folder / LEDGER, *(segmenter.bundle for segmenter in segmenters), overwrite=overwrite) as ledger:
        for photo in track(listing.photos, "segmenting"):
            record = ledger.record_of(photo)
            if record is None or not _is_complete(record, folder, with_biomarkers):
                record = _segment_one(photo, segmenters, folder, with_biomarkers)
                ledger.add([record])
            rows.append(record.row)
    _write_rows(rows, folder / RESULTS)
    return rows


def _write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """As CSV, without pandas, which takes a quarter of a second to import; unreadable photos have fewer cells."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _is_complete(record: Record, folder: Path, with_biomarkers: bool) -> bool:
    """Whether the picture of a photograph and its biomarkers, if wanted, are there."""
    if record.picture is None:
        return True
    return (folder / record.picture).is_file() and (not with_biomarkers or MEASURED in record.row)


def _segment_one(photo: PhotoFile, segmenters: Sequence[Segmenter], folder: Path, with_biomarkers: bool) -> Record:
    row: dict[str, object] = {"photo": photo.name, "status": "drawn", "reason": ""}
    row["model"] = ", ".join(segmenter.bundle.identity for segmenter in segmenters)
    try:
        segmentations = [segmenter(photo.path) for segmenter in segmenters]
    except UnreadablePhotoError as error:
        return Record(photo.stamp, {**row, "status": "unreadable", "reason": error.reason})
    row |= _write(segmentations, photo.name, folder)
    row |= biomarkers_of(segmentations) if with_biomarkers else {}
    return Record(photo.stamp, row, f"{PICTURES}/{photo.name}.structures.jpg")


def biomarkers_of(segmentations: Sequence[SegmentedPhoto]) -> dict[str, float | None]:
    """Measurements of the masks of one photograph, on the standard photo on which its vessels were segmented."""
    from eyeground.biomarkers import measure

    vessels = next(one for one in segmentations if VESSEL in one.maps)
    geometry = vessels.standard.geometry
    masks = {
        structure: geometry.to_standard(one.mask(structure))
        for one in segmentations
        for structure in (DISC, CUP)
        if structure in one.maps
    }
    vessel = vessels.maps[VESSEL] >= vessels.thresholds[VESSEL]
    return asdict(measure(vessel, masks.get(DISC), masks.get(CUP), vessels.standard.field_of_view))


def _write(segmentations: Sequence[SegmentedPhoto], name: str, folder: Path) -> dict[str, object]:
    """Write masks and picture of one photograph; return `area_<structure>` of each structure."""
    areas: dict[str, object] = {}
    for one in segmentations:
        inside = one.standard.field_of_view
        for structure, values in one.maps.items():
            _write_mask(one.mask(structure), folder / MASKS / structure / f"{name}.png")
            covered = values[inside] >= one.thresholds[structure]
            areas[f"area_{structure}"] = float(covered.mean()) if covered.size else 0.0
    save_picture(draw_structures(segmentations), folder / PICTURES / f"{name}.structures.jpg")
    return areas


def _write_mask(mask: NDArray[np.bool_], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".png", mask.astype(np.uint8) * 255, LOSSLESS_FAST)
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())


def draw_structures(segmentations: Sequence[SegmentedPhoto]) -> NDArray[np.uint8]:
    """The standard photo and, beside it, each structure in a colour of its own, named; uint8 RGB (side + legend, 2 side, 3)."""
    first = max(segmentations, key=lambda one: len(one.standard.pixels)).standard
    side = len(first.pixels)
    overlay = first.pixels.astype(np.float32)
    names: list[tuple[str, tuple[int, int, int]]] = []
    for one in segmentations:
        for structure, values in one.maps.items():
            colour = COLOURS[len(names) % len(COLOURS)]
            names.append((structure, colour))
            mask = cv2.resize(values, (side, side)) >= one.thresholds[structure]
            overlay[mask] = (1 - OPACITY) * overlay[mask] + OPACITY * np.array(colour, np.float32)
    pair = np.concatenate([first.pixels, overlay.astype(np.uint8)], axis=1)
    return np.concatenate([pair, _legend(names, pair.shape[1])], axis=0)


def _legend(names: Sequence[tuple[str, tuple[int, int, int]]], width: int) -> NDArray[np.uint8]:
    image = Image.new("RGB", (width, LEGEND_HEIGHT), PAPER)
    draw, font, left = ImageDraw.Draw(image), ImageFont.load_default(14), 12.0
    for structure, colour in names:
        draw.rectangle((left, 9, left + 14, 23), fill=colour, outline=INK)
        draw.text((left + 20, 7), structure.replace("_", " "), fill=INK, font=font)
        left += 44 + draw.textlength(structure, font=font)
    return np.asarray(image)
