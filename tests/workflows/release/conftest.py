"""A finished run, its release, and an external dataset, made once for all tests of releases."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import eyeground
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.cli import main
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Machine, Optimisation, Preprocessing, TrainingRecipe
from eyeground.core.files import write_text
from eyeground.data.manifest import read_manifest
from eyeground.data.predictions import write_predictions
from eyeground.datasets.synthetic import render_dataset
from eyeground.workflows.build.train import train_and_validate
from eyeground.workflows.build.validated_build import Plan
from eyeground.workflows.predict import predict_manifest

QUIET = Console(quiet=True)
RECIPE = TrainingRecipe(
    targets=(Target(name="abnormal"), Target(name="diabetic_retinopathy")),
    initialisation="scratch",
    architecture=Architecture(backbone="test_resnet"),
    preprocessing=Preprocessing(side=48),
    optimisation=Optimisation(epochs=2, batch_size=8, learning_rate=3e-3),
    machine=Machine(accelerator="cpu", workers=0),
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a finished run, an external dataset, and the cache."""
    made = tmp_path_factory.mktemp("study")
    render_dataset(made / "own", 40, side=64, seed=2, prevalence={"diabetic_retinopathy": 0.5})
    render_dataset(made / "other", 10, side=64, seed=9, prevalence={"diabetic_retinopathy": 0.5})
    plan = Plan(made / "run", made / "cache", "run", "pretrain")

    def write_no_metrics(*given: Any) -> None:
        write_text(given[-1] / "report.html", "report")

    with pytest.MonkeyPatch.context() as patch:  # the run's own report takes most of its time
        patch.setattr("eyeground.workflows.build.validated_build.write_validation", write_no_metrics)
        train_and_validate(read_manifest(made / "own" / "manifest.csv"), RECIPE, plan, QUIET, resume=False)
    found = predict_manifest(
        read_manifest(made / "other" / "manifest.csv"), eyeground.load(made / "run" / "bundle"), made / "cache", 1
    )
    write_predictions(found.predictions, made / "other.parquet")
    return made


@pytest.fixture(scope="session")
def released(folder: Path) -> Bundle:
    arguments = [
        "release",
        str(folder / "run"),
        "-o",
        str(folder / "release"),
        "--name",
        "eyeground-tiny-scratch+48",
        "--resamples",
        "100",
    ]
    externals = ["--external", f"table={folder / 'other.parquet'}", "--external", f"own={folder / 'own/manifest.csv'}"]
    report = ["--report", str(folder / "run" / "evaluation"), "--cache", str(folder / "cache"), "--jobs", "1"]
    assert main([*arguments, *externals, *report]) == 0
    return open_bundle(folder / "release")
