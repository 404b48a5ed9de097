"""Fitting on rendered photos: it learns, it resumes after a kill to the same values, it refuses what cannot work."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from eyeground.config.targets import Target
from eyeground.config.training_recipe import (
    Architecture,
    Augmentation,
    Machine,
    Optimisation,
    Preprocessing,
    TrainingRecipe,
)
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos, prepare_photos
from eyeground.models.classifier import Classifier
from eyeground.training.data import Batch, FundusDataset
from eyeground.training.fit import fit, lightning_precision, predict

RECIPE = TrainingRecipe(
    targets=(Target(name="abnormal"),),
    initialisation="scratch",
    architecture=Architecture(backbone="test_resnet", backbone_options={"drop_path_rate": 0.1}),
    preprocessing=Preprocessing(side=48),
    augmentation=Augmentation(blur=0.3, jpeg=0.3),
    optimisation=Optimisation(epochs=3, batch_size=8, learning_rate=3e-3, average_decay=0.9, precision="fp32"),
    machine=Machine(accelerator="cpu", workers=0),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `manifest.csv`, split, and the cache of its standard photos."""
    folder = tmp_path_factory.mktemp("study")
    manifest = render_dataset(folder / "photos", 24, side=64, seed=4, prevalence={"diabetic_retinopathy": 0.5})
    split = split_patients(manifest, {"train": 0.6, "validation": 0.2, "test": 0.2}, ["abnormal"], seed=1)
    write_manifest(split, folder / "manifest.csv")
    prepared(folder)
    return folder


def prepared(folder: Path, recipe: TrainingRecipe = RECIPE) -> PreparedPhotos:
    manifest = read_manifest(folder / "manifest.csv")
    return prepare_photos(manifest, recipe.targets, recipe.preprocessing, folder / "cache", 1)


def run(
    folder: Path, run_folder: Path, recipe: TrainingRecipe = RECIPE, resume: bool = False
) -> tuple[list[dict[str, float]], np.ndarray]:
    """Fit, and return the history (without its speed) and the test probabilities."""
    photos = prepared(folder, recipe)
    torch.manual_seed(recipe.seed)
    classifier = Classifier(recipe.architecture, recipe.preprocessing, recipe.targets)
    fitted = fit(classifier, recipe, photos, run_folder, Console(quiet=True), resume)
    history = [{key: value for key, value in epoch.items() if key != "photos_per_second"} for epoch in fitted.history]
    return history, predict(fitted.classifier, photos, photos.rows("test"), recipe)


def test_history_is_written_and_the_best_epoch_is_kept(study: Path, tmp_path: Path) -> None:
    history, predicted = run(study, tmp_path)
    table = pd.read_csv(tmp_path / "history.csv")
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["loss"].tolist() == pytest.approx([epoch["loss"] for epoch in history])
    assert table["loss"].iloc[-1] < table["loss"].iloc[0]
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["epoch"] == max(history, key=lambda epoch: epoch["validation_auroc"])["epoch"] - 1
    assert ((predicted > 0) & (predicted < 1)).all()


KILLED_RUN = """
    import sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    import test_fit
    test_fit.run(Path({study!r}), Path({folder!r}), resume=True)
"""


def killed_run(study: Path, folder: Path, when: str) -> None:
    """Start a run in another process and kill it without warning once `when` exists (and a little later)."""
    code = KILLED_RUN.format(tests=str(Path(__file__).parent), study=str(study), folder=str(folder))
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (folder / when).exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.15)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(("when", "workers"), [("tensorboard", 0), ("checkpoints/last.ckpt", 1)])
def test_a_killed_run_resumes_to_the_same_figures(study: Path, tmp_path: Path, when: str, workers: int) -> None:
    # With workers, batches are made ahead of time: a resumed run once began with those of the first epoch.
    recipe = RECIPE.model_copy(update={"machine": Machine(accelerator="cpu", workers=workers)})
    history, predicted = run(study, tmp_path / "whole")
    killed_run(study, tmp_path / "killed", when)
    resumed_history, resumed = run(study, tmp_path / "killed", recipe, resume=True)
    assert resumed_history == history
    np.testing.assert_array_equal(resumed, predicted)


# Without batch normalisation, whose statistics are of one pass, and without dropout, whose masks are of one process.
EVEN = RECIPE.model_copy(
    update={
        "architecture": Architecture(backbone="test_efficientnet_ln"),
        "optimisation": RECIPE.optimisation.model_copy(update={"epochs": 2, "learning_rate": 1e-3}),
    }
)


def in_passes(number: int) -> TrainingRecipe:
    return EVEN.model_copy(update={"machine": Machine(accelerator="cpu", workers=0, accumulate=number)})


def test_a_step_in_several_passes_is_the_same_step(study: Path, tmp_path: Path) -> None:
    whole, predicted = run(study, tmp_path / "one", EVEN)
    parted, in_parts = run(study, tmp_path / "three", in_passes(3))
    assert [epoch["loss"] for epoch in parted] == pytest.approx([epoch["loss"] for epoch in whole], rel=1e-4)
    np.testing.assert_allclose(in_parts, predicted, atol=1e-3)


@pytest.mark.parametrize(("photos_read", "passes"), [(12, 1), (12, 2), (36, 1)])
def test_after_sigterm_a_run_resumes_at_its_last_step(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos_read: int, passes: int
) -> None:
    history, predicted = run(study, tmp_path / "whole", EVEN)
    read = FundusDataset.__getitem__
    seen: list[object] = []

    def interrupted(self: FundusDataset, item: tuple[int, int]) -> Batch:
        seen.append(item)
        if len(seen) == photos_read:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(self, item)

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(FundusDataset, "__getitem__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "stopped", in_passes(passes))
    assert len(seen) < photos_read + 8  # it stopped after the step that was under way
    assert signal.getsignal(signal.SIGTERM) == handler
    resumed_history, resumed = run(study, tmp_path / "stopped", EVEN, resume=True)
    assert [epoch["epoch"] for epoch in resumed_history] == [1, 2]
    assert [epoch["loss"] for epoch in resumed_history] == pytest.approx([one["loss"] for one in history], rel=1e-4)
    np.testing.assert_allclose(resumed, predicted, atol=1e-3)
    if passes == 1:
        assert resumed_history == history
        np.testing.assert_array_equal(resumed, predicted)


def test_batch_normalisation_is_synchronised_on_gpus_only(study: Path, tmp_path: Path) -> None:
    machine = Machine(accelerator="cpu", devices=2, sync_batchnorm=True)
    with pytest.raises(UserError, match="on GPUs only"):
        run(study, tmp_path, RECIPE.model_copy(update={"machine": machine}))


def test_a_run_that_stopped_early_stays_stopped_when_resumed(study: Path, tmp_path: Path) -> None:
    settings = RECIPE.optimisation.model_copy(update={"patience": 1, "epochs": 8, "learning_rate": 1e-6})
    recipe = RECIPE.model_copy(update={"optimisation": settings})
    history, predicted = run(study, tmp_path, recipe)
    assert len(history) < 8
    again, resumed = run(study, tmp_path, recipe, resume=True)
    assert again == history
    np.testing.assert_array_equal(resumed, predicted)


def test_same_seed_gives_the_same_figures_with_any_number_of_workers(study: Path, tmp_path: Path) -> None:
    one = RECIPE.model_copy(update={"optimisation": RECIPE.optimisation.model_copy(update={"epochs": 1})})
    two = one.model_copy(update={"machine": Machine(accelerator="cpu", workers=2)})
    assert run(study, tmp_path / "a", one)[0] == run(study, tmp_path / "b", two)[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"optimiser": "sgd", "imbalance": "weighted-loss"},
        {"optimiser": "adam", "imbalance": "balanced-sampler", "loss": "focal", "layer_decay": 0.7},
        {"patience": 1, "label_smoothing": 0.1, "clip": 0.0, "average_decay": 0.0, "epochs": 3},
    ],
)
def test_every_way_of_fitting_runs(study: Path, tmp_path: Path, settings: dict[str, object]) -> None:
    optimisation = Optimisation.model_validate({**RECIPE.optimisation.model_dump(), "epochs": 1, **settings})
    history, _ = run(study, tmp_path, RECIPE.model_copy(update={"optimisation": optimisation}))
    assert np.isfinite(history[-1]["loss"])


def test_several_targets_with_missing_labels_are_fitted_together(study: Path, tmp_path: Path) -> None:
    grade = Target(name="diabetic_retinopathy_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))
    manifest = read_manifest(study / "manifest.csv")
    partial = manifest.table.assign(abnormal=manifest.table["abnormal"].where(manifest.table.index % 2 == 0))
    write_manifest(Manifest(partial, manifest.root), study / "partial.csv")
    recipe = RECIPE.model_copy(update={"targets": (Target(name="abnormal"), grade)})
    photos = prepare_photos(
        read_manifest(study / "partial.csv"), recipe.targets, recipe.preprocessing, study / "cache", 1
    )
    assert np.isnan(photos.truth[:, 0]).mean() == 0.5
    classifier = Classifier(recipe.architecture, recipe.preprocessing, recipe.targets)
    fitted = fit(classifier, recipe, photos, tmp_path, Console(quiet=True), resume=False)
    assert predict(fitted.classifier, photos, np.arange(3), recipe).shape == (3, 5)


def test_a_manifest_without_validation_photos_is_refused(study: Path, tmp_path: Path) -> None:
    photos = prepared(study)
    manifest = Manifest(photos.manifest.table.assign(split="train"), photos.manifest.root)
    without = replace(photos, manifest=manifest)
    classifier = Classifier(RECIPE.architecture, RECIPE.preprocessing, RECIPE.targets)
    with pytest.raises(UserError, match="no readable photos in split 'validation'"):
        fit(classifier, RECIPE, without, tmp_path, Console(quiet=True), resume=False)


def test_validation_photos_of_one_class_are_refused(study: Path, tmp_path: Path) -> None:
    photos = prepared(study)
    constant = replace(photos, truth=np.ones_like(photos.truth))
    classifier = Classifier(RECIPE.architecture, RECIPE.preprocessing, RECIPE.targets)
    with pytest.raises(UserError, match="no epoch can be chosen"):
        fit(classifier, RECIPE, constant, tmp_path, Console(quiet=True), resume=False)


@pytest.mark.parametrize(
    ("vectors", "tiles", "expected"), [(0, 0, "32-true"), (1, 0, "bf16-mixed"), (0, 1, "bf16-mixed")]
)
def test_precision_is_never_bf16_on_a_processor_that_emulates_it(
    vectors: int, tiles: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(vectors), raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(tiles), raising=False)
    assert lightning_precision(Optimisation()) == expected
    assert lightning_precision(Optimisation(precision="fp32")) == "32-true"
