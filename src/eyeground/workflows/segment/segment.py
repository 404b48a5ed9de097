"""`segment`: structures of photographs, as masks of the photographs' own size, pictures, measurements, and a table.

Every photograph gets a row, and a killed run continues where it stopped. See docs/segmentation.md.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.biomarkers.measurement import NOTHING_TOLD, Biomarkers, Told
from eyeground.biomarkers.quantities import cells
from eyeground.biomarkers.rules import contradiction
from eyeground.core.files import replacing
from eyeground.core.progress import track
from eyeground.errors import UserError, did_you_mean
from eyeground.imaging.decode import UnreadablePhotoError, read_photo
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import LEDGER, PhotoFile
from eyeground.screening.pictures import save_picture
from eyeground.screening.sources import list_sources
from eyeground.screening.structure_set import StructureSet
from eyeground.screening.structures import FOVEA, Drawn, measure_structures
from eyeground.workflows.segment.outputs import (
    MASKS,
    MEASURES,
    run_lengths,
    write_json,
    write_label_map,
    write_mask,
    write_measures,
    write_original_overlay,
    write_probabilities,
)
from eyeground.workflows.segment.photo import DrawnPhoto, draw
from eyeground.workflows.segment.pictures import draw_biomarkers, draw_structures

RESULTS, PICTURES, FIGURES, COCO = "segments.csv", "overlays", "figures", "coco.json"
DRAWN, UNGRADABLE, UNREADABLE = "drawn", "ungradable", "unreadable"
# What `segments.csv` has in any case with biomarkers, in this order; the rest follows.
FIRST_MEASURES = (
    *("fovea_x", "fovea_y", "disc_centre_x", "disc_centre_y", "disc_diameter"),
    *("vertical_cup_to_disc_ratio", "crae", "crve", "avr"),
)
FURTHER = ("label-map", "probabilities", "original-overlay", "coco")


@dataclass(frozen=True)
class Wanted:
    """What is written beside masks, overlays and the table.

    Attributes:
        biomarkers: Measurements, a JSON file and figures per photo.
        further: Any of `FURTHER`.
        told: What is known of all photos.
    """

    biomarkers: bool = False
    further: frozenset[str] = frozenset()
    told: Told = NOTHING_TOLD


def wanted(biomarkers: bool, further: Sequence[str], told: Told) -> Wanted:
    """Check what is wanted.

    Raises:
        UserError: If a further output is not known, or half of what a scale needs is given.
    """
    for name in further:
        if name not in FURTHER:
            raise UserError(f"no output '{name}'{did_you_mean(name, FURTHER)}; there are {', '.join(FURTHER)}")
    if (told.camera_angle is None) != (told.axial_length is None):
        raise UserError("a scale from the camera needs its angle and the axial length of the eye; give both or neither")
    return Wanted(biomarkers, frozenset(further), told)


def segment(
    photos: Sequence[Path | str],
    chosen: StructureSet,
    folder: Path,
    outputs: Wanted,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Segment photographs and write masks, pictures and the table.

    Args:
        photos: Folders, with their sub-folders, files, and manifests, which tell the eye.
        chosen: The segmenters, and what is kept of each.
        folder: Gets `masks/<structure>/<photo>.png` (0 and 255, as large as the photograph),
            `overlays/<photo>.structures.jpg`, `segments.csv`, and with biomarkers `measures/<photo>.json` and
            `figures/<photo>.<biomarker>.jpg`.
        outputs: What is written beside them.
        overwrite: Replace the results of other segmenters there.

    Returns:
        A row per photograph: `photo`, `status` (`drawn`, `ungradable` or `unreadable`), `reason`, `eye`, `eye_source` (`told`
        or `seen`), `eye_contradiction`, for each structure the share of the field of view that it covers, `area_<structure>`,
        and the Dice that its probabilities promise, `quality_<structure>`, the biomarkers, and `model`. Positions and lengths
        are in pixels of the photograph.

    Raises:
        UserError: If there is no photograph, one lies in an archive, or the output cannot be written or holds results of
            other segmenters.
    """
    listing = list_sources(photos, folder)
    if any(photo.member is not None for photo in listing.photos):
        raise UserError("photographs in archives are not segmented; unpack them first")
    rows = []
    bundles = [segmenter.bundle for segmenter in chosen.segmenters]
    # Lengths measured by another scale must not stand beside these.
    scale = {name: value for name, value in asdict(outputs.told).items() if isinstance(value, float)}
    with Ledger(folder / LEDGER, *bundles, thresholds=scale, overwrite=overwrite) as ledger:
        for photo in track(listing.photos, "segmenting"):
            record = ledger.record_of(photo)
            if record is None or not _is_complete(record, folder, outputs):
                record = _segment_one(photo, chosen, folder, outputs)
                ledger.add([record])
            rows.append(record.row)
    write_rows(rows, folder / RESULTS)
    if "coco" in outputs.further:
        _write_coco(rows, chosen.structures, folder)
    return rows


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """As CSV, without pandas, which takes a quarter of a second to import; some photos have fewer cells, `model` is last."""
    columns = list(dict.fromkeys(column for row in rows for column in row if column != "model"))
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*columns, "model"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def told_of(photo: PhotoFile, told: Told) -> Told:
    """What is known of one photograph."""
    return replace(told, eye=photo.eye or told.eye)


def measured_cells(measured: Biomarkers, told: Told) -> dict[str, object]:
    """Eye, reasons and biomarkers as cells of a row."""
    found: dict[str, object] = {
        "reason": "; ".join(measured.reasons),
        "eye": measured.eye or "",
        "eye_source": "told" if told.eye else "seen" if measured.eye else "",
        "eye_contradiction": contradiction(told.eye, measured.orientation.eye, measured.orientation.seen_by),
    }
    found |= dict.fromkeys(FIRST_MEASURES, "")
    return found | cells(measured.quantities)


def _is_complete(record: Record, folder: Path, outputs: Wanted) -> bool:
    """Whether all that is wanted of a photograph is there."""
    if record.picture is None:
        return True
    name = record.row["photo"]
    needed = [folder / record.picture]
    needed += [folder / MEASURES / f"{name}.json"] if outputs.biomarkers else []
    if record.row["status"] == DRAWN:
        needed += [folder / "label_maps" / f"{name}.png"] if "label-map" in outputs.further else []
        needed += [folder / "originals" / f"{name}.structures.jpg"] if "original-overlay" in outputs.further else []
        if "probabilities" in outputs.further and not (folder / "probabilities").is_dir():
            return False
    return all(path.is_file() for path in needed)


def _segment_one(photo: PhotoFile, chosen: StructureSet, folder: Path, outputs: Wanted) -> Record:
    told = told_of(photo, outputs.told)
    row: dict[str, object] = {"photo": photo.name, "status": DRAWN, "reason": "", "eye": told.eye or ""}
    row |= {"eye_source": "told" if told.eye else "", "eye_contradiction": ""}
    models = ", ".join(segmenter.bundle.identity for segmenter in chosen.segmenters)
    try:
        drawn = draw(photo, chosen)
    except UnreadablePhotoError as error:
        return Record(photo.stamp, {**row, "status": UNREADABLE, "reason": error.reason, "model": models})
    measured = None
    if not drawn.structures:
        row |= {"status": UNGRADABLE, "reason": drawn.reason}
    else:
        row |= _shares(drawn)
        if outputs.biomarkers:
            measured = measure_structures(drawn.standard, drawn.structures, told)
            row |= measured_cells(measured, told)
    row["model"] = models
    described = _write(drawn, folder, outputs)
    if outputs.biomarkers:
        write_measures(row, described, measured, folder / MEASURES / f"{photo.name}.json")
        if measured is not None:
            for name, figure in draw_biomarkers(drawn.standard, measured).items():
                save_picture(figure, folder / FIGURES / f"{photo.name}.{name}.jpg")
    return Record(photo.stamp, row, f"{PICTURES}/{photo.name}.structures.jpg")


def _shares(drawn: DrawnPhoto) -> dict[str, object]:
    """`area_<structure>` and `quality_<structure>`."""
    found: dict[str, object] = {}
    fields: dict[int, int] = {}  # pixels of the field of view, by side
    for name, one in drawn.structures.items():
        side = len(one.map)
        if side not in fields:
            inside = drawn.standard.disc.moved(0, 0, side / drawn.standard.geometry.standard_side)
            fields[side] = int(np.count_nonzero(inside.mask(side, side)))
        field = fields[side]
        covered = np.count_nonzero(one.map >= one.threshold)
        found[f"area_{name}"] = covered / field if field else 0.0
        if name != FOVEA:  # a heat map around a point: its extent says nothing
            found[f"quality_{name}"] = round(one.expected_dice, 4) if covered else ""
    return found


def _write(drawn: DrawnPhoto, folder: Path, outputs: Wanted) -> list[dict[str, Any]]:
    """Write masks and pictures of one photograph; describe its structures."""
    name, structures = drawn.photo.name, drawn.structures
    kept: dict[str, NDArray[np.bool_]] = {}
    described = []
    needs_all = {"label-map", "original-overlay"} & outputs.further
    for structure, one in structures.items():
        mask = one.mask()
        write_mask(mask, folder, structure, name)
        described.append(_described(structure, one, mask))
        if needs_all:
            kept[structure] = mask
        if "probabilities" in outputs.further:
            write_probabilities(one.geometry.to_original(one.map), folder, structure, name)
    if "label-map" in outputs.further and kept:
        write_label_map(kept, folder, name)
    if "original-overlay" in outputs.further and kept:
        write_original_overlay(read_photo(drawn.photo.path).pixels, kept, folder, name)
    maps = {structure: one.map for structure, one in structures.items()}
    limits = {structure: one.threshold for structure, one in structures.items()}
    save_picture(draw_structures(drawn.standard, maps, limits), folder / PICTURES / f"{name}.structures.jpg")
    return described


def _described(structure: str, one: Drawn, mask: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "name": structure,
        "pixels": int(cv2.countNonZero(mask.view(np.uint8))),
        "threshold": one.threshold,
        "expected_dice": round(one.expected_dice, 4),
        "mask": f"{MASKS}/{structure}",
    }


def _write_coco(rows: Sequence[Mapping[str, Any]], structures: Sequence[str], folder: Path) -> None:
    """All masks as one COCO file, from the mask files."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for place, row in enumerate((row for row in rows if row["status"] == DRAWN), start=1):
        image: dict[str, Any] = {"id": place, "file_name": row["photo"]}
        for number, structure in enumerate(structures, start=1):
            picture = cv2.imread(str(folder / MASKS / structure / f"{row['photo']}.png"), cv2.IMREAD_GRAYSCALE)
            if picture is None:
                raise UserError(
                    f"{folder / MASKS / structure}: the mask of {row['photo']} is missing; repeat the command"
                )
            image |= {"height": picture.shape[0], "width": picture.shape[1]}
            if not picture.any():
                continue
            left, top, width, height = cv2.boundingRect(picture)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": place,
                    "category_id": number,
                    "segmentation": run_lengths(picture > 0),
                    "area": int(cv2.countNonZero(picture)),
                    "bbox": [left, top, width, height],
                    "iscrowd": 1,
                }
            )
        images.append(image)
    categories = [{"id": number, "name": name} for number, name in enumerate(structures, start=1)]
    write_json({"images": images, "annotations": annotations, "categories": categories}, folder / COCO)
