"""The command `explain`, end to end on rendered photos."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from eyeground.bundle.description import TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.cli import main
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.datasets.synthetic import render_dataset
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle

RECORD = TrainingRecord(
    manifest_fingerprint="0" * 64, photos=1, patients=1, initialisation="scratch", method="pretrain", epochs=1, seed=0
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    render_dataset(folder / "data", 2, 96, prevalence={"diabetic_retinopathy": 1.0}, faults=0.0, masks=True)
    torch.manual_seed(0)
    network = Classifier(Architecture(backbone="test_resnet"), Preprocessing(side=48), (Target(name="abnormal"),))
    export_bundle(network, folder / "bundle", ModelInfo(name="b", training=RECORD, card="# b\n", licence="mit"))
    return folder


def explain(place: Path, output: str, *more: str) -> int:
    bundle, manifest = str(place / "bundle"), str(place / "data" / "manifest.csv")
    return main(
        ["explain", bundle, manifest, "-o", str(place / output), "--cache", str(place / "cache"), "--jobs", "1", *more]
    )


def test_measured_maps_leave_tables_pictures_and_a_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(place, "measured", "--method", "gradcam", "--measure", "--resamples", "50") == 0
    out = place / "measured"
    photos, measures = pd.read_csv(out / "photos.csv"), pd.read_csv(out / "measures.csv")
    assert set(photos["method"]) == {"chance", "evidence", "gradcam"} and "patient" not in photos
    assert {"pointing", "milliseconds"} <= set(measures["measure"])
    assert (out / "report.html").is_file() and (out / "sheets" / "001.jpg").is_file()
    assert "gradcam − evidence: pointing game" in capsys.readouterr().out


def test_maps_alone_need_no_masks(place: Path) -> None:
    assert explain(place, "maps") == 0
    assert not (place / "maps" / "measures.csv").exists() and (place / "maps" / "photos" / "00001.jpg").is_file()


def test_a_wrong_output_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(place, "wrong", "--output", "abnormla") == 2
    assert "did you mean 'abnormal'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("targets", "code"), [(("glaucoma",), 0), (("glaucoma", "abnormal"), 0), (("glaucoma", "amd"), 2)]
)
def test_the_output_need_not_be_named_where_there_is_one_choice(
    place: Path, capsys: pytest.CaptureFixture[str], targets: tuple[str, ...], code: int
) -> None:
    named = tuple(Target(name=name) for name in targets)
    network = Classifier(Architecture(backbone="test_resnet"), Preprocessing(side=48), named)
    folder = place / "-".join(targets)
    export_bundle(network, folder, ModelInfo(name="c", training=RECORD, card="# c\n", licence="mit"))
    given = ["explain", str(folder), str(place / "data" / "manifest.csv"), "-o", str(place / f"of-{folder.name}")]
    assert main([*given, "--cache", str(place / "cache"), "--jobs", "1"]) == code
    assert not code or "--output with one of glaucoma, amd" in " ".join(capsys.readouterr().err.split())
