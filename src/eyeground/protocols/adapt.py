"""Adapting a bundle to new labels: a probe on its frozen embedding, or fine-tuning of all its layers."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from eyeground.bundle import WEIGHTS, Bundle, open_classifier
from eyeground.manifest import Manifest
from eyeground.models import load
from eyeground.models.classifier import probabilities
from eyeground.protocols.build import (
    Built,
    Plan,
    predictions_of,
    refuse_leakage,
    tell_unreadable,
    train_and_validate,
    training_photos,
    training_record,
    validate_and_export,
    with_splits,
)
from eyeground.protocols.run_folder import open_run
from eyeground.recipe import ProbeRecipe, Target, TrainingRecipe, read_recipe
from eyeground.training.data import prepare_photos, with_classes
from eyeground.training.probe import embeddings, fit_probe, probed

# What fine-tuning changes of the defaults: lower layers, which hold what the bundle knows, learn more slowly.
FINETUNE_DEFAULTS = ("optimisation.layer_decay=0.8", "optimisation.learning_rate=0.0005")


def finetune_recipe(
    bundle: Bundle, source: str, targets: Sequence[Target], path: Path | None, overrides: Sequence[str]
) -> TrainingRecipe:
    """The recipe of a fine-tuning: the bundle's network and preprocessing, the new targets, then the user's overrides."""
    given = [
        "targets=" + json.dumps([target.model_dump() for target in targets]),
        "initialisation=" + json.dumps(source),
        "architecture=" + bundle.description.architecture.model_dump_json(),
        "preprocessing=" + bundle.description.preprocessing.model_dump_json(),
    ]
    defaults = () if path else FINETUNE_DEFAULTS
    return read_recipe(TrainingRecipe, path, [*defaults, *given, *overrides])


def finetune(manifest: Manifest, recipe: TrainingRecipe, plan: Plan, console: Console, resume: bool) -> Built:
    """Fine-tune all layers of a bundle; the recipe's `initialisation` names it."""
    return train_and_validate(manifest, recipe, plan, console, resume)


def probe_embedding(manifest: Manifest, recipe: ProbeRecipe, source: str, plan: Plan, console: Console) -> Built:
    """Fit a probe on the frozen embedding of a bundle, evaluate it, and write it as a bundle.

    Raises
    ------
    UserError
        For anything the user can mend: labels, splits, leakage, folders.
    """
    recipe = recipe.model_copy(update={"targets": tuple(with_classes(target, manifest) for target in recipe.targets)})
    bundle = open_classifier(source)
    manifest = with_splits(manifest, recipe.targets, recipe.seed, console)
    manifest = open_run(plan.folder, recipe, manifest, resume=True)
    preprocessing = bundle.description.preprocessing
    photos = prepare_photos(manifest, recipe.targets, preprocessing, plan.cache, plan.jobs)
    tell_unreadable(photos, console)
    refuse_leakage(photos, plan.allow_leakage, console)
    classifier = load(bundle.folder)
    embedded = embeddings(lambda: classifier, bundle.description.files[WEIGHTS], photos, plan.cache)
    train = photos.rows("train")
    patients = photos.manifest.table["patient"].to_numpy(dtype=object)
    head = fit_probe(embedded[train], photos.truth[train], patients[train], recipe)
    for name, strength in head.strengths.items():
        console.print(f"probe of '{name}': strength {strength:g}")
    adapted = probed(classifier.cpu(), head, recipe.targets)
    rows = np.concatenate([photos.rows("validation"), photos.rows("test")])
    with torch.inference_mode():
        predicted = probabilities(adapted.head(torch.from_numpy(embedded[rows])), recipe.targets).numpy()
    predictions = predictions_of(photos, rows, predicted, recipe.targets)
    record = training_record(manifest, photos, plan, bundle.identity, 0, recipe.seed)
    return validate_and_export(adapted, predictions, record, plan, recipe.calibration, console, training_photos(photos))
