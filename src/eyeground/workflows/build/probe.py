"""Adapts a bundle to your own labels: a probe on its frozen embedding, without torch, or the recipe of a fine-tuning.

When a probe is split and when it is cross-validated is in docs/howto/your-own-classifier.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from threadpoolctl import threadpool_limits

from eyeground.bundle.files import ONNX
from eyeground.bundle.open import Bundle, open_classifier
from eyeground.bundle.training_photos import hashes_of_standard
from eyeground.config.settings import read_recipe
from eyeground.config.targets import Target
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.data.manifest import Manifest
from eyeground.data.predictions import Predictions
from eyeground.data.splits import fold_patients
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos, labelled, prepare_photos, with_classes
from eyeground.probing.bundle import write_probe
from eyeground.probing.cross_validation import out_of_fold
from eyeground.probing.embedding import embeddings
from eyeground.probing.regression import Head, fit_probe, probabilities
from eyeground.workflows.build.familiarity import embedder, with_familiarity_of
from eyeground.workflows.build.label_counts import report_label_counts, report_targets
from eyeground.workflows.build.model_card import count_parameters
from eyeground.workflows.build.network import Network
from eyeground.workflows.build.run_folder import open_run
from eyeground.workflows.build.validated_build import (
    Built,
    Plan,
    predictions_of,
    refuse_leakage,
    report_unreadable,
    training_photos,
    training_record,
    validate_and_export,
    with_splits,
)

# Where fine-tuning differs from the defaults: lower layers, which are useful as they are, learn more slowly.
FINETUNE_DEFAULTS = ("optimisation.layer_decay=0.8", "optimisation.learning_rate=0.0005")
# Of so many labelled photos, a fifth is enough to measure on.
FEWEST_TO_SPLIT = 1000


def finetune_recipe(
    bundle: Bundle, source: str, targets: Sequence[Target], path: Path | None, overrides: Sequence[str]
) -> TrainingRecipe:
    """The recipe of a fine-tuning: the bundle's network as it was trained, the new targets, then the user's overrides."""
    described = bundle.description
    preprocessing = described.preprocessing.model_copy(update={"side": described.trained_side})
    given = [
        "targets=" + json.dumps([target.model_dump(exclude_unset=True) for target in targets]),
        "initialisation=" + json.dumps(source),
        "architecture=" + described.architecture.model_copy(update={"scales": (1.0,)}).model_dump_json(),
        "preprocessing=" + preprocessing.model_dump_json(),
    ]
    defaults = () if path else FINETUNE_DEFAULTS
    return read_recipe(TrainingRecipe, path, [*defaults, *given, *overrides])


@dataclass(frozen=True)
class _Probed:
    """The head that goes into the bundle, the rows and predictions that it is measured on, and remarks on how."""

    head: Head
    rows: NDArray[np.intp]
    predictions: Predictions
    remarks: tuple[str, ...] = ()


def probe_embedding(manifest: Manifest, recipe: ProbeRecipe, source: str, plan: Plan, console: Console) -> Built:
    """Fit a probe on the frozen embedding of a bundle, validate it, and write it as a bundle.

    Args:
        manifest: Its column `split` is used, or else its column `fold` if every photo has one. Without them, fewer than
            1,000 labelled photos are cross-validated in folds of patients, and more are split.
        source: A bundle's folder, or the name of one that comes with this install.

    Raises:
        UserError: For labels, splits, leakage, folders, or too few positives or negatives.
    """
    recipe = recipe.model_copy(update={"targets": tuple(with_classes(target, manifest) for target in recipe.targets)})
    report_targets(recipe.targets, console)
    bundle = open_classifier(source)
    manifest = _divided(_with_labels(manifest, recipe.targets, console), recipe, console)
    refuse_leakage(manifest, plan.allow_leakage, console)
    manifest = open_run(plan.folder, recipe, manifest, resume=True)
    preprocessing = bundle.description.preprocessing
    photos = prepare_photos(manifest, recipe.targets, preprocessing, plan.cache, plan.jobs)
    report_unreadable(photos, console)
    embedded = embeddings(lambda: embedder(bundle), bundle.description.files[ONNX], photos.standard, plan.cache)
    by_split = "split" in manifest.table
    probed = (_by_split if by_split else _by_folds)(photos, embedded, recipe, console)
    for name, C in probed.head.C.items():
        console.print(f"probe of '{name}': C {C:g}")
    built = validate_and_export(
        _network(bundle, probed.head, recipe.targets),
        probed.predictions,
        training_record(manifest, photos, plan, bundle.identity, 0, recipe.seed),
        plan,
        recipe.calibration,
        console,
        training_photos(photos),
        (*probed.remarks, *_known_to(bundle, photos, probed.rows, console)),
    )
    return replace(built, bundle=with_familiarity_of(built.bundle, bundle, embedded))


def _with_labels(manifest: Manifest, targets: Sequence[Target], console: Console) -> Manifest:
    found = labelled(manifest, targets)
    if not len(found):
        raise UserError(f"no photo has any of the labels {', '.join(target.name for target in targets)}")
    if len(found) < len(manifest):
        console.print(f"{len(manifest) - len(found):,} photos have none of the labels and are left out")
    return found


def _divided(manifest: Manifest, recipe: ProbeRecipe, console: Console) -> Manifest:
    """The manifest with the splits or folds that its probe is measured by."""
    if "split" in manifest.table:
        return with_splits(manifest, recipe.targets, recipe.seed, console)
    if "fold" in manifest.table and manifest.table["fold"].notna().all():
        folds = "the manifest's own folds"
    elif len(manifest) >= FEWEST_TO_SPLIT:
        return with_splits(manifest, recipe.targets, recipe.seed, console)
    else:
        number = min(recipe.folds, manifest.patients)
        manifest = fold_patients(manifest, number, [target.name for target in recipe.targets], recipe.seed)
        folds = f"{number} folds of patients by seed {recipe.seed}"
    console.print(
        f"the manifest has no splits: the probe is cross-validated in {folds}, each predicted by a probe of the others; the "
        "bundle's is then fitted to all photos",
        highlight=False,
    )
    return manifest


def _by_split(photos: PreparedPhotos, embedded: NDArray[np.float32], recipe: ProbeRecipe, console: Console) -> _Probed:
    train = photos.rows("train")
    report_label_counts(photos, train, recipe.targets, "to learn from", console)
    report_label_counts(photos, photos.rows("test"), recipe.targets, "to measure on", console)
    patients = photos.manifest.table["patient"].to_numpy(dtype=object)
    head = fit_probe(embedded[train], photos.truth[train], patients[train], recipe)
    rows = np.concatenate([photos.rows("validation"), photos.rows("test")])
    predicted = probabilities(head.logits(embedded[rows]), recipe.targets)
    return _Probed(head, photos.rows("test"), predictions_of(photos, rows, predicted, recipe.targets))


def _by_folds(photos: PreparedPhotos, embedded: NDArray[np.float32], recipe: ProbeRecipe, console: Console) -> _Probed:
    rows = np.arange(len(photos.standard))
    report_label_counts(photos, rows, recipe.targets, "to learn from and measure on", console)
    patients = photos.manifest.table["patient"].to_numpy(dtype=object)
    folds = photos.manifest.table["fold"].to_numpy(dtype=int)
    with threadpool_limits(1):  # regressions this small are slower with several threads
        predicted = out_of_fold(embedded, photos.truth, patients, folds, recipe)
        head = fit_probe(embedded, photos.truth, patients, recipe)
    remark = (
        f"Cross-validated in {len(np.unique(folds))} folds of patients: each photo was predicted by a probe of the other folds, "
        "its regularisation chosen within them. The bundle's probe is fitted to all photos; calibration and thresholds of the bundle "
        "are chosen on the predictions out of fold."
    )
    return _Probed(head, rows, predictions_of(photos, rows, predicted, recipe.targets), (remark,))


def _network(bundle: Bundle, head: Head, targets: tuple[Target, ...]) -> Network:
    described = bundle.description
    backbone = {name: shape for name, shape in described.tensors.items() if not name.startswith("head.")}
    return Network(
        architecture=described.architecture.model_copy(update={"head": "linear"}),
        preprocessing=described.preprocessing,
        targets=targets,
        parameters=count_parameters(backbone) + head.weight.size + head.bias.size,
        export=partial(write_probe, bundle, head, targets),
    )


def _known_to(bundle: Bundle, photos: PreparedPhotos, rows: NDArray[np.intp], console: Console) -> tuple[str, ...]:
    """A remark on photos that are measured although the embedding was trained on them; warns if nobody knows."""
    hashes = hashes_of_standard(photos.standard[row] for row in rows)
    seen = bundle.trained_on(hashes)
    if seen is None:
        console.print(
            f"[yellow]{bundle.description.name} does not list the photos it was trained on:[/] whether these are among them cannot be "
            "checked"
        )
    if not seen:
        return ()
    known = sum(one in seen for one in hashes)
    remark = f"{bundle.description.name} was itself trained on {known:,} of these {len(rows):,} photos: the metrics are optimistic."
    console.print(f"[yellow]{remark}[/]", highlight=False)
    return (remark,)
