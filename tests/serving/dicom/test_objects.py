"""The DICOM objects of a result: conformant, filed with the photograph, and saying what was found."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from ophthalmic import MADE, PATIENT, write_photo
from pydicom.dataset import Dataset

from eyeground.imaging.limits import RefusedError
from eyeground.screening.segmenter import load_segmenter
from eyeground.serving.dicom.objects import dicom_objects
from eyeground.serving.dicom.page import pdf_page
from eyeground.serving.dicom.source import read_source

STATUSES = ("abnormal", "normal", "ungradable", "unreadable", "unfamiliar")


@pytest.fixture(scope="module")
def made(results) -> dict[str, dict[str, Dataset]]:
    return {status: dicom_objects(*_of(results, status)) for status in STATUSES}


def _of(results, status):
    if status != "unfamiliar":
        return results[status]
    source, result = results["normal"]
    reason = "unlike the photographs that the model was trained on"
    return source, replace(result, finding=replace(result.finding, status="unfamiliar", reason=reason))


def _items(dataset: Dataset, kind: str) -> list[Dataset]:
    """All content items of a kind in a report, from the root down."""
    inner = [item for child in dataset.get("ContentSequence", ()) for item in _items(child, kind)]
    return [dataset, *inner] if dataset.get("ValueType") == kind else inner


def _groups(report: Dataset) -> list[Dataset]:
    named = [one for one in _items(report, "CONTAINER") if one.ConceptNameCodeSequence[0].CodeMeaning]
    return [one for one in named if one.ConceptNameCodeSequence[0].CodeMeaning == "Measurement Group"]


@pytest.mark.parametrize("status", STATUSES)
def test_no_object_has_an_error(made, errors_in, tmp_path, status) -> None:
    for name, dataset in made[status].items():
        path = tmp_path / f"{name}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        assert errors_in(path) == [], f"{status} {name}"


def test_the_photographs_that_tests_write_have_no_error(photos, errors_in) -> None:
    for status in ("abnormal", "normal"):
        assert errors_in(photos[status]) == []


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("abnormal", {"report", "evidence", "page"}),
        ("ungradable", {"report", "evidence", "page"}),
        ("unreadable", {"report", "page"}),
    ],
)
def test_objects_depend_on_the_status(made, status, names) -> None:
    assert made[status].keys() == names


def test_objects_are_filed_with_the_photograph(made, results) -> None:
    source, _ = results["abnormal"]
    for name, dataset in made["abnormal"].items():
        assert dataset.StudyInstanceUID == source.header.StudyInstanceUID, name
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber"):
            assert str(dataset[keyword].value) == PATIENT[keyword], name
        assert "right eye" in dataset.SeriesDescription, name
        assert dataset.SeriesInstanceUID != source.header.SeriesInstanceUID, name
    assert len({dataset.SeriesInstanceUID for dataset in made["abnormal"].values()}) == 3


def test_the_same_result_made_again_is_the_same_object(made, results) -> None:
    source, result = results["abnormal"]
    again = dicom_objects(source, replace(result, made=MADE.replace(year=2027)))
    assert {one.SOPInstanceUID for one in again.values()} == {one.SOPInstanceUID for one in made["abnormal"].values()}
    rule = replace(
        result.finding.rule, decision=result.finding.rule.decision.model_copy(update={"thresholds": {"amd": 0.5}})
    )
    other = dicom_objects(source, replace(result, finding=replace(result.finding, rule=rule)))
    assert other["report"].SOPInstanceUID != made["abnormal"]["report"].SOPInstanceUID, (
        "another threshold is another result"
    )


@pytest.mark.parametrize("status", STATUSES)
def test_reports_are_preliminary_and_unverified(made, status) -> None:
    report = made[status]["report"]
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert report.ContentQualification == "RESEARCH"
    assert made[status]["page"].VerificationFlag == "UNVERIFIED"


@pytest.mark.parametrize("status", STATUSES)
def test_every_measurement_has_a_region_inside_the_photograph(made, results, status) -> None:
    source, _ = _of(results, status)
    groups = _groups(made[status]["report"])
    assert groups and all(_items(group, "SCOORD") for group in groups)
    for region in _items(made[status]["report"], "SCOORD"):
        points = np.reshape(region.GraphicData, (-1, 2))
        assert region.GraphicType == "POLYLINE" and np.array_equal(points[0], points[-1])
        assert (points >= 0).all() and (points <= (source.width, source.height)).all()
        assert region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.instance


def test_the_report_holds_every_probability_and_threshold(made, results) -> None:
    _, result = results["abnormal"]
    group = _groups(made["abnormal"]["report"])[0]
    measured = {
        item.ConceptNameCodeSequence[0].CodeMeaning: float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }
    for output in result.outputs:
        assert measured[f"{output.words}: probability"] == output.probability
    thresholds = [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in _items(group, "NUM")
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Threshold Value"
    ]
    assert sorted(thresholds) == sorted(one.threshold for one in result.outputs if one.threshold is not None)


def test_the_report_identifies_model_version_and_weights(made, results) -> None:
    _, result = results["abnormal"]
    texts = [item.TextValue for item in _items(made["abnormal"]["report"], "TEXT")]
    assert result.finding.model in texts and f"eyeground {result.version}" in texts
    assert any(result.weights_sha256 in text for text in texts)


@pytest.mark.parametrize(
    ("status", "quality"),
    [("normal", "111237"), ("ungradable", "111235"), ("unreadable", "111235"), ("unfamiliar", "111237")],
)
def test_reports_say_whether_the_photograph_is_usable(made, status, quality) -> None:
    codes = [item.ConceptCodeSequence[0].CodeValue for item in _items(made[status]["report"], "CODE")]
    assert quality in codes


def test_a_photograph_that_is_not_judged_is_neither_normal_nor_abnormal(made) -> None:
    for status in ("ungradable", "unfamiliar"):
        for item in _items(made[status]["report"], "CODE"):
            if item.ConceptNameCodeSequence[0].CodeMeaning == "Normality":
                assert item.ConceptCodeSequence[0].CodeMeaning == "Normality Undetermined", status


def test_the_evidence_map_names_the_eye_where_readers_look(made, photos) -> None:
    for status, eye in (("abnormal", "R"), ("ungradable", "L")):
        evidence = made[status]["evidence"]
        assert evidence.ImageLaterality == eye == pydicom.dcmread(photos[status]).ImageLaterality
        assert evidence.BurnedInAnnotation == "YES"
        pixels = np.frombuffer(evidence.PixelData, np.uint8)[: evidence.Rows * evidence.Columns * 3]
        assert pixels.std() > 20, "there is a picture"


def _text(pdf: bytes) -> str:
    return _read(["pdftotext", "-layout", "-", "-"], pdf)


def _read(command: list[str], pdf: bytes) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} (package poppler-utils) is not installed: PDF pages are not read back")
    return subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("status", STATUSES)
def test_the_page_says_result_and_origin(made, results, status) -> None:
    source, result = _of(results, status)
    text = " ".join(_text(made[status]["page"].EncapsulatedDocument).split())
    eye = f"{source.eye} eye"
    assert eye in text and "Research use only" in text and "Rendered Rita" in text and result.finding.model in text
    assert result.weights_sha256 in text.replace(" ", "")
    for output in result.outputs:
        assert f"{output.words} {output.probability:.3f}" in text


def test_a_name_with_markup_is_drawn_as_it_is(results, tmp_path) -> None:
    _, result = results["normal"]
    for name in ("<script>alert(1)</script>^$\\frac{1$", "$x^2$^%s{0}", "&amp;^(/JavaScript)"):
        path = write_photo(tmp_path / "photo.dcm", np.zeros((64, 64, 3), np.uint8), PatientName=name.replace("\\", ""))
        pdf = pdf_page(read_source(path), result)
        assert name.replace("\\", "").split("^")[0] in _text(pdf)
        assert _read(["pdfinfo", "-"], pdf).count("JavaScript:      no") == 1


def test_a_name_that_the_page_cannot_draw_is_left_out_and_stays_in_the_objects(results, tmp_path) -> None:
    _, result = results["normal"]
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    path = write_photo(
        tmp_path / "photo.dcm", np.zeros((64, 64, 3), np.uint8), SpecificCharacterSet="ISO_IR 192", PatientName=name
    )
    source = read_source(path)
    assert "Yamada Tarou" in _text(pdf_page(source, result))
    dicom_objects(source, result)["page"].save_as(tmp_path / "page.dcm", enforce_file_format=True)
    assert pydicom.dcmread(tmp_path / "page.dcm").PatientName == name


def test_masks_are_those_of_the_segmenter(results, photos, errors_in, tmp_path) -> None:
    source, result = results["abnormal"]
    segmenter = load_segmenter("eyeground-lesions-mobilenetv2", threads=1)
    segmented = segmenter(photos["abnormal"])
    dataset = dicom_objects(source, replace(result, segmented={segmenter.bundle.identity: segmented}))["segmentation-1"]
    dataset.save_as(tmp_path / "segmentation.dcm", enforce_file_format=True)
    assert errors_in(tmp_path / "segmentation.dcm") == []
    read = pydicom.dcmread(tmp_path / "segmentation.dcm")
    assert (read.Rows, read.Columns) == (source.height, source.width)
    masks = read.pixel_array
    for frame, groups in zip(masks, read.PerFrameFunctionalGroupsSequence, strict=True):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        assert np.array_equal(frame.astype(bool), segmented.mask(segmenter.structures[number - 1]))
    shared = read.SharedFunctionalGroupsSequence[0]
    assert "PlaneOrientationSequence" in shared and "PlanePositionSequence" in shared, "else viewers load for ever"
    assert [one.SegmentLabel for one in read.SegmentSequence] == [
        "hard exudate",
        "haemorrhage",
        "microaneurysm",
        "soft exudate",
        "optic disc",
    ]


def test_objects_without_a_stated_eye_claim_none(result_of, tmp_path, errors_in) -> None:
    path = write_photo(tmp_path / "both.dcm", np.full((96, 96, 3), 90, np.uint8), eye="B")
    source, result = result_of(path)
    made = dicom_objects(source, result)
    assert source.eye is None and "eye not stated" in made["page"].SeriesDescription
    for name, dataset in made.items():
        dataset.save_as(tmp_path / f"{name}.dcm", enforce_file_format=True)
        assert errors_in(tmp_path / f"{name}.dcm") == []


def test_files_are_named_by_no_identifier(made) -> None:
    for name in made["abnormal"]:
        assert Path(name).name == name and PATIENT["PatientID"] not in name


@pytest.mark.parametrize(
    "header",
    [
        {"PatientName": "Solo"},
        {"PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": "", "StudyID": ""},
        {"StudyDate": "", "StudyTime": "10", "ContentDate": "", "AcquisitionDateTime": ""},
        {"StudyDate": "20260230", "PatientBirthDate": "19990229"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "ReferringPhysicianName": "Solo"},
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_sparse_and_careless_headers_have_results_too(results, errors_in, tmp_path, header) -> None:
    source = read_source(write_photo(tmp_path / "photo.dcm", np.zeros((64, 64, 3), np.uint8), **header))
    for name, dataset in dicom_objects(source, results["unreadable"][1]).items():
        dataset.save_as(tmp_path / f"{name}.dcm", enforce_file_format=True)
        assert errors_in(tmp_path / f"{name}.dcm") == []


def test_a_class_that_nobody_knows_is_refused_in_words(results, tmp_path) -> None:
    path = write_photo(tmp_path / "photo.dcm", np.zeros((64, 64, 3), np.uint8), SOPClassUID="1.2.3")
    with pytest.raises(RefusedError):
        dicom_objects(read_source(path), results["unreadable"][1])
