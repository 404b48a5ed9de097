"""The whole way on real photographs, small: ImageNet weights, ODIR eyes, a bundle, IDRiD screened by it."""

from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

import eyeground
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Machine, Optimisation, Preprocessing, TrainingRecipe
from eyeground.data.manifest import Manifest
from eyeground.datasets import DATASETS
from eyeground.screening.batch import screen
from eyeground.workflows.build.train import train_and_validate
from eyeground.workflows.build.validated_build import Plan

PER_CLASS = 40


@pytest.mark.real
def test_imagenet_weights_become_a_bundle_that_screens_another_hospital(real_data: Path, tmp_path: Path) -> None:
    odir = DATASETS["odir5k"].read(real_data / "odir5k")
    few = pd.concat(
        [odir.table[odir.table["abnormal"] == value].head(PER_CLASS) for value in (0, 1)], ignore_index=True
    )
    recipe = TrainingRecipe(
        targets=(Target(name="abnormal"),),
        initialisation=str(real_data / "weights" / "imagenet_mobilenetv2_100.safetensors"),
        architecture=Architecture(backbone="mobilenetv2_100", backbone_options={"pad_type": "same"}),
        preprocessing=Preprocessing(side=96, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        optimisation=Optimisation(epochs=1, batch_size=16, learning_rate=5e-4),
        machine=Machine(accelerator="cpu", workers=0),
    )
    plan = Plan(tmp_path / "run", tmp_path / "cache", "real", "pretrain")
    built = train_and_validate(Manifest(few, odir.root), recipe, plan, Console(quiet=True), resume=False)
    assert built.evaluation.scope == "test"
    photos = sorted(
        (real_data / "idrid" / "B. Disease Grading" / "1. Original Images" / "b. Testing Set").glob("*.jpg")
    )
    screened = screen(
        photos[:6], eyeground.load(built.bundle.folder, operating_point="threshold=0.5"), tmp_path / "screened", jobs=1
    )
    assert screened.photos == 6
    assert "unreadable" not in screened.counts
