"""From a manifest with masks to a segmenter's bundle: split, prepare, fit, choose thresholds, export, measure.

Thresholds have the best Dice over validation photos, or over training photos where there are no others, as in DRIVE.
Metrics are of test photos, segmented by the exported graph itself. See docs/segmentation.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console

from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.installed import DESCRIPTION, folder_of
from eyeground.bundle.measured import MeasuredMetric
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.segmentation_recipe import SegmentationRecipe
from eyeground.config.settings import read_recipe
from eyeground.core.progress import track
from eyeground.core.tables import write_table
from eyeground.core.templates import open_template
from eyeground.data.manifest import MASK_PREFIX, Manifest
from eyeground.data.splits import split_patients
from eyeground.errors import UserError
from eyeground.evaluation.structures import PixelCounts, best_threshold, count_pixels
from eyeground.evaluation.structures.averaging import POOLED
from eyeground.evaluation.structures.pixels import EDGES, auroc
from eyeground.evaluation.structures.points import DISTANCE, WITHIN
from eyeground.imaging.cache import read_prepared_standard
from eyeground.imaging.masks import MOST_COVERED
from eyeground.imaging.standard import StandardPhoto
from eyeground.models.export_segmenter import export_segmenter
from eyeground.models.segmenter import SegmentationNetwork, start
from eyeground.screening.segmenter import SegmentedPhoto, load_segmenter
from eyeground.training.annotated_photos import AnnotatedPhotos, prepare_annotated
from eyeground.training.fit_segmenter import fit_segmenter
from eyeground.workflows.build.run_folder import BUNDLE, EVALUATION, open_run
from eyeground.workflows.build.validated_build import (
    SHARES,
    Plan,
    public_name,
    refuse_leakage,
    report_unreadable,
    training_photos,
    training_record,
)
from eyeground.workflows.segment.measure import ESTIMATES, MODEL, measure_segmentations, truth_of

MASKS = "masks"
RECORDED = ("dice", "auroc", "auprc", "sensitivity", "specificity")
LEAST_AUROC = 0.6  # over pixels; even a segmenter of tiny lesions, trained on few photos, reaches 0.8
MOST_FOR_THRESHOLDS = 200  # photos of each structure: a few million pixels fix a threshold to the third digit


@dataclass(frozen=True)
class BuiltSegmenter:
    """What a run yields; `estimates` is empty where no test photo has masks."""

    bundle: Bundle
    estimates: pd.DataFrame


def segmentation_recipe(
    source: str, structures: Sequence[str], path: Path | None, overrides: Sequence[str]
) -> SegmentationRecipe:
    """The recipe of a segmenter: a bundle's network and normalisation, the structures, then the user's overrides.

    Args:
        source: What the weights start from. A bundle brings its network, a segmenter's its decoder as well; otherwise the
            recipe's is used.
        structures: Names; `NAME:absent` where an empty mask cell means that the photo has no such structure.
    """
    given = [
        "initialisation=" + json.dumps(source),
        "structures=" + json.dumps([_structure(one) for one in structures]),
    ]
    if folder_of(source) is not None or (Path(source) / DESCRIPTION).is_file():
        description = open_bundle(source).description
        if description.decoder is not None:
            given.append(f"decoder.channels={list(description.decoder.channels)}")
        given += [
            "architecture.backbone=" + description.architecture.backbone,
            "architecture.backbone_options=" + json.dumps(description.architecture.backbone_options),
            f"preprocessing.mean={list(description.preprocessing.mean)}",
            f"preprocessing.std={list(description.preprocessing.std)}",
        ]
    return read_recipe(SegmentationRecipe, path, [*given, *overrides])


def _structure(text: str) -> dict[str, str]:
    name, _, missing = text.partition(":")
    return {"name": name, "missing": missing or "unknown"}


def train_segmenter(
    manifest: Manifest, recipe: SegmentationRecipe, plan: Plan, console: Console, resume: bool
) -> BuiltSegmenter:
    """Run the entire build; a run killed at any point is resumed to the same metrics.

    A manifest without splits is split by patient (70 % train, 10 % validation, 20 % test).

    Raises:
        UserError: For masks, splits, leakage, weights or folders.
    """
    if "split" not in manifest.table:
        console.print(f"the manifest has no splits: patients are split by seed {recipe.seed}, 70/10/20 %")
        manifest = split_patients(manifest, SHARES, [], recipe.seed)
    manifest = open_run(plan.folder, recipe, manifest, resume)
    photos = prepare_annotated(
        manifest, recipe.structures, recipe.preprocessing, plan.cache, plan.folder / MASKS, plan.jobs
    )
    report_unreadable(photos, console)
    refuse_leakage(photos.manifest, plan.allow_leakage, console)
    torch.manual_seed(recipe.seed)
    names = tuple(structure.name for structure in recipe.structures)
    network = SegmentationNetwork(recipe.architecture, recipe.decoder, recipe.preprocessing, names)
    start(network, recipe.initialisation).print(console)
    fitted = fit_segmenter(network, recipe, photos, plan.folder, console, resume)
    thresholds = choose_thresholds(fitted.segmenter, photos, recipe)
    record = training_record(
        manifest, photos, plan, public_name(recipe.initialisation), len(fitted.history), recipe.seed
    )
    export = partial(_export, fitted.segmenter, plan, record, thresholds, training_photos(photos))
    bundle = export(())
    tested = photos.manifest.where((photos.manifest.table["split"] == "test").fillna(False))
    if not len(tested):
        return BuiltSegmenter(bundle, pd.DataFrame())
    segmenter = load_segmenter(bundle.folder)
    measured = measure_segmentations(tested, recipe.structures, recipe.preprocessing, segmenter.segment)
    estimates = measured.estimates(seed=recipe.seed)
    write_table(estimates, plan.folder / EVALUATION / ESTIMATES)
    return BuiltSegmenter(export(recorded_metrics(estimates)), estimates)


def choose_thresholds(
    segmenter: SegmentationNetwork, photos: AnnotatedPhotos, recipe: SegmentationRecipe
) -> tuple[OperatingPoint, ...]:
    """The threshold with the best Dice of each structure, over validation photos or else over training photos."""
    chosen_on: Literal["validation", "train"] = "validation" if len(photos.rows("validation")) else "train"
    chosen = _rows_with_masks(photos, photos.rows(chosen_on), recipe)
    counts: dict[str, list[PixelCounts]] = {structure.name: [] for structure in recipe.structures}
    for row in track(sorted(set().union(*chosen.values())), "choosing thresholds"):
        standard = read_prepared_standard(photos.standard[row])
        segmented = _segmented(segmenter, standard)
        for structure in recipe.structures:
            if row in chosen[structure.name]:
                annotated = truth_of(photos.manifest, row, structure, standard)
                found = count_pixels(segmented.original(structure.name), annotated.truth, annotated.inside)
                counts[structure.name].append(found)
    thresholds = {name: best_threshold(found) for name, found in counts.items()}
    for name, threshold in thresholds.items():
        _refuse_untrained(name, counts[name], threshold, chosen_on)
    return tuple(
        OperatingPoint(
            output=name,
            threshold=thresholds[name],
            rule="best Dice over pixels",
            chosen_on=chosen_on,
            positives=sum(int(one.positives.sum()) for one in found),
            negatives=sum(int(one.negatives.sum()) for one in found),
        )
        for name, found in counts.items()
    )


def _rows_with_masks(
    photos: AnnotatedPhotos, rows: NDArray[np.intp], recipe: SegmentationRecipe
) -> dict[str, set[int]]:
    """For each structure, rows in which it is known, of all sources where there are more than enough.

    The ellipse in a box is larger or smaller than what it stands for, so it decides only where nothing is outlined.
    """
    chosen = {}
    for place, structure in enumerate(recipe.structures):
        known = [int(row) for row in rows if photos.masks[row][place] != "unknown"]
        cells = photos.manifest.table[MASK_PREFIX + structure.name]
        outlined = [row for row in known if not str(cells.iloc[row]).startswith("#ellipse")]
        known = outlined or known
        kept = np.linspace(0, len(known) - 1, MOST_FOR_THRESHOLDS).round().astype(int)
        chosen[structure.name] = {known[one] for one in kept} if len(known) > MOST_FOR_THRESHOLDS else set(known)
    return chosen


def _refuse_untrained(name: str, counts: Sequence[PixelCounts], threshold: float, chosen_on: str) -> None:
    """A segmenter that ranks pixels by chance, or marks all of them, must not become a bundle."""
    positives, negatives = (
        np.sum([getattr(one, kind) for one in counts], axis=0) for kind in ("positives", "negatives")
    )
    area = float(auroc(positives[None], negatives[None])[0])
    pixels = positives + negatives
    share = float(pixels[np.searchsorted(EDGES, np.float32(threshold), side="right") :].sum() / pixels.sum())
    if not area >= LEAST_AUROC or share > MOST_COVERED:
        raise UserError(
            f"'{name}' was not learned, so no bundle is written: on {chosen_on} photos the AUROC over pixels is {area:.2f} "
            f"(chance is 0.5), and the best threshold marks {share:.0%} of the field of view. Look at the masks with "
            "`eyeground check`; with few photos, more epochs (--set optimisation.epochs=…) or another learning rate may help"
        )


def _segmented(segmenter: SegmentationNetwork, standard: StandardPhoto) -> SegmentedPhoto:
    with torch.inference_mode():
        maps = segmenter.probabilities(torch.from_numpy(standard.pixels[np.newaxis]))[0].numpy()
    return SegmentedPhoto(standard, dict(zip(segmenter.structures, maps, strict=True)), {})


def recorded_metrics(estimates: pd.DataFrame) -> tuple[MeasuredMetric, ...]:
    """The model's metrics over all test pixels, and of points over all test photos, for bundle.json."""
    over_pixels = (estimates["over"] == POOLED) & estimates["metric"].isin(RECORDED)
    of_points = estimates["metric"].isin([DISTANCE, WITHIN])
    recorded = estimates[(estimates["reader"] == MODEL) & (over_pixels | of_points)].dropna(subset=["value"])
    return tuple(
        MeasuredMetric(
            output=row["structure"],
            metric=f"{row['over']}_{DISTANCE}" if row["metric"] == DISTANCE else row["metric"],
            value=row["value"],
            low=None if pd.isna(row["low"]) else row["low"],
            high=None if pd.isna(row["high"]) else row["high"],
            scope="test",
            photos=row["photos"],
            patients=row["patients"],
        )
        for row in recorded.to_dict("records")
    )


def _export(
    segmenter: SegmentationNetwork,
    plan: Plan,
    record: TrainingRecord,
    thresholds: tuple[OperatingPoint, ...],
    seen: Sequence[str],
    metrics: tuple[MeasuredMetric, ...],
) -> Bundle:
    card = open_template("eyeground.workflows", "segmenter_card.md.jinja").render(
        name=plan.name,
        licence=plan.licence,
        architecture=segmenter.architecture,
        parameters=sum(parameter.numel() for parameter in segmenter.parameters()) / 1e6,
        preprocessing=segmenter.preprocessing,
        record=record,
        thresholds=thresholds,
        metrics=metrics,
    )
    info = ModelInfo(
        name=plan.name,
        training=record,
        answers=AnswerRules(operating_points=thresholds),
        metrics=metrics,
        card=card,
        licence=plan.licence,
        training_photos=seen,
    )
    return export_segmenter(segmenter, plan.folder / BUNDLE, info)
