"""`screen --dicom-out`: a folder per DICOM photograph, complete or absent, resumed, and never outdated."""

import shutil
from contextlib import redirect_stdout
from io import StringIO

import pydicom
import pytest
from ophthalmic import write_photo
from PIL import Image

import eyeground
from eyeground.cli import main
from eyeground.datasets.synthetic import render
from eyeground.serving.dicom import export

MODEL = "eyeground-mobilenetv2-imagenet+fundus-224"
OBJECTS = {"report.dcm", "evidence.dcm", "page.dcm"}


@pytest.fixture(scope="module")
def fresh(photos, tmp_path_factory):
    """A folder with a DICOM photograph and a JPEG."""
    folder = tmp_path_factory.mktemp("fresh") / "photos"
    folder.mkdir()
    shutil.copy(photos["abnormal"], folder / "one.dcm")
    Image.fromarray(render("normal", height=256).pixels).save(folder / "two.jpg")
    return folder


@pytest.fixture(scope="module")
def screened(fresh, tmp_path_factory):
    """The same, screened once; and what the command said."""
    work = tmp_path_factory.mktemp("screened")
    shutil.copytree(fresh, work / "photos")
    with redirect_stdout(StringIO()) as said:
        assert _screen(work / "photos", work) == 0
    return work, said.getvalue()


@pytest.fixture
def clinic(fresh, tmp_path):
    """Not screened yet."""
    return shutil.copytree(fresh, tmp_path / "photos")


def _screen(folder, work, *options: str) -> int:
    output = ["-o", str(work / "out"), "--dicom-out", str(work / "dicom"), "--no-report"]
    return main(["screen", str(folder), "--bundle", MODEL, "--jobs", "1", *output, *options])


def _places(work):
    return sorted((work / "dicom").iterdir())


def test_dicom_photographs_have_objects_and_others_are_named(screened) -> None:
    work, said = screened
    (place,) = _places(work)
    assert {path.name for path in place.iterdir()} == OBJECTS
    assert "1 photo has no DICOM results" in said
    probability = eyeground.load(MODEL)(work / "photos" / "one.dcm").probabilities["abnormal"]
    report = pydicom.dcmread(place / "report.dcm")
    first = report.ContentSequence[-2].ContentSequence[0]
    measured = next(item for item in first.ContentSequence if item.ValueType == "NUM")
    assert float(measured.MeasuredValueSequence[0].NumericValue) == round(probability, 4)


def test_a_repeated_screening_writes_nothing_again(screened, monkeypatch) -> None:
    work, _ = screened
    before = {path: path.stat().st_mtime_ns for path in _places(work)[0].iterdir()}
    monkeypatch.setattr(export, "write_objects", None)
    assert _screen(work / "photos", work) == 0
    assert {path: path.stat().st_mtime_ns for path in _places(work)[0].iterdir()} == before


def test_objects_that_are_missing_are_made_though_the_photograph_is_finished(screened) -> None:
    work, _ = screened
    (place,) = _places(work)
    shutil.rmtree(place)
    (place.parent / f".{place.name}.partial").mkdir()  # as a killed process leaves it
    assert _screen(work / "photos", work) == 0
    assert _places(work) == [place] and {path.name for path in place.iterdir()} == OBJECTS


def test_another_threshold_or_photograph_replaces_the_objects(clinic, tmp_path) -> None:
    assert _screen(clinic, tmp_path) == 0
    (first,) = _places(tmp_path)
    assert _screen(clinic, tmp_path, "--operating-point", "threshold=0.9", "--overwrite") == 0
    (second,) = _places(tmp_path)
    write_photo(clinic / "one.dcm", render("normal", height=300).pixels)
    assert _screen(clinic, tmp_path, "--operating-point", "threshold=0.9") == 0
    (third,) = _places(tmp_path)
    assert len({first, second, third}) == 3


def test_objects_are_written_without_overlays_too(clinic, tmp_path) -> None:
    assert _screen(clinic, tmp_path, "--no-overlays") == 0
    assert {path.name for path in _places(tmp_path)[0].iterdir()} == OBJECTS
    assert not (tmp_path / "out" / "overlays").exists()


def test_a_segmenter_adds_its_segmentation(clinic, tmp_path) -> None:
    assert _screen(clinic, tmp_path, "--segmenter", "eyeground-lesions-mobilenetv2") == 0
    assert {path.name for path in _places(tmp_path)[0].iterdir()} == OBJECTS | {"segmentation-1.dcm"}


def test_a_segmenter_without_dicom_is_a_mistake(clinic, tmp_path) -> None:
    arguments = ["screen", str(clinic), "-o", str(tmp_path / "out"), "--bundle", MODEL]
    assert main([*arguments, "--segmenter", "eyeground-lesions-mobilenetv2"]) == 2
