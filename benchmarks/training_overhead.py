"""The share of wall time that `fit` spends in forward, backward and update.

The peer is the smallest loop: the same network, precision, optimiser and batch size on one batch in memory, with
nothing to read, augment, log, average or save.
"""

import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Machine, Optimisation, Preprocessing, TrainingRecipe
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import render_dataset
from eyeground.imaging.prepared_photos import prepare_photos
from eyeground.models.classifier import Classifier
from eyeground.training.fit import fit, lightning_precision
from eyeground.training.losses import masked_loss
from eyeground.training.optimiser import update_rule

PATIENTS = 240
WARM_UP, STEPS = 3, 12

RECIPE = TrainingRecipe(
    targets=(Target(name="abnormal"),),
    initialisation="scratch",
    architecture=Architecture(backbone="mobilenetv2_100"),
    preprocessing=Preprocessing(side=224),
    optimisation=Optimisation(epochs=2, batch_size=32, average_decay=0.998),
    machine=Machine(accelerator="cpu"),
)


def measure() -> list[tuple[str, str, str, float]]:
    """One row: what, ours, peer, ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = render_dataset(folder / "photos", PATIENTS, side=256)
        manifest = split_patients(manifest, {"train": 0.8, "validation": 0.2}, ["abnormal"])
        photos = prepare_photos(manifest, RECIPE.targets, RECIPE.preprocessing, folder / "cache", 2)
        before = network_alone()
        fitted = fit(_classifier(), RECIPE, photos, folder / "run", Console(quiet=True), resume=False)
        alone = max(before, network_alone())  # before and after, since the machine may be shared
    ours = fitted.history[-1]["photos_per_second"]
    return [
        (
            "training, mobilenetv2_100 at 224 px",
            f"{ours:.1f} photos/s",
            f"{alone:.1f} photos/s, network alone",
            ours / alone,
        )
    ]


def network_alone() -> float:
    """Photos per second of forward, backward and update on a batch in memory."""
    classifier = _classifier().train()
    update = update_rule(classifier, RECIPE.optimisation)
    size, side = RECIPE.optimisation.batch_size, RECIPE.preprocessing.side
    photos = torch.randint(0, 256, (size, side, side, 3), dtype=torch.uint8)
    truth = torch.randint(0, 2, (size, 1)).float()
    low = lightning_precision(RECIPE.optimisation) == "bf16-mixed"
    started = 0.0
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = masked_loss(classifier(photos), truth, RECIPE.targets)
        loss.backward()
        update.step()
        update.zero_grad()
    return STEPS * size / (time.perf_counter() - started)


def _classifier() -> Classifier:
    torch.manual_seed(0)
    return Classifier(RECIPE.architecture, RECIPE.preprocessing, RECIPE.targets)
