"""`demo`: the entire pipeline in a few minutes on rendered photographs, so nothing has to be downloaded.

Every step is the same function that its command calls. The metrics show that the pipeline works; they say nothing
about real eyes.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console

from eyeground.config.targets import Target
from eyeground.config.training_recipe import (
    Architecture,
    Augmentation,
    Machine,
    Optimisation,
    Preprocessing,
    ProbeRecipe,
    TrainingRecipe,
)
from eyeground.core.machine import usable_cores
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import CameraFaults, render, render_dataset
from eyeground.errors import UserError
from eyeground.screening.batch import Screened, screen
from eyeground.screening.runtime import load
from eyeground.workflows.build.probe import probe_embedding
from eyeground.workflows.build.run_folder import BUNDLE
from eyeground.workflows.build.train import train_and_validate
from eyeground.workflows.build.validated_build import Built, Plan
from eyeground.workflows.check import check_manifest

MARK = "eyeground-demo"
PATIENTS, NEW_PATIENTS = 400, 12
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}  # thresholds need ten positive validation patients
SIDE = 160
SEED = 0
# Diseases that are visible at this size, and enough of each for useful intervals in so small a study.
PREVALENCE = {"pathologic_myopia": 0.25, "amd": 0.2, "retinal_vein_occlusion": 0.1}

PRETRAIN = TrainingRecipe(
    targets=(Target(name="abnormal"),),
    initialisation="scratch",
    architecture=Architecture(backbone="test_resnet"),  # timm's smallest, so that a minute of training is enough
    preprocessing=Preprocessing(side=SIDE),
    augmentation=Augmentation(rotation=20, blur=0, jpeg=0, brightness=0.1, contrast=0.1, colour=0.05, gamma=0.1),
    optimisation=Optimisation(epochs=20, batch_size=16, learning_rate=3e-3, average_decay=0.95, precision="fp32"),
    machine=Machine(accelerator="cpu"),
    seed=SEED,
)
PROBE = ProbeRecipe(targets=(Target(name="pathologic_myopia"),), seed=SEED)


@dataclass(frozen=True)
class Demo:
    """Two models with their metrics, and a screened folder."""

    pretrained: Built
    adapted: Built
    screened: Screened


def run_demo(folder: Path, console: Console) -> Demo:
    """Run the demonstration in `folder`; the results of an earlier demonstration are deleted first.

    Raises:
        UserError: If the folder holds anything else.
    """
    _empty(folder)
    started = time.monotonic()

    def step(title: str) -> None:
        console.rule(f"[bold]{title}[/] [dim]({time.monotonic() - started:.0f} s)[/]", align="left")

    cache = folder / "cache"
    manifest = _photos(folder, cache, console, step)
    step("4  pretrain: normal against abnormal, from scratch")
    pretrained = train_and_validate(
        manifest,
        PRETRAIN,
        Plan(folder / "pretrain", cache, "demo-fundus", "pretrain", jobs=usable_cores()),
        console,
        resume=False,
    )
    _report(pretrained, console)
    step("5  adapt: pathologic myopia, a probe on the frozen embedding")
    bundle = str(folder / "pretrain" / BUNDLE)
    plan = Plan(folder / "adapt", cache, "demo-diseases", "probe", jobs=usable_cores())
    adapted = probe_embedding(manifest, PROBE, bundle, plan, console)
    _report(adapted, console)
    step("6  screen: new patients, one photo too dark, one file broken")
    screened = screen(_new_photos(folder / "new"), load(adapted.bundle.folder), folder / "screened")
    console.print(", ".join(f"{count} {status}" for status, count in sorted(screened.counts.items())))
    step("done")
    return Demo(pretrained, adapted, screened)


def _photos(folder: Path, cache: Path, console: Console, step: Callable[[str], None]) -> Manifest:
    step(f"1  render {PATIENTS} patients, both eyes")
    render_dataset(folder / "photos", PATIENTS, side=192, seed=SEED, prevalence=PREVALENCE, faults=0.0)
    step("2  check the photos and the manifest")
    manifest = read_manifest(folder / "photos" / "manifest.csv")
    check_manifest(manifest, cache, jobs=usable_cores(), preprocessing=PRETRAIN.preprocessing).print(console)
    step("3  split by patient")
    split = split_patients(manifest, SHARES, [target.name for target in (*PRETRAIN.targets, *PROBE.targets)], SEED)
    write_manifest(split, folder / "split.csv")
    console.print(", ".join(f"{count} {name}" for name, count in split.table["split"].value_counts().items()))
    return read_manifest(folder / "split.csv")


def _new_photos(folder: Path) -> Path:
    """New patients, a photo that is too dark, and a file that is no photograph."""
    render_dataset(folder, NEW_PATIENTS, side=512, seed=SEED + 1, prevalence=PREVALENCE, faults=0.2)
    photos = folder / "photos"
    Image.fromarray(render(height=512, seed=SEED, faults=CameraFaults(darkness=1.0)).pixels).save(
        photos / "too-dark.jpg", quality=90
    )
    (photos / "broken.jpg").write_bytes(b"not a photograph")
    return photos


def _report(built: Built, console: Console) -> None:
    for output in built.evaluation.outputs:
        auroc = output.estimate("auroc")
        if auroc.value is None:
            console.print(f"{output.output}: AUROC {auroc.note}")
            continue
        interval = f" (95 % interval {auroc.low:.3f} to {auroc.high:.3f})" if auroc.low is not None else ""
        console.print(
            f"{output.output}: test AUROC {auroc.value:.3f}{interval}, {output.positives} of {output.photos} photos positive"
        )


def _empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise UserError(f"{folder}: not empty and not an earlier demonstration; choose another folder with -o")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(
        "made by `eyeground demo`, which empties this folder when it runs again\n", encoding="utf-8"
    )
