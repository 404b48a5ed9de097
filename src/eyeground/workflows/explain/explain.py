"""`explain`: maps of one output by several methods and models side by side, drawn and, with lesion masks, measured.

All maps of a photo are measured in one run on one machine, so that measures and costs are compared in pairs. See
docs/explanation.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from eyeground.core.progress import track
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError
from eyeground.explanation.faithfulness import (
    area_share,
    border,
    evidence_share,
    lesion_average_precision,
    pointing,
    widened,
)
from eyeground.explanation.maps import EVIDENCE, Explained, explain, method_named, output_index
from eyeground.explanation.perturbation import area_under, deletion_curve, insertion_curve
from eyeground.imaging.cache import prepare, read_prepared_standard
from eyeground.imaging.masks import read_mask
from eyeground.imaging.shapes import EMPTY
from eyeground.imaging.standard import StandardPhoto
from eyeground.models.classifier import Classifier
from eyeground.models.heads import probabilities
from eyeground.screening.pictures import save_picture
from eyeground.workflows.explain.pictures import PHOTOS_PER_SHEET, Panel, draw_row, stack_rows

LESIONS = ("mask_microaneurysm", "mask_haemorrhage", "mask_hard_exudate", "mask_soft_exudate")
OPTIC_DISC = "mask_optic_disc"
CHANCE = "chance"
CURVES = ("deletion_area", "insertion_area")
CURVE_STEPS = 10
TOLERANCE = 0.02
"""Of the tolerant pointing game, as a share of the side: a third of an optic disc's radius."""


@dataclass(frozen=True)
class ExplainPlan:
    """What to explain, and how.

    Attributes:
        output: An output of every model.
        methods: Names from `explanation.maps.METHODS`.
        measure: Whether to compare maps with lesion masks; photos without an outlined lesion are then left out.
        curves: Whether to also measure deletion and insertion curves.
    """

    output: str
    methods: tuple[str, ...] = (EVIDENCE,)
    measure: bool = False
    curves: bool = False


@dataclass(frozen=True)
class ExplainedPhotos:
    """Maps of photos.

    Attributes:
        photos: One row for each photo, model and method: `photo`, `patient`, `model`, `method`, `picture`,
            `milliseconds`, `forward_passes`, `backward_passes`; where measured also the measures, and rows of the
            method `chance`.
        sheets: Contact sheets.
        left_out: Photos without a map, and why.
    """

    photos: pd.DataFrame
    sheets: tuple[Path, ...]
    left_out: dict[str, str]


def explain_manifest(
    manifest: Manifest, models: Mapping[str, Classifier], plan: ExplainPlan, folder: Path, cache: Path, jobs: int
) -> ExplainedPhotos:
    """Draw every photo's maps, and measure them if the plan says so.

    Args:
        models: By the name that pictures and tables show.
        folder: Pictures go to `photos/`, contact sheets to `sheets/`.
        cache: Folder of standard photos.
        jobs: Processes that make standard photos.

    Raises:
        UserError: If a model lacks the output, a method does not exist or fit the backbone, masks are missing or do not
            fit, or no photo is left to explain.
    """
    for classifier in models.values():
        classifier.eval()
        output_index(classifier, plan.output)
    for method in plan.methods:
        method_named(method)
    if plan.measure:
        _check_masks(manifest)
    prepared = {
        name: prepare(manifest.photo_paths(), model.preprocessing, cache, jobs) for name, model in models.items()
    }
    _warm_up(models, plan)
    rows: list[dict[str, object]] = []
    strips: list[NDArray[np.uint8]] = []
    sheets: list[Path] = []
    left_out: dict[str, str] = {}
    for index, photo in enumerate(track(list(manifest.table["photo"]), "explaining")):
        failures = [found.failures[index] for found in prepared.values() if index in found.failures]
        if plan.measure and not _outlined(manifest, index):
            failures.append("no lesion is outlined")
        if failures:
            left_out[str(photo)] = failures[0]
            continue
        paths = {name: found.paths[index] for name, found in prepared.items()}
        standards = {name: read_prepared_standard(path) for name, path in paths.items() if path is not None}
        picture = f"photos/{index + 1:05d}.jpg"
        found_rows, panels = _explain_one(manifest, index, models, standards, plan)
        drawn = draw_row(next(iter(standards.values())), panels)
        save_picture(drawn, folder / picture)
        strips.append(drawn)
        rows += [{**row, "picture": picture} for row in found_rows]
        if len(strips) == PHOTOS_PER_SHEET:
            sheets.append(_save_sheet(strips, folder, len(sheets) + 1))
            strips = []
    if not rows:
        first = next(iter(left_out.items()), ("the manifest", "it has no photos"))
        raise UserError(f"nothing is left to explain; {first[0]}: {first[1]}")
    if strips:
        sheets.append(_save_sheet(strips, folder, len(sheets) + 1))
    return ExplainedPhotos(pd.DataFrame(rows), tuple(sheets), left_out)


def _warm_up(models: Mapping[str, Classifier], plan: ExplainPlan) -> None:
    """Make every map once: the first one also pays for imports and memory, which is no cost per photo."""
    for classifier in models.values():
        side = classifier.preprocessing.side
        for method in plan.methods:
            explain(classifier, np.zeros((side, side, 3), np.uint8), plan.output, method)


def _explain_one(
    manifest: Manifest,
    index: int,
    models: Mapping[str, Classifier],
    standards: Mapping[str, StandardPhoto],
    plan: ExplainPlan,
) -> tuple[list[dict[str, object]], list[Panel]]:
    subject = {"photo": manifest.table["photo"].iloc[index], "patient": manifest.table["patient"].iloc[index]}
    rows: list[dict[str, object]] = []
    panels = []
    for name, classifier in models.items():
        standard = standards[name]
        truth = _Truth.of(manifest, index, standard) if plan.measure else None
        if truth:
            rows.append({**subject, "model": name, "method": CHANCE, **truth.chance()})
        for method in plan.methods:
            found = explain(classifier, standard.pixels, plan.output, method)
            measured = truth.measures(found.values) if truth else {}
            if truth:
                measured |= _curve_areas(classifier, standard, plan, found.values)
            rows.append({**subject, "model": name, "method": method, **_cost(found), **measured})
            panels.append(Panel(name if len(models) > 1 else "", method, found.values, standard.field_of_view))
    return rows, panels


def _curve_areas(
    classifier: Classifier, standard: StandardPhoto, plan: ExplainPlan, values: NDArray[np.float32]
) -> dict[str, object]:
    """Areas under deletion and insertion curves of the output's probability; NaN if the plan has no curves."""
    if not plan.curves:
        return dict.fromkeys(CURVES, np.nan)
    index = output_index(classifier, plan.output)

    def score(photos: NDArray[np.uint8]) -> NDArray[np.floating]:
        with torch.inference_mode():
            found = probabilities(classifier(torch.from_numpy(photos)), classifier.targets)[:, index]
        return np.asarray(found.numpy())

    given = (score, standard.pixels, values, standard.field_of_view, CURVE_STEPS)
    curves = (deletion_curve(*given), insertion_curve(*given))
    return {name: area_under(curve) for name, curve in zip(CURVES, curves, strict=True)}


def _cost(found: Explained) -> dict[str, object]:
    return {
        "milliseconds": found.milliseconds,
        "forward_passes": found.forward_passes,
        "backward_passes": found.backward_passes,
    }


@dataclass(frozen=True)
class _Truth:
    """The masks of one standard photo, boolean (side, side)."""

    lesion: NDArray[np.bool_]
    disc: NDArray[np.bool_] | None
    field_of_view: NDArray[np.bool_]

    @classmethod
    def of(cls, manifest: Manifest, index: int, standard: StandardPhoto) -> "_Truth":
        lesion = np.zeros(standard.pixels.shape[:2], dtype=bool)
        for column in _outlined(manifest, index):
            lesion |= _read_mask(manifest, column, index, standard)
        disc = None
        if OPTIC_DISC in manifest.masks and pd.notna(manifest.table[OPTIC_DISC].iloc[index]):
            disc = _read_mask(manifest, OPTIC_DISC, index, standard)
        return cls(lesion, disc, standard.field_of_view)

    def measures(self, values: NDArray[np.float32]) -> dict[str, object]:
        inside = self.field_of_view
        disc = float("nan") if self.disc is None else evidence_share(values, self.disc, inside)
        return {
            "pointing": pointing(values, self.lesion, inside),
            "pointing_with_tolerance": pointing(values, self.lesion, inside, TOLERANCE * len(inside)),
            "evidence_in_lesions": evidence_share(values, self.lesion, inside),
            "lesion_average_precision": lesion_average_precision(values, self.lesion, inside),
            "evidence_at_border": evidence_share(values, border(inside), inside),
            "evidence_in_disc": disc,
        }

    def chance(self) -> dict[str, object]:
        """The measures of an even map: shares of area."""
        inside = self.field_of_view
        share = area_share(self.lesion, inside)
        return {
            "pointing": share,
            "pointing_with_tolerance": area_share(widened(self.lesion, TOLERANCE * len(inside)), inside),
            "evidence_in_lesions": share,
            "lesion_average_precision": share,
            "evidence_at_border": area_share(border(inside), inside),
            "evidence_in_disc": float("nan") if self.disc is None else area_share(self.disc, inside),
            **dict.fromkeys(CURVES, np.nan),  # an even map has no order in which pixels could go
        }


def _check_masks(manifest: Manifest) -> None:
    if not set(LESIONS) & set(manifest.masks):
        raise UserError(
            f"the manifest outlines no lesions, so maps cannot be measured; it needs any of {', '.join(LESIONS)}, "
            f"and has {', '.join(manifest.masks) or 'no mask columns'}. Leave out --measure to draw maps only"
        )


def _outlined(manifest: Manifest, index: int) -> list[str]:
    """The columns of lesions that are outlined on a photo."""
    cells = {name: manifest.table[name].iloc[index] for name in LESIONS if name in manifest.masks}
    return [name for name, cell in cells.items() if pd.notna(cell) and cell != EMPTY]


def _read_mask(manifest: Manifest, column: str, index: int, standard: StandardPhoto) -> NDArray[np.bool_]:
    """A mask on the standard photo: every pixel that it touches, since the smallest lesions fill no pixel."""
    size = standard.geometry.original_height, standard.geometry.original_width
    mask = read_mask(manifest.root / str(manifest.table[column].iloc[index]), size)
    return np.asarray(standard.geometry.to_standard(mask.astype(np.float32)) > 0)


def _save_sheet(strips: list[NDArray[np.uint8]], folder: Path, number: int) -> Path:
    path = folder / "sheets" / f"{number:03d}.jpg"
    save_picture(stack_rows(strips), path)
    return path
