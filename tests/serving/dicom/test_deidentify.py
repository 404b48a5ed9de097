"""De-identification: of names planted wherever DICOM has text, none is left in photograph, results or their files' names."""

import json
import warnings
from io import BytesIO

import numpy as np
import pydicom
import pytest
from ophthalmic import PATIENT, ophthalmic_photo, write_photo
from PIL import Image
from pydicom.datadict import dictionary_VR, keyword_dict, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from eyeground.cli import main
from eyeground.errors import UserError
from eyeground.imaging.limits import RefusedError
from eyeground.serving.dicom.deidentify import deidentified, says_nothing_of_text
from eyeground.serving.pseudonyms import Pseudonyms, pseudonyms_of

MODEL = "eyeground-mobilenetv2-imagenet+fundus-224"
SECRET = "ZYXWVUT"
DAY, OTHER_DAY = "19610709", "19570311"
PEOPLE_WRITE = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
OF_EQUIPMENT = (
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "CodeValue",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "CodeMeaning",
)
UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SynchronizationFrameOfReferenceUID")
KEYS = Pseudonyms(b"k" * 32)


def planted(photo: Dataset) -> Dataset:
    """The photograph with a secret in every text attribute of the standard, in dates, deep in sequences and in private elements."""
    for keyword in filter(None, keyword_dict):
        group = int(tag_for_keyword(keyword) or 0) >> 16
        kind = dictionary_VR(keyword)
        if group in (0, 2, 4) or keyword in OF_EQUIPMENT:
            continue
        if kind in PEOPLE_WRITE:
            setattr(photo, keyword, SECRET)
        elif kind == "DA":
            setattr(photo, keyword, DAY)
        elif kind == "DT":
            setattr(photo, keyword, f"{DAY}101010")
    inner, deep = Dataset(), Dataset()
    inner.PatientName, inner.ReferencedSOPInstanceUID, inner.StudyDate = SECRET, "1.2.777.1", OTHER_DAY
    deep.OperatorsName, deep.ImageComments, deep.TextValue = SECRET, SECRET, SECRET
    inner.AnatomicRegionModifierSequence = [deep]
    photo.RequestAttributesSequence = [inner]
    photo.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [inner]
    photo.private_block(0x0011, f"OF {SECRET}", create=True).add_new(1, "LO", SECRET)
    photo.BodyPartExamined = f"eye of {SECRET}"
    photo.ICCProfile = SECRET.encode() + b"\0"
    photo.file_meta.SourceApplicationEntityTitle = SECRET
    photo.PatientID = SECRET
    photo.preamble = SECRET.encode().ljust(128, b"\0")
    return photo


def secrets_in(content: bytes) -> list[str]:
    return [one for one in (SECRET, DAY, OTHER_DAY, "1.2.777.1") if one.encode() in content]


@pytest.fixture
def named(tmp_path):
    """A DICOM photograph that names its patient wherever it can, in its JPEG too."""
    pixels = pydicom.dcmread(write_photo(tmp_path / "plain.dcm", _photo())).pixel_array
    photo = ophthalmic_photo(pixels, jpeg=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is planted breaks the standard here and there
        planted(photo)
        stream = BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=95, comment=SECRET)
        photo.PixelData = encapsulate([stream.getvalue()])
        photo["PixelData"].is_undefined_length = True
        photo.save_as(tmp_path / f"{SECRET}.dcm", enforce_file_format=True)
    (tmp_path / "plain.dcm").unlink()
    assert len(secrets_in((tmp_path / f"{SECRET}.dcm").read_bytes())) == 4
    return tmp_path / f"{SECRET}.dcm"


def _photo() -> np.ndarray:
    from eyeground.datasets.synthetic import render

    return render("diabetic_retinopathy", grade=3, height=384, seed=3).pixels


def test_nothing_that_was_planted_is_left_in_the_photograph(named, tmp_path) -> None:
    photo, source = deidentified(named, KEYS)
    photo.save_as(tmp_path / "photo.dcm", enforce_file_format=True)
    assert secrets_in((tmp_path / "photo.dcm").read_bytes()) == []
    assert photo.PatientID == source.header.PatientID == KEYS.patient(SECRET)
    assert (photo.PatientIdentityRemoved, source.eye) == ("YES", "right")
    assert photo.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


def test_the_photograph_stays_one_and_keeps_its_pixels_and_camera(tmp_path, errors_in) -> None:
    path = write_photo(tmp_path / "a.dcm", _photo())
    before = pydicom.dcmread(path)
    photo, _ = deidentified(path, KEYS)
    photo.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    assert errors_in(tmp_path / "b.dcm") == []
    assert np.array_equal(pydicom.dcmread(tmp_path / "b.dcm").pixel_array, before.pixel_array)
    assert (photo.Manufacturer, photo.ManufacturerModelName) == (before.Manufacturer, before.ManufacturerModelName)
    assert photo.AcquisitionDeviceTypeCodeSequence == before.AcquisitionDeviceTypeCodeSequence
    assert all(photo[uid].value != before[uid].value for uid in UIDS)
    assert photo.SOPClassUID == before.SOPClassUID


def test_one_key_gives_one_patient_and_study_one_pseudonym_and_another_key_others(tmp_path) -> None:
    path = write_photo(tmp_path / "a.dcm", _photo())
    (first, _), (again, _), (other, _) = (
        deidentified(path, keys) for keys in (KEYS, KEYS, Pseudonyms(b"another key of 32 bytes".ljust(32)))
    )
    for keyword in ("PatientID", *UIDS):
        assert first[keyword].value == again[keyword].value != other[keyword].value


def test_text_that_is_burned_into_the_pixels_is_told(tmp_path) -> None:
    with pytest.raises(RefusedError):
        deidentified(write_photo(tmp_path / "yes.dcm", _photo(), BurnedInAnnotation="YES"), KEYS)
    silent, _ = deidentified(write_photo(tmp_path / "silent.dcm", _photo(), BurnedInAnnotation=None), KEYS)
    clean, _ = deidentified(write_photo(tmp_path / "no.dcm", _photo()), KEYS)
    assert says_nothing_of_text(silent) and not says_nothing_of_text(clean)


def test_the_command_writes_nothing_of_the_patient(named, photos, tmp_path, errors_in, capsys) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    named.rename(folder / named.name)
    (folder / "damaged.dcm").write_bytes(photos["unreadable"].read_bytes())
    write_photo(folder / "burned.dcm", _photo(), BurnedInAnnotation="YES")
    key = tmp_path / "study.key"
    wanted = ["--dicom-out", str(tmp_path / "dicom"), "--fhir-out", str(tmp_path / "fhir"), "--deidentify", str(key)]
    command = [
        "screen",
        str(folder),
        "-o",
        str(tmp_path / "out"),
        "--bundle",
        MODEL,
        "--no-report",
        "--jobs",
        "1",
        *wanted,
    ]
    assert main(command) == 0
    assert "burned" in capsys.readouterr().out
    (place,) = (one for one in (tmp_path / "dicom").iterdir() if one.is_dir())
    made = {path.stem: path for path in place.iterdir()}
    assert made.keys() == {"photo", "report", "evidence", "page"}
    photo = pydicom.dcmread(made["photo"])
    for path in [*made.values(), *(tmp_path / "fhir").iterdir()]:
        content = path.read_bytes()
        assert secrets_in(content) == [] and SECRET not in str(path)
        assert not any(text.encode() in content for text in (*PATIENT.values(), "20260102") if len(text) > 2)
    for path in made.values():
        one = pydicom.dcmread(path)
        assert (one.StudyInstanceUID, one.PatientID) == (photo.StudyInstanceUID, photo.PatientID)
        assert one.PatientIdentityRemoved == "YES"
        if path.stem != "photo":  # what was planted in the photograph breaks the standard
            assert errors_in(path) == []
    report = pydicom.dcmread(made["report"])
    referred = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert referred.ReferencedSOPInstanceUID == photo.SOPInstanceUID
    bundles = [json.loads(path.read_text()) for path in (tmp_path / "fhir").iterdir()]
    assert any(photo.PatientID in json.dumps(bundle) for bundle in bundles)
    assert main(command) == 0, "it goes on"
    assert "burned" in capsys.readouterr().out


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path) -> None:
    first = pseudonyms_of(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert pseudonyms_of(tmp_path / "key") == first != pseudonyms_of(tmp_path / "another")
    assert first.patient("") == "" and repr(first) == "Pseudonyms()"
    (tmp_path / "list.csv").write_text("photo,patient\n")
    for wrong in ("list.csv", "missing/key"):
        with pytest.raises(UserError):
            pseudonyms_of(tmp_path / wrong)
