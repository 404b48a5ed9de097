"""`pretrain` and `adapt --finetune`: split, prepare, fit all layers with torch, validate and export."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from rich.console import Console

from eyeground.config.training_recipe import TrainingRecipe
from eyeground.data.manifest import Manifest
from eyeground.imaging.prepared_photos import prepare_photos, with_classes
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle
from eyeground.models.initialise import initialise
from eyeground.training.fit import fit, predict
from eyeground.training.soft_labels import with_soft_labels
from eyeground.workflows.build.familiarity import with_familiarity
from eyeground.workflows.build.label_counts import report_targets
from eyeground.workflows.build.network import Network
from eyeground.workflows.build.run_folder import open_run
from eyeground.workflows.build.validated_build import (
    Built,
    Plan,
    predictions_of,
    public_name,
    refuse_leakage,
    report_unreadable,
    training_photos,
    training_record,
    validate_and_export,
    with_splits,
)


def train_and_validate(manifest: Manifest, recipe: TrainingRecipe, plan: Plan, console: Console, resume: bool) -> Built:
    """Run the entire build; a run killed at any point is resumed to the same metrics.

    A manifest without splits is split by patient (70 % train, 10 % validation, 20 % test), stratified by the
    targets.

    Raises:
        UserError: For labels, splits, leakage, weights or folders.
    """
    recipe = recipe.model_copy(update={"targets": tuple(with_classes(target, manifest) for target in recipe.targets)})
    report_targets(recipe.targets, console)
    manifest = with_splits(manifest, recipe.targets, recipe.seed, console)
    refuse_leakage(manifest, plan.allow_leakage, console)
    manifest = open_run(plan.folder, recipe, manifest, resume)
    photos = prepare_photos(manifest, recipe.targets, recipe.preprocessing, plan.cache, plan.jobs)
    report_unreadable(photos, console)
    torch.manual_seed(recipe.seed)
    classifier = Classifier(recipe.architecture, recipe.preprocessing, recipe.targets)
    initialise(classifier, recipe.initialisation).print(console)
    fitted = fit(
        classifier,
        recipe,
        with_soft_labels(photos, recipe.targets, recipe.soft_labels, console),
        plan.folder,
        console,
        resume,
    )
    rows = np.concatenate([photos.rows("validation"), photos.rows("test")])
    predictions = predictions_of(photos, rows, predict(fitted.classifier, photos, rows, recipe), recipe.targets)
    start = public_name(recipe.initialisation)
    record = training_record(manifest, photos, plan, start, len(fitted.history), recipe.seed)
    seen = training_photos(photos)
    network = network_of(fitted.classifier)
    built = validate_and_export(network, predictions, record, plan, recipe.calibration, console, seen)
    return replace(built, bundle=with_familiarity(built.bundle, photos, plan.cache, recipe.seed))


def network_of(classifier: Classifier) -> Network:
    """A torch network as validating and exporting see it."""
    return Network(
        architecture=classifier.architecture,
        preprocessing=classifier.preprocessing,
        targets=classifier.targets,
        parameters=sum(parameter.numel() for parameter in classifier.parameters()),
        export=partial(export_bundle, classifier),
    )
