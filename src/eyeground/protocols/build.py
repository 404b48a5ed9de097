"""From a manifest to a bundle: split, prepare, fit, predict, calibrate, choose operating points, evaluate, export.

The order is the honesty: probabilities are calibrated and thresholds chosen on validation photos, after fitting
and before any test figure is computed, and a photograph that stands in two splits stops the run. The predictions
that a run writes are calibrated, as those of its bundle are; on validation photos that flatters, so figures are
of test.
"""

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from rich.console import Console

from eyeground.bundle import DESCRIPTION, Bundle, OperatingPoint, TrainingRecord, open_bundle
from eyeground.calibration import Calibration, calibration_in_words
from eyeground.errors import UserError
from eyeground.evaluation import Evaluation, choose_operating_point
from eyeground.evaluation.calibrating.calibrate import calibrated_predictions, fit_calibration
from eyeground.evaluation.reporting.validation import Presentation, Request, evaluated, write_validation
from eyeground.installed import folder_of
from eyeground.manifest import Manifest
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle
from eyeground.models.initialise import initialise
from eyeground.predictions import Predictions, compose_predictions, write_predictions
from eyeground.protocols.evidence import Sources, gather
from eyeground.protocols.model_card import model_card
from eyeground.protocols.run_folder import BUNDLE, ENVIRONMENT, EVALUATION, PREDICTIONS, open_run
from eyeground.recipe import CalibrationMethod, Target, TrainingRecipe
from eyeground.splits import split_patients
from eyeground.training.data import PreparedPhotos, prepare_photos, with_classes
from eyeground.training.drawn_photos import DrawnPhotos
from eyeground.training.fit import fit, predict
from eyeground.training_photos import hashes_of_standard

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
DEFAULT_LICENCE = "apache-2.0"


@dataclass(frozen=True)
class Built:
    """What a run yields."""

    bundle: Bundle
    evaluation: Evaluation
    predictions: Predictions


@dataclass(frozen=True)
class Plan:
    """Where a run reads and writes, and what it is called.

    Attributes
    ----------
    folder : pathlib.Path
        Run folder.
    cache : pathlib.Path
        Folder of standard photos, shared between runs.
    name : str
        Name of the bundle.
    method : str
        `pretrain`, `finetune`, `probe` or `segmentation`.
    licence : str
        Licence of the weights.
    allow_leakage : bool
        Go on although a photograph stands in two splits.
    jobs : int
        Processes that make standard photos.
    """

    folder: Path
    cache: Path
    name: str
    method: Literal["pretrain", "finetune", "probe", "segmentation"]
    licence: str = DEFAULT_LICENCE
    allow_leakage: bool = False
    jobs: int = 1


def train_and_validate(manifest: Manifest, recipe: TrainingRecipe, plan: Plan, console: Console, resume: bool) -> Built:
    """Run the whole build; a run killed at any point is resumed to the same figures.

    A manifest without splits is split by patient (70 % train, 10 % validation, 20 % test), stratified by the
    targets.

    Raises
    ------
    UserError
        For anything the user can mend: labels, splits, leakage, weights, folders.
    """
    recipe = recipe.model_copy(update={"targets": tuple(with_classes(target, manifest) for target in recipe.targets)})
    # With several devices Lightning starts this command again for each of them, and they join the run of the first.
    resume = resume or os.environ.get("LOCAL_RANK", "0") != "0"
    manifest = open_run(plan.folder, recipe, with_splits(manifest, recipe.targets, recipe.seed, console), resume)
    photos = prepare_photos(manifest, recipe.targets, recipe.preprocessing, plan.cache, plan.jobs)
    tell_unreadable(photos, console)
    refuse_leakage(photos, plan.allow_leakage, console)
    torch.manual_seed(recipe.seed)
    classifier = Classifier(recipe.architecture, recipe.preprocessing, recipe.targets)
    initialise(classifier, recipe.initialisation).print(console)
    fitted = fit(classifier, recipe, photos, plan.folder, console, resume)
    rows = np.concatenate([photos.rows("validation"), photos.rows("test")])
    predictions = predictions_of(photos, rows, predict(fitted.classifier, photos, rows, recipe), recipe.targets)
    start = public_name(recipe.initialisation)
    record = training_record(manifest, photos, plan, start, len(fitted.history), recipe.seed)
    seen = training_photos(photos)
    return validate_and_export(fitted.classifier, predictions, record, plan, recipe.calibration, console, seen)


def training_record(
    manifest: Manifest, photos: PreparedPhotos | DrawnPhotos, plan: Plan, initialisation: str, epochs: int, seed: int
) -> TrainingRecord:
    """What a bundle says of the photos its weights were fitted to."""
    trained = photos.manifest.in_split("train")
    sources = trained.table["source"].dropna().unique() if "source" in trained.table else ()
    return TrainingRecord(
        manifest_fingerprint=manifest.fingerprint(),
        photos=len(trained),
        patients=trained.patients,
        sources=tuple(sorted(sources)),
        initialisation=initialisation,
        method=plan.method,
        epochs=epochs,
        seed=seed,
    )


def training_photos(photos: PreparedPhotos | DrawnPhotos) -> tuple[str, ...]:
    """Hashes of the photos that a model has seen, for fitting or for choosing epoch, calibration and thresholds."""
    rows = np.concatenate([photos.rows("train"), photos.rows("validation")])
    return hashes_of_standard(photos.standard[row] for row in rows)


def validate_and_export(
    classifier: Classifier,
    predictions: Predictions,
    record: TrainingRecord,
    plan: Plan,
    calibration: CalibrationMethod,
    console: Console,
    seen: Sequence[str] | None = None,
) -> Built:
    """Calibrate and choose operating points on validation, evaluate on test, write predictions, evaluation and bundle.

    Parameters
    ----------
    predictions : Predictions
        As the network gives them, of validation and test photos.
    seen : sequence of str, optional
        What `training_photos` gives, for the bundle.
    """
    calibrations = fit_calibrations(predictions, classifier.targets, calibration, console)
    predictions = calibrated_predictions(predictions, calibrations)
    write_predictions(predictions, plan.folder / PREDICTIONS)
    points = operating_points(predictions, console)
    request = Request(operating_points=points)
    evaluation = evaluated(predictions, request)
    bundle = export_bundle(
        classifier,
        plan.folder / BUNDLE,
        name=plan.name,
        training=record,
        operating_points=points,
        calibrations=calibrations,
        card=model_card(plan.name, classifier, record, calibrations, evaluation, plan.licence),
        licence=plan.licence,
        training_photos=seen,
    )
    evidence = gather(Sources(run=plan.folder))
    presentation = Presentation(f"Validation of {plan.name}", _command(plan))
    write_validation(evaluation, predictions, request, evidence, presentation, plan.folder / EVALUATION)
    return Built(open_bundle(bundle.folder), evaluation, predictions)


def _command(plan: Plan) -> str:
    """The command that the run's environment tells of."""
    return shlex.join(json.loads((plan.folder / ENVIRONMENT).read_text(encoding="utf-8"))["command"])


def with_splits(manifest: Manifest, targets: Sequence[Target], seed: int, console: Console) -> Manifest:
    """The manifest's own splits, or new ones by patient where it has none."""
    if "split" in manifest.table:
        return manifest
    shares = ", ".join(f"{name} {share:.0%}" for name, share in SHARES.items())
    console.print(f"the manifest has no splits: patients are split by seed {seed} into {shares}")
    return split_patients(manifest, SHARES, [target.name for target in targets], seed)


def tell_unreadable(photos: PreparedPhotos | DrawnPhotos, console: Console) -> None:
    """Say how many photos are left out because they cannot be read, and why the first is."""
    if photos.unreadable:
        photo, reason = next(iter(photos.unreadable.items()))
        console.print(
            f"[yellow]{len(photos.unreadable)} photos cannot be read and are left out[/]; the first is {photo}: {reason}"
        )


def refuse_leakage(photos: PreparedPhotos | DrawnPhotos, allowed: bool, console: Console) -> None:
    """Stop if the very same file stands in two splits; its standard photo then has the same name.

    Raises
    ------
    UserError
        Unless `allowed`, in which case it is said aloud.
    """
    table = photos.manifest.table.assign(standard=[str(path) for path in photos.standard])
    table = table[table["split"].notna()]
    leaked = table[table.groupby("standard")["split"].transform("nunique") > 1]
    if leaked.empty:
        return
    group = leaked[leaked["standard"] == leaked["standard"].iloc[0]]
    example = " and ".join(f"'{photo}' ({split})" for photo, split in zip(group["photo"], group["split"], strict=True))
    message = f"{len(leaked)} photographs stand in more than one split under different names, for example {example}"
    if not allowed:
        raise UserError(
            f"{message}. `eyeground check MANIFEST --clean clean.csv` writes a manifest without them; --allow-leakage "
            "trains anyway, with figures that flatter"
        )
    console.print(f"[bold red]leakage allowed:[/] {message}")


def predictions_of(
    photos: PreparedPhotos, rows: np.ndarray, predicted: np.ndarray, targets: Sequence[Target]
) -> Predictions:
    """Predictions (rows, outputs) of some rows beside what the manifest knows of them."""
    outputs = [output for target in targets for output in target.outputs]
    truth = pd.DataFrame(photos.truth[rows], columns=outputs)
    return compose_predictions(photos.manifest.table.iloc[rows], truth, predicted)


def fit_calibrations(
    predictions: Predictions, targets: Sequence[Target], method: CalibrationMethod, console: Console
) -> tuple[Calibration, ...]:
    """The calibration of every target, fitted on validation; what was done, or why nothing was, is said aloud."""
    validation = predictions.in_split("validation")
    calibrations = tuple(fit_calibration(validation, target, method) for target in targets)
    for target, calibration in zip(targets, calibrations, strict=True):
        console.print(f"calibration of '{target.name}': {calibration_in_words(calibration)}", highlight=False)
    return calibrations


def operating_points(predictions: Predictions, console: Console) -> tuple[OperatingPoint, ...]:
    """The Youden threshold of every output on validation; an output for which there is none is named."""
    points = []
    for output in predictions.outputs:
        try:
            points.append(choose_operating_point(predictions.in_split("validation"), output, "youden"))
        except UserError as error:
            console.print(f"[yellow]no operating point for '{output}':[/] {error}")
    return tuple(points)


def public_name(initialisation: str) -> str:
    """A bundle's identity, or the last part of a path: a bundle says what it started from, not where that lay."""
    if (Path(initialisation) / DESCRIPTION).is_file() or folder_of(initialisation) is not None:
        return open_bundle(initialisation).identity
    return Path(initialisation).name
