"""Whose eye a DICOM object shows is read from it, and no hostile object stops or floods anything."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pydicom")
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from test_dicom import dicom

from eyeground.imaging.dicom_identity import LONGEST, Identity, read_identity


def identity(path: Path, **elements: object) -> Identity:
    with dicom(path / "a.dcm", **elements).open("rb") as stream:
        return read_identity(stream)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_patient_eye_and_study_are_read(tmp_path: Path, syntax: str) -> None:
    found = identity(
        tmp_path,
        syntax=syntax,
        PatientID="0042",
        ImageLaterality="R",
        PatientAge="061Y",
        PatientSex="F",
        StudyDate="20240131",
        StudyInstanceUID="1.2.9",
        AccessionNumber="A-7",
        ManufacturerModelName="TRC-NW400",
    )
    assert found == Identity("0042", "right", "female", 61.0, "1.2.9", "2024-01-31", "A-7", "1.2.3", "TRC-NW400")


@pytest.mark.parametrize(
    ("elements", "eye"),
    [
        ({"ImageLaterality": "L"}, "left"),
        ({"Laterality": "R"}, "right"),  # of the series, in older objects
        ({"ImageLaterality": "L", "Laterality": "R"}, "left"),
        ({"ImageLaterality": "B"}, None),
        ({"ImageLaterality": "U"}, None),
        ({}, None),
    ],
)
def test_the_eye_is_the_one_of_the_image(tmp_path: Path, elements: dict[str, str], eye: str | None) -> None:
    assert identity(tmp_path, **elements).eye == eye


def test_one_number_of_two_issuers_is_two_patients(tmp_path: Path) -> None:
    one = identity(tmp_path, PatientID="001", IssuerOfPatientID="North")
    other = identity(tmp_path, PatientID="001", IssuerOfPatientID="South")
    assert one.patient != other.patient


@pytest.mark.parametrize(("age", "years"), [("018M", 1.5), ("010D", 0.03), ("61", None), ("", None), ("0x1Y", None)])
def test_ages_have_units(tmp_path: Path, age: str, years: float | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert identity(tmp_path, PatientAge=age).age == years


@pytest.mark.filterwarnings("ignore:The value length", "ignore:Invalid value for VR UI")  # of writing it
def test_what_stands_in_an_identifier_fits_a_cell_and_no_warning_quotes_it(tmp_path: Path) -> None:
    content = dicom(tmp_path / "a.dcm", PatientID="A" * 80, StudyInstanceUID="1.9.00123").read_bytes()
    hostile = content.replace(b"AAAA", b"A\r\n\x1b", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        patient = read_identity(io.BytesIO(hostile)).patient
    assert patient is not None and patient.isprintable() and len(patient) <= LONGEST


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_damaged_objects_are_unknown_at_worst(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    content = np.frombuffer(dicom(tmp_path / "a.dcm", PatientID="7").read_bytes(), np.uint8).copy()
    content[random.integers(0, 700, 8)] = random.integers(0, 256, 8)
    read_identity(io.BytesIO(content.tobytes()[: random.integers(0, len(content))]))
