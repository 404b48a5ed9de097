"""What every classifier build shares: splits, calibration, thresholds, evaluation, export. Imports no torch.

Probabilities are calibrated and thresholds chosen on validation photos, before any test metric is computed. What holds
for a cross-validated build is in docs/howto/your-own-classifier.md.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from rich.console import Console

from eyeground.bundle.calibration import Calibration, describe_calibration
from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.installed import DESCRIPTION, folder_of
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.bundle.training_photos import hashes_of_standard
from eyeground.config.targets import Target
from eyeground.config.training_recipe import CalibrationMethod
from eyeground.core.files import equal_files
from eyeground.data.joining import Terms, terms_of
from eyeground.data.manifest import Manifest
from eyeground.data.predictions import Predictions, compose_predictions, write_predictions
from eyeground.data.splits import split_patients
from eyeground.datasets import DATASETS
from eyeground.errors import UserError
from eyeground.evaluation import Evaluation
from eyeground.evaluation.calibrating.calibrate import (
    calibrated_predictions,
    cross_calibrated_predictions,
    fit_calibration,
)
from eyeground.evaluation.decision_rule import choose_rules, deciding_outputs, expected_scores, measured
from eyeground.evaluation.offered_points import first_points
from eyeground.evaluation.reporting.validation import Presentation, Request, evaluated, write_validation
from eyeground.evaluation.samples import is_cross_validated
from eyeground.imaging.packed import MEMBER, is_packed
from eyeground.imaging.prepared_photos import PhotosOnDisk, PreparedPhotos
from eyeground.workflows.build.model_card import model_card
from eyeground.workflows.build.network import Network
from eyeground.workflows.build.run_folder import BUNDLE, ENVIRONMENT, EVALUATION, PREDICTIONS
from eyeground.workflows.gather import InputPaths, gather

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

    Attributes:
        folder: Run folder.
        cache: Folder of standard photos, shared between runs.
        name: Name of the bundle.
        method: `pretrain`, `finetune`, `probe` or `segmentation`.
        licence: Licence of the weights.
        allow_leakage: Continue although a photograph is in two splits.
        jobs: Processes that make standard photos.
    """

    folder: Path
    cache: Path
    name: str
    method: Literal["pretrain", "finetune", "probe", "segmentation"]
    licence: str = DEFAULT_LICENCE
    allow_leakage: bool = False
    jobs: int = 1


def training_record(
    manifest: Manifest,
    photos: PhotosOnDisk,
    plan: Plan,
    initialisation: str,
    epochs: int,
    seed: int,
) -> TrainingRecord:
    """What a bundle records of the photos its weights were fitted to: those of train, or all where there are no splits."""
    trained = photos.manifest.in_split("train") if "split" in photos.manifest.table else photos.manifest
    sources = sorted(trained.table["source"].dropna().unique()) if "source" in trained.table else []
    return TrainingRecord(
        manifest_fingerprint=manifest.fingerprint(),
        photos=len(trained),
        patients=trained.patients,
        sources=tuple(sources),
        terms=_terms(trained, sources),
        initialisation=initialisation,
        method=plan.method,
        epochs=epochs,
        seed=seed,
    )


def _terms(manifest: Manifest, sources: Sequence[str]) -> dict[str, str]:
    """Licence and citation of each source, from the manifest's notes or else from the publisher."""
    published = {source: DATASETS[source] for source in sources if source in DATASETS}
    terms = {source: Terms(dataset.licence, dataset.citation) for source, dataset in published.items()}
    terms |= terms_of(manifest)
    return {source: ". ".join(filter(None, (one.licence, one.citation))) for source, one in sorted(terms.items())}


def training_photos(photos: PhotosOnDisk) -> tuple[str, ...]:
    """Hashes of the photos that a model was fitted to, or that chose its epoch, calibration and thresholds."""
    if "split" not in photos.manifest.table:
        return hashes_of_standard(photos.standard)
    rows = np.concatenate([photos.rows("train"), photos.rows("validation")])
    return hashes_of_standard(photos.standard[row] for row in rows)


def validate_and_export(
    network: Network,
    predictions: Predictions,
    record: TrainingRecord,
    plan: Plan,
    calibration: CalibrationMethod,
    console: Console,
    seen: Sequence[str],
    remarks: Sequence[str] = (),
) -> Built:
    """Calibrate, choose operating points, evaluate, and write predictions, evaluation and bundle.

    Args:
        predictions: As the network gives them, of validation and test photos, or of all photos out of fold.
        seen: What `training_photos` gives, for the bundle.
        remarks: Further caveats of the metrics, for report, tables and card.
    """
    calibrations = fit_calibrations(predictions, network.targets, calibration, console)
    calibrated = calibrated_predictions(predictions, calibrations)
    answers = replace(choose_answers(calibrated, network.targets, console), calibrations=calibrations)
    if is_cross_validated(predictions):
        predictions = cross_calibrated_predictions(predictions, network.targets, calibration)
    else:
        predictions = calibrated
    write_predictions(predictions, plan.folder / PREDICTIONS)
    request = Request(operating_points=answers.operating_points)
    evaluation = evaluated(predictions, request)
    evaluation = replace(evaluation, remarks=(*evaluation.remarks, *remarks))
    info = ModelInfo(
        name=plan.name,
        training=record,
        answers=answers,
        card=model_card(plan.name, network, record, calibrations, evaluation, plan.licence),
        licence=plan.licence,
        training_photos=seen,
    )
    bundle = network.export(plan.folder / BUNDLE, info)
    inputs = gather(InputPaths(run=plan.folder))
    presentation = Presentation(f"Validation of {plan.name}", _command(plan))
    write_validation(evaluation, predictions, request, inputs, presentation, plan.folder / EVALUATION)
    return Built(open_bundle(bundle.folder), evaluation, predictions)


def _command(plan: Plan) -> str:
    """The command that started the run."""
    return shlex.join(json.loads((plan.folder / ENVIRONMENT).read_text(encoding="utf-8"))["command"])


def with_splits(manifest: Manifest, targets: Sequence[Target], seed: int, console: Console) -> Manifest:
    """The manifest with its own splits, or new ones by patient where it has none; folds are removed."""
    # One model predicts all test photos; a fold column beside its predictions would mean one model per fold.
    manifest = replace(manifest, table=manifest.table.drop(columns="fold", errors="ignore"))
    if "split" in manifest.table:
        return _with_validation(manifest, targets, seed, console)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in SHARES.items())
    console.print(f"the manifest has no splits: patients are split by seed {seed} into {shares}")
    return split_patients(manifest, SHARES, [target.name for target in targets], seed)


def _with_validation(manifest: Manifest, targets: Sequence[Target], seed: int, console: Console) -> Manifest:
    """Where there are train and test photos only, an eighth of the training patients become validation photos."""
    split = manifest.table["split"]
    if split.eq("validation").any() or not split.eq("train").any():
        return manifest
    train = manifest.in_split("train")
    shares = {"train": 7 / 8, "validation": 1 / 8}
    divided = split_patients(train, shares, [target.name for target in targets], seed).table
    moved = divided.loc[divided["split"] == "validation", "photo"]
    console.print(
        f"the manifest has no validation photos: {len(moved):,} of {len(train):,} training photos, an eighth of the patients by "
        f"seed {seed}, become validation photos, so that thresholds are chosen on photos that were not trained on",
        highlight=False,
    )
    return replace(
        manifest, table=manifest.table.assign(split=split.mask(manifest.table["photo"].isin(moved), "validation"))
    )


def report_unreadable(photos: PhotosOnDisk, console: Console) -> None:
    """Print how many photos are left out because they cannot be read, and the reason for the first."""
    if photos.unreadable:
        photo, reason = next(iter(photos.unreadable.items()))
        console.print(
            f"[yellow]{len(photos.unreadable)} photos cannot be read and are left out[/]; the first is {photo}: {reason}"
        )


def refuse_leakage(manifest: Manifest, allowed: bool, console: Console) -> None:
    """Stop if the same file is in two splits, or folds. Runs before photos are prepared, which takes hours.

    Raises:
        UserError: Unless `allowed`, in which case it is printed.
    """
    part = "split" if "split" in manifest.table else "fold"
    used = manifest.where(manifest.table[part].notna())
    table = used.table.assign(content=_contents(used))
    leaked = table[table.groupby("content")[part].transform("nunique") > 1]
    if leaked.empty:
        return
    group = leaked[leaked["content"] == leaked["content"].iloc[0]]
    example = " and ".join(f"'{photo}' ({name})" for photo, name in zip(group["photo"], group[part], strict=True))
    message = f"{len(leaked)} photographs are in more than one {part} under different names, for example {example}"
    if not allowed:
        raise UserError(
            f"{message}. `eyeground check MANIFEST --clean clean.csv` writes a manifest without them; --allow-leakage "
            "trains anyway, with metrics that are too good"
        )
    console.print(f"[bold red]leakage allowed:[/] {message}")


def _contents(manifest: Manifest) -> list[str]:
    """A key of each photograph that equal files share: from its shard if it is packed, so that the file need not be there."""
    packed = is_packed(manifest)
    if packed.all():
        return [str(member).rpartition("-")[2] for member in manifest.table[MEMBER]]
    return equal_files(manifest.photo_paths())


def predictions_of(
    photos: PreparedPhotos, rows: np.ndarray, predicted: np.ndarray, targets: Sequence[Target]
) -> Predictions:
    """Predictions (rows, outputs) of some rows, with their truths and the manifest's columns."""
    outputs = [output for target in targets for output in target.outputs]
    truth = pd.DataFrame(photos.truth[rows], columns=outputs)
    return compose_predictions(photos.manifest.table.iloc[rows], truth, predicted)


def fit_calibrations(
    predictions: Predictions, targets: Sequence[Target], method: CalibrationMethod, console: Console
) -> tuple[Calibration, ...]:
    """The calibration of every target, fitted on held-out photos; prints what was fitted, or why nothing was."""
    held_out = _to_choose_on(predictions)
    calibrations = tuple(fit_calibration(held_out, target, method) for target in targets)
    for target, calibration in zip(targets, calibrations, strict=True):
        console.print(f"calibration of '{target.name}': {describe_calibration(calibration)}", highlight=False)
    return calibrations


def choose_answers(predictions: Predictions, targets: Sequence[Target], console: Console) -> AnswerRules:
    """Thresholds and the decision rule, chosen on held-out photos and measured on test photos; prints what is missing.

    An output with fewer than ten positive or ten negative patients gets no threshold and takes no part in the decision.
    """
    held_out = _to_choose_on(predictions)
    # Out of fold, every photo was used to choose, so no photo is left to measure a threshold on.
    test = Predictions(predictions.table.iloc[:0]) if is_cross_validated(predictions) else predictions.in_split("test")
    deciding, why_not = deciding_outputs(held_out, targets)
    for output, reason in why_not.items():
        console.print(f"[yellow]no threshold for '{output}':[/] {reason}", highlight=False)
    decisions = choose_rules(held_out, deciding, targets) if deciding else ()
    if not decisions:
        console.print(
            "[bold red]no rule decides:[/] screening with this model needs one; `eyeground calibrate` sets it"
        )
    return AnswerRules(
        operating_points=first_points(held_out, deciding, test),
        decisions=tuple(measured(rule, test, targets) for rule in decisions),
        without_threshold=why_not,
        expected=expected_scores(held_out, deciding, targets) if deciding else None,
    )


def _to_choose_on(predictions: Predictions) -> Predictions:
    """Photos for choosing calibration and thresholds: validation, or all where each was predicted out of fold."""
    return predictions if is_cross_validated(predictions) else predictions.in_split("validation")


def public_name(initialisation: str) -> str:
    """A bundle's identity, or the last part of a path: a bundle records what it started from, without private folders."""
    if (Path(initialisation) / DESCRIPTION).is_file() or folder_of(initialisation) is not None:
        return open_bundle(initialisation).identity
    return Path(initialisation).name
