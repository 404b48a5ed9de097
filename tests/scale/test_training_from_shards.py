"""`pretrain` and `adapt` from shards give what they give from the photographs, which need not be there any more."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

import eyeground
from eyeground.data.manifest import write_manifest
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import render_dataset

pytestmark = pytest.mark.train

SETTINGS = (
    "initialisation=scratch",
    "preprocessing.side=48",
    "architecture.backbone=test_resnet",
    "optimisation={epochs: 1, batch_size: 8, precision: fp32}",
    "machine={accelerator: cpu, workers: 0}",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`manifest.csv` and `shards`, of the same photos."""
    made = tmp_path_factory.mktemp("study")
    rendered = render_dataset(made / "photos", 30, side=64, seed=3, prevalence={"diabetic_retinopathy": 0.5})
    split = split_patients(rendered, {"train": 0.5, "validation": 0.25, "test": 0.25}, ["abnormal"])
    write_manifest(split, made / "manifest.csv")
    eyeground.standardise(manifest=made / "manifest.csv", output=made / "shards", side=48, cache=made / "none", jobs=1)
    return made


# Two trainings with their reports take seconds: that both give the same is the promise.
def test_a_model_from_shards_is_the_model_from_the_photographs(folder: Path) -> None:
    built = {}
    for data in ("manifest.csv", "shards"):
        run = folder / f"run-{data}"
        built[data] = eyeground.pretrain(
            manifest=folder / data, output=run, overrides=SETTINGS, cache=folder / f"cache-{data}", jobs=1, name="model"
        )
        if data == "manifest.csv":
            shutil.rmtree(folder / "photos")
    assert not list((folder / "cache-shards").glob("standard-*"))
    loose, packed = (folder / f"run-{data}" for data in built)
    histories = [pd.read_csv(run / "history.csv")[["loss", "validation_auroc"]] for run in (loose, packed)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    predictions = [pd.read_parquet(run / "predictions.parquet") for run in (loose, packed)]
    pd.testing.assert_frame_equal(*predictions, check_dtype=False)
    ours, theirs = (one.description for one in built.values())
    assert ours.decisions == theirs.decisions and ours.operating_points == theirs.operating_points
    assert (loose / "bundle" / "training_photos.txt").read_text() == (
        packed / "bundle" / "training_photos.txt"
    ).read_text()

    probe = eyeground.adapt(
        manifest=folder / "shards",
        bundle=packed / "bundle",
        targets="abnormal",
        output=folder / "probe",
        cache=folder / "c",
    )
    assert probe.description.training.photos == ours.training.photos
