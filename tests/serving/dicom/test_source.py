"""The header of a photograph: what results may repeat of it, and what is refused because it could reach a wrong patient."""

import numpy as np
import pydicom
import pytest
from ophthalmic import PATIENT, write_photo
from pydicom.uid import DeflatedExplicitVRLittleEndian

from eyeground.imaging.limits import RefusedError
from eyeground.serving.dicom.source import is_dicom, read_source

GREY = np.full((48, 64, 3), 90, np.uint8)


def test_patient_study_eye_and_size_are_read(tmp_path) -> None:
    source = read_source(write_photo(tmp_path / "a.dcm", GREY, eye="L"))
    assert (source.eye, source.width, source.height) == ("left", 64, 48)
    assert {keyword: str(source.header[keyword].value) for keyword in PATIENT} == PATIENT
    assert "PixelData" not in source.header


def test_a_deflated_object_is_read_too(tmp_path) -> None:
    path = write_photo(tmp_path / "a.dcm", GREY)
    photo = pydicom.dcmread(path)
    photo.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    photo.save_as(path, enforce_file_format=True)
    assert read_source(path).header.PatientID == PATIENT["PatientID"]


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPInstanceUID", "SeriesInstanceUID", "SOPClassUID"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_without_a_valid_uid_it_is_refused(tmp_path, monkeypatch, keyword) -> None:
    monkeypatch.setattr("pydicom.config.settings._writing_validation_mode", pydicom.config.WARN)
    for wrong in ("1.2.x", "", "../../etc", "1.02.3"):
        path = tmp_path / "a.dcm"
        write_photo(path, GREY)
        content = path.read_bytes()
        value = str(pydicom.dcmread(path)[keyword].value).encode()
        path.write_bytes(content.replace(value, wrong.encode().ljust(len(value), b"\0")[: len(value)]))
        with pytest.raises(RefusedError) as refusal:
            read_source(path)
        assert not wrong or wrong not in str(refusal.value), "the refusal quotes nothing of the file"


@pytest.mark.parametrize(
    ("keyword", "given"),
    [("PatientBirthDate", "19991399"), ("StudyTime", "996199"), ("PatientSex", "X"), ("PatientName", "A^B=C=D=E")],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The number of PN")
def test_what_breaks_the_standard_is_left_out(tmp_path, monkeypatch, keyword, given) -> None:
    monkeypatch.setattr("pydicom.config.settings._writing_validation_mode", pydicom.config.IGNORE)
    source = read_source(write_photo(tmp_path / "a.dcm", GREY, **{keyword: given}))
    assert str(source.header[keyword].value) == ""


@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The value length")
def test_a_patient_number_that_breaks_the_standard_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("pydicom.config.settings._writing_validation_mode", pydicom.config.IGNORE)
    for wrong in ("7" * 65, ["7", "8"], "7\n8"):
        with pytest.raises(RefusedError):
            read_source(write_photo(tmp_path / "a.dcm", GREY, PatientID=wrong))


def test_damaged_headers_are_refused_and_never_crash(tmp_path) -> None:
    content = write_photo(tmp_path / "a.dcm", GREY).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for place in random.integers(132, 3000, 12):
            damaged[place] = random.integers(256)
        path = tmp_path / "damaged.dcm"
        path.write_bytes(bytes(damaged[: random.integers(200, len(damaged))]))
        try:
            read_source(path)
        except RefusedError as refusal:
            assert PATIENT["PatientID"] not in str(refusal) and "Rendered" not in str(refusal)


def test_other_files_are_no_dicom(tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"\xff\xd8\xff" + b"\0" * 200)
    assert not is_dicom(tmp_path / "a.dcm") and not is_dicom(tmp_path / "missing.dcm") and not is_dicom(tmp_path)
