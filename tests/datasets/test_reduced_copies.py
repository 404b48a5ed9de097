"""UNAM, HEI-MED, Drishti-GS1, DIARETDB1 and IDRiD's foveas: what the tables of our reduced copies state, and no more."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from eyeground.datasets import DATASETS
from eyeground.errors import UserError

UNAM = "photo,patient,eye,DME,DR\n"
HEI_MED = "photo,patient,healthy,exudate,sex,race,diabetes,disc_x,disc_y,lesions\n"
DRISHTI = "photo,split,diagnosis,width,height,cdr_expert_1,cdr_expert_2,cdr_expert_3,cdr_expert_4\n"
BOXES = "photo,what,x,y,width,height\n"


def _unam(put: Callable[..., Path], *grades: str) -> Path:
    names = [f"EYE FUNDUS/12_{'OD' if row % 2 == 0 else 'OI'}_f_{row}.jpg" for row in range(len(grades))]
    eyes = ["right" if row % 2 == 0 else "left" for row in range(len(grades))]
    rows = "".join(f"{name},12,{eye},{grade}\n" for name, eye, grade in zip(names, eyes, grades, strict=True))
    return put(("unam.csv", UNAM + rows), *names)


def test_unam_leaves_the_grade_of_npdr_open_but_not_that_there_is_retinopathy(put: Callable[..., Path]) -> None:
    reading = DATASETS["unam"].read(_unam(put, "0,0", "0,NPDR", "1,PDR", "1,0", "0,", ",0", ",NPDR"))
    table = reading.table
    assert table["diabetic_retinopathy"].tolist() == [0, 1, 1, 0, pd.NA, 0, 1]
    assert table["diabetic_retinopathy_grade"].tolist() == [0, pd.NA, 4, 0, pd.NA, 0, pd.NA]
    assert table["macular_oedema"].tolist() == [0, 0, 1, 1, 0, pd.NA, pd.NA]
    # Either sign makes an eye abnormal; an eye of which one is unknown is not normal.
    assert table["abnormal"].tolist() == [0, 1, 1, 1, pd.NA, pd.NA, 1]
    assert table["eye"].tolist()[:2] == ["right", "left"] and reading.patients == 1


@pytest.mark.parametrize("grade", ["0,npdr", "2,0", "0,1", "0,severe"])
def test_unam_refuses_a_grade_that_it_does_not_know_by_its_row(put: Callable[..., Path], grade: str) -> None:
    with pytest.raises(UserError, match=r"unam\.csv, row 3: 'D(R|ME)' is "):
        DATASETS["unam"].read(_unam(put, "0,0", grade))


def test_hei_med_calls_no_eye_normal_in_which_a_lesion_was_named(put: Callable[..., Path]) -> None:
    lesions = {
        "Exudate;Other Bright Lesion": (0, 1),
        "": (1, 0),
        "Other Bright Lesion": (1, 0),
        "Cotton Wool Spot": (1, 0),
        "Artifact": (1, 0),
        "MicroAneurysm": (0, 0),
    }
    rows = "".join(
        f"{number:03}.jpg,{number:03},{healthy},{exudate},{sex},{race},type ii,10.5,20,{named}\n"
        for number, (named, (healthy, exudate), sex, race) in enumerate(
            zip(lesions, lesions.values(), "FMOFMF", ["african", "unknown", "", *["caucasian"] * 3], strict=True)
        )
    )
    folder = put(("hei_med.csv", HEI_MED + rows), *(f"{number:03}.jpg" for number in range(6)), "000_exudate.png")
    reading = DATASETS["hei_med"].read(folder)
    table = reading.table
    assert table["abnormal"].tolist() == [1, 0, pd.NA, 1, pd.NA, 1]
    assert table["healthy"].tolist() == [0, 1, 1, 1, 1, 0]
    assert table["sex"].tolist()[:3] == ["female", "male", pd.NA]
    assert table["race"].tolist()[:3] == ["african", pd.NA, pd.NA]
    # Where no exudate was seen the masks are empty, not unknown; of which kind one is, nobody said.
    assert table["mask_exudate"].tolist()[:2] == ["000_exudate.png", "#empty"]
    assert table["mask_hard_exudate"].tolist()[:2] == [pd.NA, "#empty"]
    assert "2 eyes" in " ".join(reading.remarks)
    assert table["note_disc_x"][0] == "10.5"


def test_hei_med_refuses_a_sex_of_which_it_does_not_know_the_meaning(put: Callable[..., Path]) -> None:
    row = "001.jpg,001,1,0,female,african,type ii,1,1,\n"
    with pytest.raises(UserError, match=r"row 2: 'sex' is 'female'"):
        DATASETS["hei_med"].read(put(("hei_med.csv", HEI_MED + row), "001.jpg"))


def test_drishti_keeps_its_halves_its_soft_masks_and_what_each_expert_measured(put: Callable[..., Path]) -> None:
    rows = "test/drishtiGS_001.jpg,test,glaucoma,1,1,0.85,0.82,0.8,0.82\ntrain/drishtiGS_002.jpg,train,normal,1,1,0.5,0.4,0.3,\n"
    pictures = ["test/drishtiGS_001.jpg", "train/drishtiGS_002.jpg", "test/drishtiGS_001_disc.png"]
    table = DATASETS["drishti_gs"].read(put(("drishti_gs.csv", DRISHTI + rows), *pictures)).table
    assert table["split"].tolist() == ["test", "train"]
    assert table["glaucoma"].tolist() == table["abnormal"].tolist() == [1, 0]
    assert table["mask_optic_disc"].tolist() == ["test/drishtiGS_001_disc.png#share", pd.NA]
    assert table["mask_optic_cup"].isna().all()
    assert table["note_cdr_expert_4"].tolist() == ["0.82", pd.NA]
    assert table["patient"].tolist() == ["drishti_gs-001", "drishti_gs-002"]


def test_drishti_refuses_an_undecided_diagnosis(put: Callable[..., Path]) -> None:
    row = "test/drishtiGS_001.jpg,test,glaucomatous,1,1,0.8,0.8,0.8,0.8\n"
    with pytest.raises(UserError, match=r"'diagnosis' is 'glaucomatous' \(did you mean 'glaucoma'\?\)"):
        DATASETS["drishti_gs"].read(put(("drishti_gs.csv", DRISHTI + row), "test/drishtiGS_001.jpg"))


def test_diaretdb1_takes_no_box_for_no_answer(put: Callable[..., Path]) -> None:
    rows = "1.jpg,optic_disc,0.8,0.5,0.1,0.2\n1.jpg,hard_exudate,0.4,0.4,0.1,0.1\n1.jpg,hard_exudate,0.6,0.6,0.1,0.1\n2.jpg,optic_disc,0.2,0.5,0.1,0.2\n"
    table = DATASETS["diaretdb1"].read(put(("boxes.csv", BOXES + rows), "1.jpg", "2.jpg", "3.jpg")).table
    assert table["hard_exudate"].tolist() == table["abnormal"].tolist() == [1, pd.NA, pd.NA]
    assert table["haemorrhage_or_microaneurysm"].isna().all()
    assert table["note_boxes_hard_exudate"].tolist() == ["0.4 0.4 0.1 0.1; 0.6 0.6 0.1 0.1", pd.NA, pd.NA]
    assert table["note_boxes_optic_disc"].tolist()[1] == "0.2 0.5 0.1 0.2"
    assert table["mask_boxed_hard_exudate"].tolist() == ["#boxes 0.4 0.4 0.1 0.1; 0.6 0.6 0.1 0.1", pd.NA, pd.NA]
    assert table["mask_boxed_haemorrhage_or_microaneurysm"].isna().all()
    assert table["mask_optic_disc"].tolist() == ["#ellipse 0.8 0.5 0.1 0.2", "#ellipse 0.2 0.5 0.1 0.2", pd.NA]


IDRID_TABLES = {
    "train": ("a. Training Set", "a. IDRiD_Disease Grading_Training Labels.csv"),
    "test": ("b. Testing Set", "b. IDRiD_Disease Grading_Testing Labels.csv"),
}


@pytest.mark.parametrize("with_foveas", [True, False])
def test_idrid_foveas_are_shares_of_the_photo_whatever_its_size(put: Callable[..., Path], with_foveas: bool) -> None:
    entries: list[str | tuple[str, str]] = []
    for photos, table in IDRID_TABLES.values():
        labels = "Image name,Retinopathy grade,Risk of macular edema \nIDRiD_001,0,0\n"
        entries.append((f"B. Disease Grading/2. Groundtruths/{table}", labels))
        entries.append(f"B. Disease Grading/1. Original Images/{photos}/IDRiD_001.jpg")
    if with_foveas:
        table = "split,photo,fovea_x,fovea_y,disc_x,disc_y,disc_width,disc_height\ntest,IDRiD_001,1072,1424,2144,1424,536,712\n"
        entries.append(("fovea_disc.csv", table))
    table = DATASETS["idrid"].read(put(*entries)).table
    assert table["split"].tolist() == ["train", "test"]
    assert ("note_fovea_x" in table) == with_foveas
    if with_foveas:
        # The two parts number their photographs apart: the training photo of the same name has no fovea here.
        assert table["note_fovea_x"].tolist() == [pd.NA, "0.25"]
        assert table["note_fovea_y"].tolist() == [pd.NA, "0.5"]
        assert table["mask_fovea"].tolist() == [pd.NA, "#point 0.25 0.5"]
        assert table["mask_optic_disc"].tolist() == [pd.NA, "#ellipse 0.5 0.5 0.125 0.25"]
