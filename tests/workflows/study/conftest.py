"""A small study on rendered photos: two datasets, two starts, a probe and a fine-tuning, run once."""

from pathlib import Path

import pytest
import yaml
from rich.console import Console

from eyeground.config.settings import read_recipe
from eyeground.data.manifest import write_manifest
from eyeground.datasets.synthetic import render_dataset
from eyeground.workflows.study.data import Place
from eyeground.workflows.study.opened import Study, open_study
from eyeground.workflows.study.run import run_study
from eyeground.workflows.study.settings import StudyRecipe

QUIET = Console(quiet=True)
NETWORK = {"architecture": {"backbone": "test_resnet"}, "preprocessing": {"side": 48}}
RECIPE = {
    "name": "rendered",
    "data": {
        "home": {"folder": "home/manifest.csv", "shares": {"train": 0.5, "test": 0.5}, "stratify": ["abnormal"]},
        "abroad": {"folder": "abroad/manifest.csv"},
    },
    "initialisations": [{"name": "one", **NETWORK}, {"name": "two", "source": "weights.safetensors", **NETWORK}],
    "tasks": [
        {
            "name": "abnormality",
            "data": "home",
            "split": "test",
            "targets": [{"name": "abnormal"}],
            "folds": 2,
            "external": ["abroad"],
        },
        {
            "name": "diseases",
            "data": "home",
            "targets": [{"name": "diabetic_retinopathy"}, {"name": "amd"}],
            "folds": 2,
        },
    ],
    "probe": {"fractions": [0.5, 1.0], "seeds": [0, 1], "C": [0.01, 1.0]},
    "finetune": {
        "tasks": ["diseases"],
        "fractions": [1.0],
        "folds": [1],
        "learning_rates": [0.001],
        "optimisation": {"epochs": 1, "batch_size": 8},
    },
    "resamples": 100,
}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the data, of a weights file, and of the recipe as `study.yaml`."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("root")
    prevalence = {"diabetic_retinopathy": 0.4, "amd": 0.3}
    write_manifest(
        render_dataset(folder / "home", 24, side=64, seed=1, prevalence=prevalence), folder / "home/manifest.csv"
    )
    abroad = render_dataset(folder / "abroad", 8, side=64, seed=2, prevalence=prevalence)
    write_manifest(abroad, folder / "abroad/manifest.csv")
    save_file(timm.create_model("test_resnet").state_dict(), folder / "weights.safetensors")
    (folder / "study.yaml").write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def recipe(root: Path) -> StudyRecipe:
    return read_recipe(StudyRecipe, root / "study.yaml")


@pytest.fixture(scope="session")
def done(root: Path, recipe: StudyRecipe) -> Study:
    """The study with all its cells computed."""
    opened = open_study(recipe, Place(root / "done", root, root / "cache", 1), QUIET)
    run_study(opened, opened.pending(), QUIET)
    return opened
