"""DICOM objects say whose eyes they show; identifiers that nobody asked to see never leave the listing."""

import shutil
from pathlib import Path

import pytest

from eyeground.screening.photos import Listing
from eyeground.screening.sources import list_sources

pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian


def write(path: Path, patient: str | None, laterality: str) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.3"
    dataset.ImageLaterality = laterality
    if patient is not None:
        dataset.PatientID = patient
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    for name, patient, laterality in (
        ("IM1", "0042", "R"),
        ("IM2", "0042", "L"),
        ("IM3.dcm", "0007", "B"),
        ("IM4", None, "R"),
    ):
        write(folder / name, patient, laterality)
    (folder / "plain.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def people(listing: Listing) -> list[tuple[str | None, str | None]]:
    return [(photo.patient, photo.eye) for photo in listing.photos]


def test_patients_and_eyes_are_known_and_identifiers_shown_to_those_who_ask(export: Path) -> None:
    known = [("0042", "right"), ("0042", "left"), ("0007", None), (None, "right"), (None, None)]
    assert people(list_sources([export], Path("nowhere"), identifiers=True)) == known
    keys = {"0042": "dicom-1", "0007": "dicom-2", None: None}
    assert people(list_sources([export], Path("nowhere"))) == [(keys[patient], eye) for patient, eye in known]


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_tells_the_same(export: Path, tmp_path: Path, kind: str) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), kind, export)
    for identifiers in (True, False):
        packed = list_sources([archive], Path("nowhere"), identifiers=identifiers)
        assert people(packed) == people(list_sources([export], Path("nowhere"), identifiers=identifiers))


def test_a_manifest_comes_first_and_shares_its_patients(export: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "photos.csv"
    manifest.write_text("photo,patient,eye\nexport/IM1,0042,left\nexport/plain.jpg,9,right\n")
    listing = list_sources([manifest, export], Path("nowhere"))
    by_name = {Path(photo.name).name: (photo.patient, photo.eye) for photo in listing.photos}
    assert by_name["IM1"] == ("0042", "left") and by_name["plain.jpg"] == ("9", "right")
    assert by_name["IM2"] == ("0042", "left")  # the same patient, whom the manifest shows already
    assert by_name["IM3.dcm"] == ("dicom-1", None)
