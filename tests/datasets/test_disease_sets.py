"""JSIEC, RFMiD, PAPILA, REFUGE: headings, codes and spreadsheets become labels, and what is not stated stays unknown."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from eyeground.datasets import DATASETS
from eyeground.datasets.findings import vocabulary
from eyeground.errors import UserError


@pytest.mark.parametrize("root", ["", "1000images/"])
def test_jsiec_states_the_heading_and_nothing_else(put: Callable[..., Path], root: str) -> None:
    folder = put(
        *(
            f"{root}{name}/1.jpg"
            for name in ("0.0.Normal", "7.ERM", "10.0.Possible glaucoma", "29.0.Blur fundus without PDR")
        )
    )
    reading = DATASETS["jsiec"].read(folder)
    table = reading.table.set_index("heading")
    diseases = [label for label in reading.labels if label != "heading"]
    assert (table.loc["0.0.Normal", diseases] == 0).all()
    assert table.loc["7.ERM", diseases].dropna().to_dict() == {"abnormal": 1, "epiretinal_membrane": 1}
    assert table.loc["10.0.Possible glaucoma", diseases].dropna().to_dict() == {"abnormal": 1, "glaucoma_suspect": 1}
    assert table.loc["29.0.Blur fundus without PDR", diseases].isna().all()
    assert reading.patients == 4
    assert "35 of the 39 headings are not there" in reading.remarks


def test_jsiec_refuses_a_heading_that_is_not_published(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"'7\.EMR' \(did you mean '7\.erm'\?\) not in the vocabulary of jsiec"):
        DATASETS["jsiec"].read(put("0.0.Normal/1.jpg", "7.EMR/1.jpg"))


def test_jsiec_has_a_row_for_each_of_the_39_headings() -> None:
    assert len(vocabulary("jsiec").words) == 39


CODES = list(vocabulary("rfmid").names)
RFMID_PLACES = {
    "dataport": (
        ("Training_Set/RFMiD_Training_Labels.csv", "Training_Set/Training"),
        ("Evaluation_Set/RFMiD_Validation_Labels.csv", "Evaluation_Set/Validation"),
        ("Test_Set/RFMiD_Testing_Labels.csv", "Test_Set/Test"),
    ),
    "kaggle": (
        ("Training_Set/Training_Set/RFMiD_Training_Labels.csv", "Training_Set/Training_Set/Training"),
        ("Evaluation_Set/Evaluation_Set/RFMiD_Validation_Labels.csv", "Evaluation_Set/Evaluation_Set/Validation"),
        ("Test_Set/Test_Set/RFMiD_Testing_Labels.csv", "Test_Set/Test_Set/Test"),
    ),
    "challenge": (
        (
            "A. RFMiD_All_Classes_Dataset/2. Groundtruths/a. RFMiD_Training_Labels.csv",
            "A. RFMiD_All_Classes_Dataset/1. Original Images/a. Training Set",
        ),
        (
            "A. RFMiD_All_Classes_Dataset/2. Groundtruths/b. RFMiD_Validation_Labels.csv",
            "A. RFMiD_All_Classes_Dataset/1. Original Images/b. Validation Set",
        ),
        (
            "A. RFMiD_All_Classes_Dataset/2. Groundtruths/c. RFMiD_Testing_Labels.csv",
            "A. RFMiD_All_Classes_Dataset/1. Original Images/c. Testing Set",
        ),
    ),
}


def _rfmid(*marked: str) -> str:
    header = ",".join(["ID", "Disease_Risk", *CODES])
    rows = []
    for index, codes in enumerate(marked, start=1):
        found = codes.split()
        rows.append(",".join([str(index), str(int(bool(found))), *("1" if code in found else "0" for code in CODES)]))
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize("places", RFMID_PLACES.values(), ids=RFMID_PLACES)
def test_rfmid_reads_each_archive_alike(put: Callable[..., Path], places: tuple[tuple[str, str], ...]) -> None:
    contents = (_rfmid("", "DR LS", "ODC"), _rfmid("BRVO"), _rfmid("LS"))
    tables = [(table, content) for (table, _), content in zip(places, contents, strict=True)]
    photos = [f"{folder}/{index}.png" for _, folder in places for index in (1, 2, 3)]
    table = DATASETS["rfmid"].read(put(*tables, *photos)).table
    assert list(table["split"]) == ["train", "train", "train", "validation", "test"]
    assert list(table["abnormal"]) == [0, 1, 1, 1, 1]
    assert table["patient"].is_unique
    assert table["diabetic_retinopathy"].tolist()[:4] == [0, 1, 0, 0]
    assert pd.isna(table["diabetic_retinopathy"][4])
    assert list(table["glaucoma_suspect"]) == [0, 0, 1, 0, 0]
    assert list(table["retinal_vein_occlusion"]) == [0, 0, 0, 1, 0]
    assert list(table["laser_scars"]) == [0, 1, 0, 0, 1]


def test_rfmid_names_each_of_its_45_codes_once() -> None:
    names = vocabulary("rfmid").names
    assert len(names) == len(set(names.values())) == 45


def test_a_spreadsheet_without_openpyxl_asks_for_it(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    folder = put("FundusImages/RET002OD.jpg", "ClinicalData/patient_data_od.xlsx", "ClinicalData/patient_data_os.xlsx")
    with pytest.raises(UserError, match="needs openpyxl; run `pip install openpyxl`"):
        DATASETS["papila"].read(folder)


def test_a_broken_spreadsheet_is_a_user_error(put: Callable[..., Path]) -> None:
    pytest.importorskip("openpyxl", reason="openpyxl is not installed: reading Excel files is not tested")
    folder = put("FundusImages/RET002OD.jpg", *(f"ClinicalData/patient_data_{eye}.xlsx" for eye in ("od", "os")))
    with pytest.raises(UserError, match=r"patient_data_od\.xlsx: cannot be read as an Excel file"):
        DATASETS["papila"].read(folder)


def _sheet(path: Path, rows: list[list[object]]) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed: reading Excel files is not tested")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _papila(folder: Path, diagnoses: dict[str, list[object]]) -> None:
    for eye, values in diagnoses.items():
        rows: list[list[object]] = [
            [None, "Age", "Gender", "Diagnosis", "Refractive_Error", None],
            [None, None, None, None, "dioptre_1", "dioptre_2"],
            ["ID", None, None, None, None, None],
        ]
        rows += [
            [f"#{number:03d}", 60 + number, number % 2, value, -1.5, 0] for number, value in enumerate(values, start=1)
        ]
        _sheet(folder / "ClinicalData" / f"patient_data_{eye}.xlsx", rows)


def test_papila_keeps_suspects_apart_from_glaucoma(put: Callable[..., Path]) -> None:
    folder = put(*(f"FundusImages/RET00{number}{eye}.jpg" for number in (1, 2, 3) for eye in ("OD", "OS")))
    _papila(folder, {"od": [0, 1, 2], "os": [0, 2, 1]})
    reading = DATASETS["papila"].read(folder)
    table = reading.table
    assert reading.patients == 3 and len(reading) == 6
    right = table[table["eye"] == "right"].reset_index(drop=True)
    assert list(right["abnormal"]) == [0, 1, 1]
    assert right["glaucoma"].tolist()[:2] == [0, 1] and pd.isna(right["glaucoma"][2])
    assert list(right["glaucoma_suspect"].isna()) == [False, True, False]
    assert list(right["sex"]) == ["female", "male", "female"]
    assert list(right["age"]) == [61, 62, 63]


def test_papila_names_the_sheet_row_of_a_wrong_diagnosis(put: Callable[..., Path]) -> None:
    folder = put("FundusImages/RET001OD.jpg")
    _papila(folder, {"od": [0, 9], "os": [0, 1]})
    with pytest.raises(UserError, match=r"patient_data_od\.xlsx, row 5: 'Diagnosis' is '9'"):
        DATASETS["papila"].read(folder)


def test_refuge_reads_its_training_part_alone_and_says_what_is_left_out(put: Callable[..., Path]) -> None:
    reading = DATASETS["refuge"].read(put("Training400/Glaucoma/g0001.jpg", "Training400/Non-Glaucoma/n0001.jpg"))
    assert list(reading.table["glaucoma"]) == [1, 0]
    assert reading.table["abnormal"].isna().tolist() == [False, True]
    assert sum("part is left out" in remark for remark in reading.remarks) == 2


def test_refuge_labels_later_parts_by_their_spreadsheets(put: Callable[..., Path]) -> None:
    folder = put(
        "Training400/Glaucoma/g0001.jpg",
        "Training400/Non-Glaucoma/n0001.jpg",
        "REFUGE-Validation400/V0001.jpg",
        "REFUGE-Validation400/V0002.jpg",
        "REFUGE-Test400/T0001.jpg",
    )
    _sheet(
        folder / "REFUGE-Validation400-GT" / "Fovea_locations.xlsx",
        [
            ["ID", "ImgName", "Fovea_X", "Fovea_Y", "Glaucoma Label"],
            [1, "V0001.jpg", 1.5, 2.5, 1],
            [2, "V0002.jpg", 1, 2, 0],
        ],
    )
    _sheet(
        folder / "REFUGE-Test-GT" / "Glaucoma_label_and_Fovea_location.xlsx",
        [["ID", "ImgName", "Label(Glaucoma=1)", "Fovea_X", "Fovea_Y"], [1, "T0001.jpg", 0, 1, 2]],
    )
    table = DATASETS["refuge"].read(folder).table
    assert list(table["split"]) == ["train", "train", "validation", "validation", "test"]
    assert list(table["glaucoma"]) == [1, 0, 1, 0, 0]
    assert table["device"].nunique() == 2


def test_refuge_outlines_are_two_choices_of_one_picture(put: Callable[..., Path]) -> None:
    outline = "Annotation-Training400/Disc_Cup_Masks/Glaucoma/g0001.bmp"
    folder = put("Training400/Glaucoma/g0001.jpg", "Training400/Non-Glaucoma/n0001.jpg", outline)
    table = DATASETS["refuge"].read(folder).table.set_index("photo")
    assert table.loc["Training400/Glaucoma/g0001.jpg", "mask_optic_disc"] == f"{outline}#0-128"
    assert table.loc["Training400/Glaucoma/g0001.jpg", "mask_optic_cup"] == f"{outline}#0"
    assert table["mask_optic_disc"].isna().tolist() == [False, True]
