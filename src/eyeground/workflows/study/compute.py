"""What one cell computes: predictions of the fold held out, and of external photographs, by a model of the others.

The labels of a fraction are drawn from the patients outside the fold; everything that is chosen (the strength of a
probe, the learning rate of a fine-tuning) is chosen within them. The fold held out is predicted once, at the end.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from threadpoolctl import threadpool_limits

from eyeground.config.targets import Target
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.data.manifest import Manifest
from eyeground.data.predictions import Predictions, compose_predictions
from eyeground.data.splits import label_fraction, split_patients
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.models.classifier import Classifier
from eyeground.probing.regression import Head, fit_probe, probabilities
from eyeground.training.fit import fit, predict
from eyeground.training.lightning_module import VALIDATION_AUROC, best_of
from eyeground.workflows.study.cells import Cell
from eyeground.workflows.study.ledger import Outcome
from eyeground.workflows.study.settings import OWN, FinetunePlan, StudyTask
from eyeground.workflows.study.starts import Start

CHOOSING = {"train": 0.8, "validation": 0.2}  # of a fine-tuning's patients: to train on, to choose epoch and rate on


@dataclass(frozen=True)
class Photos:
    """Photographs that a cell predicts.

    Attributes:
        prepared: Their truths are those of `targets`, in order; the task's own have their folds in the manifest.
        targets: The task's, or for external photographs those of which they have labels.
        embedded: Shape (rows, width), float32, where the cell is a probe.
    """

    prepared: PreparedPhotos
    targets: tuple[Target, ...]
    embedded: np.ndarray | None = None

    def table(self, rows: np.ndarray, predicted: np.ndarray, of: Sequence[Target]) -> Predictions:
        """Predictions (rows, outputs of `of`) as a table; of them, the outputs that these photographs have truths of."""
        columns = [output for target in of for output in target.outputs]
        mine = [output for target in self.targets for output in target.outputs]
        truth = pd.DataFrame(self.prepared.truth[rows], columns=mine)
        chosen = predicted[:, [columns.index(output) for output in mine]]
        return compose_predictions(self.prepared.manifest.table.iloc[rows], truth, np.clip(chosen, 0, 1))


def probe_cell(
    cell: Cell, task: StudyTask, strengths: tuple[float, ...], own: Photos, external: Mapping[str, Photos]
) -> Outcome:
    """Fit a probe on the labels of a fraction and predict the fold held out. Runs on one thread, without a network."""
    started = time.monotonic()
    drawn = drawn_rows(cell, task, own.prepared.manifest)
    patients = own.prepared.manifest.table["patient"].to_numpy(dtype=object)
    assert own.embedded is not None
    heads: list[_Probe | _Constant] = []
    remarks: dict[str, object] = {}
    first = 0
    with threadpool_limits(1):
        for target in _regressions(task.targets):
            columns = slice(first, first + len(target.outputs))
            first = columns.stop
            recipe = ProbeRecipe(targets=(target,), C=strengths, seed=cell.seed)
            truth = own.prepared.truth[drawn, columns]
            if not _has_both(truth):
                # One class alone teaches nothing: every photo gets the share of positives, an AUROC of one half.
                heads.append(_Constant(_shares(truth)))
                remarks[target.name] = "one class only among the labels drawn"
                continue
            head = fit_probe(own.embedded[drawn], truth, patients[drawn], recipe)
            heads.append(_Probe(head, target))
            remarks[target.name] = head.C
        held_out = held_out_rows(cell, own.prepared.manifest)
        tables = {OWN: own.table(held_out, _predicted(heads, own.embedded[held_out]), task.targets)}
        for name, photos in external.items():
            assert photos.embedded is not None
            rows = np.arange(len(photos.embedded))
            tables[name] = photos.table(rows, _predicted(heads, photos.embedded), task.targets)
    return Outcome(tables, time.monotonic() - started, {"photos": len(drawn), "chosen": remarks})


def finetune_cell(
    cell: Cell,
    task: StudyTask,
    plan: FinetunePlan,
    start: Start,
    own: Photos,
    external: Mapping[str, Photos],
    work: Path,
) -> Outcome:
    """Train all layers with each learning rate, keep the one that validation photos prefer, predict the fold held out.

    Args:
        work: Folder of checkpoints, from which an interrupted cell goes on; removed at the end.
    """
    started = time.monotonic()
    drawn = drawn_rows(cell, task, own.prepared.manifest)
    photos = _with_choosing_split(cell, task, own.prepared, drawn)
    if photos is None:
        constant = _Constant(_shares(own.prepared.truth[drawn]))
        rows = held_out_rows(cell, own.prepared.manifest)
        tables = {OWN: own.table(rows, constant(own.prepared.truth[rows]), task.targets)}
        for name, other in external.items():
            rows = np.arange(len(other.prepared.standard))
            tables[name] = other.table(rows, constant(other.prepared.truth), task.targets)
        remarks = {"photos": len(drawn), "chosen": "too few labels were drawn to choose an epoch by"}
        return Outcome(tables, time.monotonic() - started, remarks)
    quiet = Console(quiet=True)  # progress of epochs goes to the standard error as always
    tried: dict[float, float] = {}
    fitted: dict[float, tuple[Classifier, TrainingRecipe]] = {}
    for rate in plan.learning_rates:
        recipe = TrainingRecipe(
            targets=task.targets,
            initialisation=start.source,
            architecture=start.architecture,
            preprocessing=start.preprocessing,
            augmentation=plan.augmentation,
            optimisation=plan.optimisation.model_copy(update={"learning_rate": rate}),
            seed=cell.seed,
        )
        classifier = start.classifier(task.targets, cell.seed, quiet)
        done = fit(classifier, recipe, photos, work / f"rate-{rate:g}", quiet, resume=True)
        tried[rate] = best_of(done.history)[VALIDATION_AUROC]
        fitted[rate] = done.classifier, recipe
    best = max(tried, key=tried.__getitem__)
    classifier, recipe = fitted[best]
    held_out = held_out_rows(cell, own.prepared.manifest)
    tables = {OWN: own.table(held_out, predict(classifier, own.prepared, held_out, recipe), task.targets)}
    for name, other in external.items():
        rows = np.arange(len(other.prepared.standard))
        tables[name] = other.table(rows, predict(classifier, other.prepared, rows, recipe), task.targets)
    shutil.rmtree(work, ignore_errors=True)
    chosen = {"learning_rate": best, "validation_auroc": {f"{rate:g}": value for rate, value in tried.items()}}
    return Outcome(tables, time.monotonic() - started, {"photos": len(drawn), "chosen": chosen})


def released_cell(task: StudyTask, start: Start, own: Photos, external: Mapping[str, Photos]) -> Outcome:
    """Predict with the head that a bundle brings, adapted to nothing."""
    started = time.monotonic()
    classifier = start.with_own_head()
    recipe = TrainingRecipe(
        targets=classifier.targets, architecture=start.architecture, preprocessing=start.preprocessing
    )
    tables = {}
    for name, photos in {OWN: own, **external}.items():
        rows = np.arange(len(photos.prepared.standard))
        tables[name] = photos.table(rows, predict(classifier, photos.prepared, rows, recipe), classifier.targets)
    return Outcome(tables, time.monotonic() - started, {"photos": 0, "chosen": {}})


def _regressions(targets: Sequence[Target]) -> list[Target]:
    """A step of grades is a regression of its own, so that a grade that was not drawn costs its own step alone."""
    return [
        part
        for target in targets
        for part in ([target] if target.kind == "multiclass" else [Target(name=output) for output in target.outputs])
    ]


def drawn_rows(cell: Cell, task: StudyTask, manifest: Manifest) -> np.ndarray:
    """Rows whose labels a cell may use: a fraction of the patients outside the fold, the same for every start."""
    outside = manifest.where(manifest.table["fold"] != cell.fold)
    drawn = label_fraction(outside, cell.fraction, [target.name for target in task.targets], cell.seed)
    return np.flatnonzero(manifest.table["photo"].isin(drawn.table["photo"]).to_numpy(bool))


def held_out_rows(cell: Cell, manifest: Manifest) -> np.ndarray:
    """Rows of the fold that a cell predicts."""
    return np.flatnonzero((manifest.table["fold"] == cell.fold).to_numpy(bool))


@dataclass(frozen=True)
class _Probe:
    head: Head
    target: Target

    def __call__(self, embedded: np.ndarray) -> np.ndarray:
        return probabilities(self.head.logits(embedded), [self.target])


@dataclass(frozen=True)
class _Constant:
    share: np.ndarray

    def __call__(self, embedded: np.ndarray) -> np.ndarray:
        return np.tile(self.share, (len(embedded), 1))


def _predicted(heads: Sequence[_Probe | _Constant], embedded: np.ndarray) -> np.ndarray:
    return np.concatenate([head(embedded) for head in heads], axis=1)


def _shares(truth: np.ndarray) -> np.ndarray:
    """Share of positives of each output (outputs,) among known truths; 0 where none is known."""
    known = np.isfinite(truth)
    return np.asarray(np.nansum(truth, axis=0) / known.sum(axis=0).clip(min=1))


def _has_both(truth: np.ndarray) -> bool:
    return all({0.0, 1.0} <= set(column[np.isfinite(column)].tolist()) for column in truth.T)


def _with_choosing_split(
    cell: Cell, task: StudyTask, photos: PreparedPhotos, drawn: np.ndarray
) -> PreparedPhotos | None:
    """The same photos with the drawn ones split into train and validation, and no others in any split.

    None where too few were drawn for a validation AUROC of any output.
    """
    manifest = photos.manifest
    subset = Manifest(manifest.table.iloc[drawn].drop(columns="fold").reset_index(drop=True), manifest.root)
    try:
        split = split_patients(subset, CHOOSING, [target.name for target in task.targets], cell.seed)
    except UserError:
        return None
    by_photo = dict(zip(split.table["photo"], split.table["split"], strict=True))
    column = manifest.table["photo"].map(by_photo).astype("string")
    found = replace(photos, manifest=Manifest(manifest.table.assign(split=column), manifest.root))
    return found if any(_has_both(output[:, None]) for output in found.truth[found.rows("validation")].T) else None
