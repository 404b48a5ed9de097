"""`robustness` as a user meets it."""

from pathlib import Path

import pandas as pd
import pytest
import torch
import typer

from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.cli import app, main
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.datasets.synthetic import render_dataset
from eyeground.imaging.corruptions import CORRUPTIONS
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    classifier = Classifier(Architecture(backbone="test_resnet"), Preprocessing(side=48), (Target(name="abnormal"),))
    record = TrainingRecord(
        manifest_fingerprint="0" * 64,
        photos=1,
        patients=1,
        initialisation="scratch",
        method="pretrain",
        epochs=1,
        seed=0,
    )
    point = OperatingPoint(
        output="abnormal", threshold=0.5, rule="youden", chosen_on="validation", positives=1, negatives=1
    )
    export_bundle(
        classifier,
        folder,
        ModelInfo(
            name="b", training=record, answers=AnswerRules(operating_points=(point,)), card="# b\n", licence="mit"
        ),
    )
    return str(folder)


def test_the_help_names_every_corruption() -> None:
    command = typer.main.get_command(app).commands["robustness"]
    text = next(parameter.help for parameter in command.params if parameter.name == "corruptions")
    assert text.split(": ")[1].rstrip(".").split(", ") == list(CORRUPTIONS)


def test_a_manifest_becomes_table_figure_and_sheet(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    render_dataset(tmp_path / "photos", 8, side=64, seed=3)
    output = tmp_path / "out"
    arguments = ["robustness", str(tmp_path / "photos" / "manifest.csv"), "--bundle", bundle, "-o", str(output)]
    arguments += [
        "--corruptions",
        "haze, crop",
        "--sample",
        "6",
        "--cache",
        str(tmp_path / "cache"),
        "--resamples",
        "50",
    ]
    assert main([*arguments, "--jobs", "1"]) == 0
    written = {path.name for path in output.iterdir()}
    expected = {"robustness.csv", "robustness.svg", "robustness.png", "severities.png", "predictions.parquet"}
    assert written == expected | {"predictions"}
    table = pd.read_csv(output / "robustness.csv", keep_default_na=False)
    assert set(table["corruption"]) == {"none", "haze", "crop", "mean"}
    predictions = pd.read_parquet(output / "predictions.parquet")
    assert predictions["patient"].nunique() == 6 and len(predictions.groupby(["corruption", "severity"])) == 11
    printed = capsys.readouterr().out
    assert "haze" in printed and "Discrimination lost" in printed and "…" not in printed


def test_an_unknown_fault_is_a_sentence(bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    render_dataset(tmp_path / "photos", 2, side=64, seed=3)
    arguments = [
        "robustness",
        str(tmp_path / "photos" / "manifest.csv"),
        "--bundle",
        bundle,
        "-o",
        str(tmp_path / "out"),
    ]
    assert main([*arguments, "--corruptions", "fog"]) == 2
    assert "there is no corruption 'fog'; known: defocus" in capsys.readouterr().err
