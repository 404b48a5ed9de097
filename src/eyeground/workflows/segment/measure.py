"""Measures segmentations of the photos of a manifest against annotated masks, in the photographs' own pixels.

Only the field of view counts: `mask_field_of_view` where there is one, else the detected disc. A second annotator's
mask, `mask_<structure>_second`, is measured like a model. See docs/structures.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eyeground.config.segmentation_recipe import Structure
from eyeground.config.training_recipe import Preprocessing
from eyeground.core.progress import track
from eyeground.core.tables import write_table
from eyeground.data.manifest import MASK_PREFIX, Manifest
from eyeground.errors import UserError
from eyeground.evaluation.estimates import Estimate, as_text
from eyeground.evaluation.structures import (
    MeasuredPhoto,
    MeasuredPoint,
    centre_of,
    measure_photo,
    measure_segmentation,
    point_estimates,
    structure_estimates,
)
from eyeground.evaluation.structures.averaging import POOLED, WITHOUT
from eyeground.evaluation.structures.points import DISTANCE, WITHIN
from eyeground.imaging.decode import UnreadablePhotoError
from eyeground.imaging.masks import FIELD_OF_VIEW, read_mask, refuse_overfull, refuse_shared_masks
from eyeground.imaging.shapes import Shape, shape_of
from eyeground.imaging.standard import Geometry, StandardPhoto, standard_photo
from eyeground.screening.segmenter import SegmentedPhoto, Segmenter

SECOND = "_second"
OPTIC_DISC = f"{MASK_PREFIX}optic_disc"  # the ruler of distances
ESTIMATES = "structures.csv"
MODEL, SECOND_ANNOTATOR = "model", "second annotator"
Segment = Callable[[StandardPhoto], SegmentedPhoto]


@dataclass(frozen=True)
class AnnotatedMask:
    """The masks of one structure on one photograph, bool (height, width).

    Attributes:
        truth: The annotator's.
        second: The second annotator's.
        inside: The field of view.
    """

    truth: NDArray[np.bool_]
    second: NDArray[np.bool_] | None
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """Measured photos by structure: of the model, and of the second annotator where there is one; points of the model."""

    model: Mapping[str, tuple[MeasuredPhoto, ...]]
    second: Mapping[str, tuple[MeasuredPhoto, ...]]
    points: Mapping[str, tuple[MeasuredPoint, ...]] = field(default_factory=dict)

    def estimates(self, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
        """Tidy rows: `reader` (model or second annotator) and what `structure_estimates` gives."""
        parts = [
            structure_estimates(structure, photos, resamples, seed).assign(reader=reader)
            for reader, by_structure in ((MODEL, self.model), (SECOND_ANNOTATOR, self.second))
            for structure, photos in by_structure.items()
            if photos
        ]
        parts += [
            point_estimates(structure, photos, resamples, seed).assign(reader=MODEL)
            for structure, photos in self.points.items()
        ]
        table = pd.concat(parts, ignore_index=True)
        return table[["reader", *(column for column in table if column != "reader")]]


def measure_segmentations(
    manifest: Manifest, structures: Sequence[Structure], preprocessing: Preprocessing, segment: Segment
) -> Measured:
    """Segment every photo that has a mask, and compare.

    Args:
        manifest: With columns `mask_<structure>`; a structure without any mask is left out.
        preprocessing: The segmenter's.
        segment: Such as `Segmenter.segment`.

    Raises:
        UserError: If no photo can be measured, or a mask is missing or does not fit its photograph.
    """
    model: dict[str, list[MeasuredPhoto]] = {structure.name: [] for structure in structures}
    second: dict[str, list[MeasuredPhoto]] = {structure.name: [] for structure in structures}
    points: dict[str, list[MeasuredPoint]] = {structure.name: [] for structure in structures}
    photos = manifest.photo_paths()
    for row in track(range(len(manifest)), "measuring"):
        known = [one for one in structures if _is_known(manifest, row, one)]
        if not known:
            continue
        try:
            standard = standard_photo(photos[row], preprocessing)
        except UnreadablePhotoError:
            continue
        segmented = segment(standard)
        photo, patient = (str(manifest.table[column].iloc[row]) for column in ("photo", "patient"))
        for structure in known:
            name = structure.name
            if (point := _point(manifest, row, name)) is not None:
                if (distance := _distance(manifest, row, point, segmented.maps[name], standard.geometry)) is not None:
                    points[name].append(MeasuredPoint(photo, patient, distance))
                continue
            annotated = truth_of(manifest, row, structure, standard)
            truth, inside = annotated.truth, annotated.inside
            found = (segmented.original(name), truth, inside, segmented.thresholds[name])
            model[name].append(measure_photo(photo, patient, *found))
            if annotated.second is not None:
                second[name].append(measure_segmentation(photo, patient, annotated.second, truth, inside))
    if not any(model.values()) and not any(points.values()):
        names = ", ".join(structure.name for structure in structures)
        raise UserError(f"no photo of the manifest can be read and has a mask of {names}")
    return Measured(
        {name: tuple(found) for name, found in model.items() if found},
        {name: tuple(found) for name, found in second.items() if found},
        {name: tuple(found) for name, found in points.items() if found},
    )


def _point(manifest: Manifest, row: int, name: str) -> Shape | None:
    """The annotated point, if a structure is one on this photo."""
    cell = manifest.table[MASK_PREFIX + name].iloc[row]
    shape = None if pd.isna(cell) else shape_of(manifest.root / cell)
    return shape if isinstance(shape, Shape) and shape.x is not None and shape.width is None else None


def _distance(
    manifest: Manifest, row: int, point: Shape, heat: NDArray[np.float32], geometry: Geometry
) -> float | None:
    """From the annotated point to the heat map's centre, in diameters of the annotated disc; None without a disc."""
    size = geometry.original_height, geometry.original_width
    disc = _mask(manifest, row, OPTIC_DISC, size)
    if disc is None or not disc.any():
        return None
    column, line, _ = centre_of(heat)
    scale = geometry.side / geometry.standard_side
    x, y = geometry.left + (column + 0.5) * scale, geometry.top + (line + 0.5) * scale
    apart = np.hypot(x - (point.x or 0) * size[1], y - (point.y or 0) * size[0])
    return float(apart / (2 * np.sqrt(np.count_nonzero(disc) / np.pi)))


def truth_of(manifest: Manifest, row: int, structure: Structure, standard: StandardPhoto) -> AnnotatedMask:
    """The masks of a structure on a photo for which it is known.

    Raises:
        UserError: If a mask cannot be read, has another size than the photograph, or covers most of it.
    """
    geometry = standard.geometry
    shape = (geometry.original_height, geometry.original_width)
    truth = _mask(manifest, row, MASK_PREFIX + structure.name, shape)
    second = _mask(manifest, row, MASK_PREFIX + structure.name + SECOND, shape)
    inside = _mask(manifest, row, FIELD_OF_VIEW, shape)
    inside = geometry.to_original(standard.field_of_view) if inside is None else inside
    for column, mask in ((structure.name, truth), (structure.name + SECOND, second)):
        if mask is not None:
            path = manifest.root / manifest.table[MASK_PREFIX + column].iloc[row]
            refuse_overfull(path, float(mask[inside].mean()) if inside.any() else 0.0)
    return AnnotatedMask(np.zeros(shape, np.bool_) if truth is None else truth, second, inside)


def _is_known(manifest: Manifest, row: int, structure: Structure) -> bool:
    column = MASK_PREFIX + structure.name
    if column not in manifest.masks:
        return False
    return structure.missing == "absent" or not pd.isna(manifest.table[column].iloc[row])


def _mask(manifest: Manifest, row: int, column: str, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    cell = manifest.table[column].iloc[row] if column in manifest.masks else None
    if cell is None or pd.isna(cell):
        return None
    path: Path = manifest.root / cell
    mask = read_mask(path, shape)
    if mask.shape != shape:
        rotated = "; the photo's EXIF rotates it: rotate the mask too" if mask.shape == shape[::-1] else ""
        raise UserError(
            f"{path}: a mask of {mask.shape[1]} x {mask.shape[0]} pixels, but its photo has {shape[1]} x {shape[0]}{rotated}"
        )
    return mask


def measured_against(manifest: Manifest, segmenter: Segmenter, folder: Path, absent: Sequence[str]) -> pd.DataFrame:
    """Metrics of a segmenter on the photos of a manifest that have masks, written to `structures.csv`.

    Args:
        manifest: With `mask_<structure>` columns of at least one of the segmenter's structures.
        absent: Structures whose empty mask cells mean that the photo has none.

    Raises:
        UserError: If no structure of the segmenter has a mask column, or no photo can be measured.
    """
    known = [name for name in segmenter.structures if MASK_PREFIX + name in manifest.masks]
    if not known:
        raise UserError(
            f"the manifest has no mask of this segmenter's structures ({', '.join(segmenter.structures)}); its mask columns are "
            f"{', '.join(manifest.masks) or 'none'}"
        )
    refuse_shared_masks(manifest)
    structures = [Structure(name=name, missing="absent" if name in absent else "unknown") for name in known]
    measured = measure_segmentations(
        manifest, structures, segmenter.bundle.description.preprocessing, segmenter.segment
    )
    estimates = measured.estimates()
    write_table(estimates, folder / ESTIMATES)
    return estimates


def as_lines(estimates: pd.DataFrame) -> list[str]:
    """Pooled metrics, false alarms and distances as lines of text: one for each structure and reader."""
    if estimates.empty:
        return ["no test photo has masks, so nothing was measured"]
    lines = []
    is_point = estimates["metric"].isin([DISTANCE, WITHIN])
    shown = estimates[estimates["over"].isin([POOLED, WITHOUT]) | is_point].dropna(subset=["value"])
    for (structure, reader), rows in shown.groupby(["structure", "reader"], sort=False):
        metrics = [f"{_name(row)} {value_text(row)}" for _, row in rows.iterrows()]
        lines.append(f"{structure} ({reader}, {rows['photos'].max()} photos): {', '.join(metrics)}")
    return lines


def _name(row: "pd.Series[Any]") -> str:
    """Such as `dice`, `median distance` or `false_alarm of 10 photos without`."""
    if row["over"] == WITHOUT:
        return f"{row['metric']} of {row['photos']} photos without"
    return f"{row['over']} {row['metric']}" if row["metric"] == DISTANCE else str(row["metric"])


def value_text(row: "pd.Series[Any]") -> str:
    """The value of a row of estimates with its interval, as far as there are any; else a dash."""
    value, low, high = (None if pd.isna(row[name]) else float(row[name]) for name in ("value", "low", "high"))
    return "–" if value is None else as_text(Estimate(row["metric"], value, low, high))
