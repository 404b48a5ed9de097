"""Computes one cell: predictions of the fold held out, and of external photographs, by a model of the other folds.

The labels of a fraction are drawn from patients outside the fold, and everything that is chosen (a probe's C, a learning
rate) is chosen within them. See docs/study.md.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from eyeground.training.epoch_report import VALIDATION_AUROC, best_of
from eyeground.training.fit import fit, predict
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
        """Predictions (rows, outputs of `of`) as a table, of the outputs that these photographs have truths of."""
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
    heads: list[Callable[[np.ndarray], np.ndarray]] = []
    chosen: dict[str, object] = {}
    first = 0
    with threadpool_limits(1):
        for target in _regressions(task.targets):
            columns = slice(first, first + len(target.outputs))
            first = columns.stop
            truth = own.prepared.truth[drawn, columns]
            if not _has_both(truth):
                heads.append(partial(_constant, truth))
                chosen[target.name] = "one class only among the labels drawn"
                continue
            recipe = ProbeRecipe(targets=(target,), C=strengths, seed=cell.seed)
            head = fit_probe(own.embedded[drawn], truth, patients[drawn], recipe)
            heads.append(partial(_probe, head, target))
            chosen[target.name] = head.C

        def predicted(photos: Photos, rows: np.ndarray) -> np.ndarray:
            assert photos.embedded is not None
            embedded = photos.embedded[rows]
            return np.concatenate([head(embedded) for head in heads], axis=1)

        tables = _tables(cell, own, external, task.targets, predicted)
    return Outcome(tables, time.monotonic() - started, {"photos": len(drawn), "chosen": chosen})


def finetune_cell(
    cell: Cell,
    task: StudyTask,
    plan: FinetunePlan,
    start: Start,
    own: Photos,
    external: Mapping[str, Photos],
    work: Path,
) -> Outcome:
    """Train all layers with each learning rate, keep the best on validation photos, predict the fold held out.

    Args:
        work: Folder of checkpoints, from which an interrupted cell continues; removed at the end.
    """
    started = time.monotonic()
    drawn = drawn_rows(cell, task, own.prepared.manifest)
    photos = _with_choosing_split(cell, task, own.prepared, drawn)
    if photos is None:
        truth = own.prepared.truth[drawn]
        tables = _tables(cell, own, external, task.targets, lambda _, rows: _constant(truth, rows))
        remarks = {"photos": len(drawn), "chosen": "too few labels were drawn to choose an epoch by"}
        return Outcome(tables, time.monotonic() - started, remarks)
    quiet = Console(quiet=True)  # the progress of epochs still goes to the standard error
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
    tables = _tables(cell, own, external, task.targets, lambda of, rows: predict(classifier, of.prepared, rows, recipe))
    shutil.rmtree(work, ignore_errors=True)
    chosen = {"learning_rate": best, "validation_auroc": {f"{rate:g}": value for rate, value in tried.items()}}
    return Outcome(tables, time.monotonic() - started, {"photos": len(drawn), "chosen": chosen})


def released_cell(cell: Cell, start: Start, own: Photos, external: Mapping[str, Photos]) -> Outcome:
    """Predict all photos with the head of a bundle as it is."""
    started = time.monotonic()
    classifier = start.with_own_head()
    recipe = TrainingRecipe(
        targets=classifier.targets, architecture=start.architecture, preprocessing=start.preprocessing
    )
    tables = _tables(
        cell, own, external, classifier.targets, lambda of, rows: predict(classifier, of.prepared, rows, recipe)
    )
    return Outcome(tables, time.monotonic() - started, {"photos": 0, "chosen": {}})


def _tables(
    cell: Cell,
    own: Photos,
    external: Mapping[str, Photos],
    targets: Sequence[Target],
    predicted: Callable[[Photos, np.ndarray], np.ndarray],
) -> dict[str, Predictions]:
    """Predictions of the fold held out, or as released of all own photos, and of all external ones.

    Args:
        targets: Of what is predicted.
        predicted: Probabilities (rows, outputs) of some rows of photos.
    """
    tables = {}
    for name, photos in {OWN: own, **external}.items():
        manifest = photos.prepared.manifest
        held_out = name == OWN and cell.method != "as released"
        rows = held_out_rows(cell, manifest) if held_out else np.arange(len(photos.prepared.standard))
        tables[name] = photos.table(rows, predicted(photos, rows), targets)
    return tables


def _regressions(targets: Sequence[Target]) -> list[Target]:
    """The targets to fit: each step of grades by itself, so that a grade that was not drawn affects its own step alone."""
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


def _probe(head: Head, target: Target, embedded: np.ndarray) -> np.ndarray:
    return probabilities(head.logits(embedded), [target])


def _constant(truth: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The share of positives of each output among known truths for every row, so an AUROC of one half; 0 where none is known."""
    known = np.isfinite(truth)
    shares = np.nansum(truth, axis=0) / known.sum(axis=0).clip(min=1)
    return np.tile(shares, (len(rows), 1))


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
