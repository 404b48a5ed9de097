"""What `segment` writes of one photograph: masks, pictures, the label map, probabilities, and the JSON file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.biomarkers.measurement import Biomarkers
from eyeground.biomarkers.rules import words
from eyeground.core.files import replacing
from eyeground.screening.pictures import save_picture
from eyeground.workflows.segment.pictures import draw_on_photo

MASKS, LABEL_MAPS, PROBABILITIES, ORIGINALS, MEASURES = "masks", "label_maps", "probabilities", "originals", "measures"
# In a label map later ones lie over earlier ones; the numbers are in label_maps/labels.json.
LABELS = (
    "optic_disc",
    "optic_cup",
    "fovea",
    "vessel",
    "vein",
    "artery",
    "hard_exudate",
    "soft_exudate",
    "haemorrhage",
    "microaneurysm",
)
# Masks are large and simple: no filter and the least compression take a fifth of the time.
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_FAST += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]

Mask = NDArray[np.bool_]


def write_mask(mask: Mask, folder: Path, structure: str, photo: str) -> None:
    """Write `masks/<structure>/<photo>.png`: 255 where the structure is, 0 elsewhere."""
    _write_png(mask.view(np.uint8) * np.uint8(255), folder / MASKS / structure / f"{photo}.png")


def write_label_map(masks: Mapping[str, Mask], folder: Path, photo: str) -> None:
    """Write `label_maps/<photo>.png`, a number per pixel, and the numbers in `label_maps/labels.json`."""
    names = (*LABELS, *(name for name in sorted(masks) if name not in LABELS))
    numbers = {name: number for number, name in enumerate(names, start=1)}
    labels = np.zeros(next(iter(masks.values())).shape, np.uint8)
    for name in names:
        if name in masks:
            labels[masks[name]] = numbers[name]
    _write_png(labels, folder / LABEL_MAPS / f"{photo}.png")
    write_json({"background": 0, **numbers}, folder / LABEL_MAPS / "labels.json")


def write_probabilities(probabilities: NDArray[np.float32], folder: Path, structure: str, photo: str) -> None:
    """Write `probabilities/<structure>/<photo>.png`: 16 bits, 65535 is 1."""
    _write_png((probabilities * 65535 + 0.5).astype(np.uint16), folder / PROBABILITIES / structure / f"{photo}.png")


def write_original_overlay(pixels: NDArray[np.uint8], masks: Mapping[str, Mask], folder: Path, photo: str) -> None:
    """Write `originals/<photo>.structures.jpg`: outlines of the structures on the photograph at its own size."""
    save_picture(draw_on_photo(pixels, masks), folder / ORIGINALS / f"{photo}.structures.jpg")


def write_measures(
    row: Mapping[str, Any], structures: Sequence[Mapping[str, Any]], measured: Biomarkers | None, path: Path
) -> None:
    """Write the JSON file of one photograph: its row's first cells, structures, measures with units and intervals, words."""
    content: dict[str, Any] = {
        name: row.get(name) for name in ("photo", "status", "reason", "eye", "eye_source", "eye_contradiction", "model")
    }
    content["structures"] = list(structures)
    if measured is not None:
        content["measures"] = {
            name: {key: cell for key, cell in asdict(quantity).items() if cell is not None}
            for name, quantity in measured.quantities.items()
        }
        content["scale"] = None if measured.scale is None else asdict(measured.scale)
        content["not_measured"] = list(measured.reasons)
        content["words"] = list(words(measured))
    write_json(content, path)


def run_lengths(mask: Mask) -> dict[str, Any]:
    """A mask as COCO's uncompressed run lengths: columns from top to bottom, the first count is of background."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(bounds).tolist()
    if flat[0]:
        counts = [0, *counts]
    return {"size": [int(side) for side in mask.shape], "counts": counts}


def write_json(content: Any, path: Path) -> None:
    """Write JSON, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False), encoding="utf-8")


def _write_png(picture: NDArray[Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".png", picture, _FAST)
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())
