"""`screen --fhir-out`: one checked Bundle per photograph, resumed, and never outdated."""

import json
import shutil

import pytest
from PIL import Image

from eyeground.cli import main
from eyeground.datasets.synthetic import render
from eyeground.serving.fhir import export

MODEL = "eyeground-mobilenetv2-imagenet+fundus-224"


@pytest.fixture
def clinic(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos["abnormal"], folder / "one.dcm")
    Image.fromarray(render("normal", height=256).pixels).save(folder / "two.jpg")
    return folder


def _screen(folder, tmp_path, *options: str) -> int:
    output = ["-o", str(tmp_path / "out"), "--fhir-out", str(tmp_path / "fhir"), "--no-report", "--no-overlays"]
    return main(["screen", str(folder), "--bundle", MODEL, "--jobs", "1", *output, *options])


def _files(tmp_path):
    return sorted((tmp_path / "fhir").iterdir())


def test_every_photograph_has_a_bundle_and_only_once(clinic, tmp_path, monkeypatch) -> None:
    assert _screen(clinic, tmp_path) == 0
    files = _files(tmp_path)
    kinds = [{one["resource"]["resourceType"] for one in json.loads(file.read_text())["entry"]} for file in files]
    assert len(files) == 2 and sum("Media" in kind for kind in kinds) == 1, "the DICOM photograph is referred to"
    monkeypatch.setattr(export, "fhir_bundle", None)
    assert _screen(clinic, tmp_path) == 0
    assert _files(tmp_path) == files


def test_another_release_replaces_the_bundles(clinic, tmp_path) -> None:
    assert _screen(clinic, tmp_path) == 0
    before = _files(tmp_path)
    assert _screen(clinic, tmp_path, "--fhir-release", "R5") == 0
    after = _files(tmp_path)
    assert len(after) == 2 and not set(after) & set(before)
    assert any("ImagingSelection" in file.read_text() for file in after)


def test_a_release_that_does_not_exist_is_a_mistake(clinic, tmp_path) -> None:
    assert _screen(clinic, tmp_path, "--fhir-release", "R6") == 2
