"""A DICOM export becomes a manifest: patients, eyes and studies from the objects, everything else counted."""

from pathlib import Path

import pandas as pd
import pytest

from eyeground.cli import main
from eyeground.data.manifest import read_manifest
from eyeground.datasets import read_dicom_folder
from eyeground.errors import EXIT_DONE, UserError

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian  # noqa: E402

PHOTOGRAPHY, REPORT = "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.840.10008.5.1.4.1.1.88.33"


def write(path: Path, sop_class: str = PHOTOGRAPHY, **elements: object) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = f"1.2.{abs(hash(path.name)) % 10**6}"
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    for number, patient in enumerate(("0042", "0042", "7")):
        study = {"StudyInstanceUID": f"1.3.{number}", "StudyDate": "20240131", "AccessionNumber": f"A{number}"}
        write(folder / "DICOM" / f"IM{number}", PatientID=patient, ImageLaterality="RLR"[number], **study)
    write(folder / "nameless.dcm", StudyInstanceUID="1.4.5")
    write(folder / "SR1", REPORT, PatientID="7")
    write(folder / "._IM1")
    (folder / "viewer.exe").write_bytes(b"MZ")
    (folder / "empty").touch()
    return folder


def test_identity_comes_from_the_objects(export: Path, tmp_path: Path) -> None:
    assert main(["import", "dicom", str(export), "-o", str(tmp_path / "m.csv")]) == EXIT_DONE
    manifest = read_manifest(tmp_path / "m.csv")
    table = manifest.table.set_index("photo")
    assert list(table.index) == [f"export/DICOM/IM{number}" for number in range(3)] + ["export/nameless.dcm"]
    assert list(table["patient"]) == ["0042", "0042", "7", "unknown-1.4.5"]
    assert table["eye"].tolist()[:3] == ["right", "left", "right"] and pd.isna(table["eye"].iloc[3])
    assert table["note_study_date"].iloc[0] == "2024-01-31"
    assert list(table["note_accession"].iloc[:3]) == ["A0", "A1", "A2"]
    assert table["note_sop_instance"].notna().all()
    assert manifest.labels == ()


def test_what_is_left_out_is_counted_and_doubts_are_remarks(export: Path) -> None:
    remarks = " ".join(read_dicom_folder(export).remarks)
    for words in (
        "no pictures: 1",
        "no DICOM objects: 1",
        "empty or too large: 1",
        "hidden or system files: 1",
        "name no patient: 1",
        "which eye they show: 1",
    ):
        assert words in remarks


def test_one_identifier_for_all_studies_is_a_warning(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.dcm", PatientID="ANON", StudyInstanceUID=f"1.3.{number}")
    assert any("made anonymous" in remark for remark in read_dicom_folder(tmp_path).remarks)


def test_a_folder_without_pictures_is_an_error_that_counts_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "SR1", REPORT)
    with pytest.raises(UserError, match=r"no DICOM picture.*no pictures: 1"):
        read_dicom_folder(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        read_dicom_folder(tmp_path / "gone")
