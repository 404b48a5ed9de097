"""ODIR-5K, IDRiD, APTOS 2019, EyePACS, Messidor-2: labels, eyes, patients and splits from the published tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from eyeground.datasets import DATASETS
from eyeground.datasets.odir5k import keywords_of
from eyeground.errors import UserError

ODIR_HEADER = (
    "ID,Patient Age,Patient Sex,Left-Fundus,Right-Fundus,Left-Diagnostic Keywords,Right-Diagnostic Keywords,"
    "N,D,G,C,A,H,M,O,filepath,labels,target,filename\n"
)


def _odir_row(patient: int, left: str, right: str, side: str, letter: str, age: int = 60) -> str:
    names = f"{patient}_left.jpg,{patient}_right.jpg"
    return (
        f'{patient},{age},Female,{names},"{left}","{right}",0,0,0,1,0,0,0,0,../x.jpg,'
        f'"[\'{letter}\']","[0]",{patient}_{side}.jpg\n'
    )


def _odir(put: Callable[..., Path], *rows: str) -> Path:
    names = [row.rsplit(",", 1)[1].strip() for row in rows]
    return put(("full_df.csv", ODIR_HEADER + "".join(rows)), *(f"preprocessed_images/{name}" for name in names))


def test_odir_labels_an_eye_by_its_own_keywords_and_not_by_the_patient(put: Callable[..., Path]) -> None:
    folder = _odir(
        put,
        _odir_row(0, "cataract", "normal fundus", "right", "N"),
        _odir_row(0, "cataract", "normal fundus", "left", "C"),
    )
    reading = DATASETS["odir5k"].read(folder)
    assert list(reading.table["cataract"]) == [0, 1]
    assert list(reading.table["abnormal"]) == [0, 1]
    assert list(reading.table["normal"]) == [1, 0]
    assert list(reading.table["eye"]) == ["right", "left"]
    assert reading.patients == 1


def test_odir_reads_every_keyword_where_the_published_label_has_the_first(put: Callable[..., Path]) -> None:
    words = "glaucoma，severe nonproliferative retinopathy, lens dust"
    table = DATASETS["odir5k"].read(_odir(put, _odir_row(7, words, "drusen", "left", "G"))).table
    assert table["glaucoma"][0] == 1
    assert table["diabetic_retinopathy_grade"][0] == 3
    assert table["note_keywords"][0] == words


def test_odir_counts_disagreement_with_the_published_label(put: Callable[..., Path]) -> None:
    folder = _odir(
        put,
        _odir_row(1, "normal fundus", "cataract", "left", "C"),
        _odir_row(1, "normal fundus", "cataract", "right", "C"),
        _odir_row(2, "cataract", "drusen", "left", "N"),
    )
    remarks = " ".join(DATASETS["odir5k"].read(folder).remarks)
    assert "2 of 3 eyes differ" in remarks
    assert "2 of 3 eyes have a letter" in remarks


def test_odir_leaves_an_eye_unknown_that_could_not_be_judged(put: Callable[..., Path]) -> None:
    reading = DATASETS["odir5k"].read(_odir(put, _odir_row(3, "anterior segment image", "cataract", "left", "O")))
    assert reading.table[list(reading.labels)].isna().all(axis=None)


def test_odir_refuses_a_keyword_without_a_row(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"'glaucomatous cupping'.* not in the vocabulary of odir5k"):
        DATASETS["odir5k"].read(_odir(put, _odir_row(3, "glaucomatous cupping", "cataract", "left", "G")))


def test_odir_does_not_take_age_one_for_an_age(put: Callable[..., Path]) -> None:
    folder = _odir(
        put, _odir_row(3, "drusen", "drusen", "left", "O", age=1), _odir_row(4, "drusen", "drusen", "left", "O")
    )
    assert DATASETS["odir5k"].read(folder).table["age"].tolist()[1] == 60
    assert DATASETS["odir5k"].read(folder).table["age"].isna().tolist() == [True, False]


@pytest.mark.parametrize("text", ["a，b", "a,b", "a， b，", " a , b"])
def test_odir_keywords_split_at_both_commas(text: str) -> None:
    assert keywords_of(text) == ("a", "b")


IDRID = "B. Disease Grading"


def _idrid(put: Callable[..., Path], train: str, test: str) -> Path:
    return put(
        (
            f"{IDRID}/2. Groundtruths/a. IDRiD_Disease Grading_Training Labels.csv",
            "Image name,Retinopathy grade,Risk of macular edema ,,,\n" + train,
        ),
        (
            f"{IDRID}/2. Groundtruths/b. IDRiD_Disease Grading_Testing Labels.csv",
            "Image name,Retinopathy grade,Risk of macular edema \n" + test,
        ),
        f"{IDRID}/1. Original Images/a. Training Set/IDRiD_001.jpg",
        f"{IDRID}/1. Original Images/a. Training Set/IDRiD_002.jpg",
        f"{IDRID}/1. Original Images/b. Testing Set/IDRiD_001.jpg",
    )


def test_idrid_keeps_the_same_number_of_two_sets_apart(put: Callable[..., Path]) -> None:
    reading = DATASETS["idrid"].read(_idrid(put, "IDRiD_001,0,0,,,\nIDRiD_002,0,1,,,\n", "IDRiD_001,4,0\n"))
    assert list(reading.table["split"]) == ["train", "train", "test"]
    assert reading.table["patient"].is_unique and reading.table["photo"].is_unique
    assert list(reading.table["abnormal"]) == [0, 1, 1]
    assert list(reading.table["diabetic_retinopathy"]) == [0, 0, 1]
    assert list(reading.table["macular_oedema_risk"]) == [0, 1, 0]


def test_idrid_photos_that_were_published_twice_are_one_patient_and_never_on_both_sides(
    put: Callable[..., Path],
) -> None:
    folder = _idrid(put, "IDRiD_021,1,0,,,\nIDRiD_391,2,0,,,\nIDRiD_118,0,0,,,\nIDRiD_005,0,0,,,\n", "IDRiD_064,3,0\n")
    put(*(f"{IDRID}/1. Original Images/a. Training Set/IDRiD_{number}.jpg" for number in ("021", "391", "118", "005")))
    put(f"{IDRID}/1. Original Images/b. Testing Set/IDRiD_064.jpg")
    reading = DATASETS["idrid"].read(folder)
    table = reading.table
    assert table["patient"].str.removeprefix("idrid-").tolist() == [
        "train-021", "train-021", "test-064", "train-005", "test-064"
    ]  # fmt: skip
    assert table["diabetic_retinopathy_grade"].tolist() == [1, 2, 0, 0, 3]  # as published
    assert table["split"].fillna("").tolist() == ["train", "train", "", "train", "test"]
    (copies,) = [remark for remark in reading.remarks if "distinct" in remark and "2 photos" in remark]
    assert all(name in copies for name in ("021", "391", "118", "064", "grades 3 and 0", "grades 1 and 2", "3 photos"))
    assert any("train-118 is left in no split" in remark for remark in reading.remarks)


def test_idrid_names_the_row_of_a_wrong_grade(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"Testing Labels\.csv, row 2: 'Retinopathy grade' is '7'"):
        DATASETS["idrid"].read(_idrid(put, "IDRiD_001,0,0,,,\n", "IDRiD_001,7,0\n"))


def test_idrid_segmentation_says_that_a_lesion_is_not_there_where_others_have_files_of_it(
    put: Callable[..., Path],
) -> None:
    part = "A. Segmentation"
    truths = f"{part}/2. All Segmentation Groundtruths/a. Training Set"
    folder = put(
        f"{part}/1. Original Images/a. Training Set/IDRiD_01.jpg",
        f"{part}/1. Original Images/b. Testing Set/IDRiD_55.jpg",
        f"{truths}/1. Microaneurysms/IDRiD_01_MA.tif",
        f"{truths}/5. Optic Disc/IDRiD_01_OD.tif",
        f"{part}/2. All Segmentation Groundtruths/b. Testing Set/1. Microaneurysms/IDRiD_81_MA.tif",
    )
    reading = DATASETS["idrid-segmentation"].read(folder)
    assert reading.labels == ()
    # A lesion whose folder is there was looked for in every photo; one without a folder is unknown.
    assert reading.table["mask_microaneurysm"].tolist() == [f"{truths}/1. Microaneurysms/IDRiD_01_MA.tif", "#empty"]
    assert reading.table["mask_soft_exudate"].isna().all()
    assert reading.table["mask_optic_disc"].notna().tolist() == [True, False]


def test_aptos_grade_zero_does_not_make_an_eye_normal(put: Callable[..., Path]) -> None:
    folder = put(
        ("train.csv", "id_code,diagnosis\n000c1434d8d7,2\n001639a390f0,0\n"),
        "train_images/000c1434d8d7.png",
        "train_images/001639a390f0.png",
    )
    table = DATASETS["aptos2019"].read(folder).table
    assert list(table["diabetic_retinopathy_grade"]) == [2, 0]
    assert list(table["diabetic_retinopathy"]) == [1, 0]
    assert table["abnormal"].isna().tolist() == [False, True]


def test_eyepacs_gives_both_eyes_to_one_patient_and_reads_either_half(put: Callable[..., Path]) -> None:
    folder = put(
        ("trainLabels.csv", "image,level\n10_left,0\n10_right,4\n13_left,1\n"),
        "train/10_left.jpeg",
        "train/10_right.jpeg",
    )
    reading = DATASETS["eyepacs"].read(folder)
    assert reading.patients == 1 and list(reading.table["eye"]) == ["left", "right"]
    assert reading.absent_photos == ("train/13_left.jpeg",)
    assert any("retinopathy_solution.csv" in remark for remark in reading.remarks)
    put(("retinopathy_solution.csv", "image,level,Usage\n1_left,2,Private\n"), "test/1_left.jpeg")
    assert list(DATASETS["eyepacs"].read(folder).table["split"]) == ["train", "train", "test"]


def test_messidor2_pairs_eyes_and_ignores_the_case_of_file_endings(put: Callable[..., Path]) -> None:
    folder = put(
        (
            "messidor_data.csv",
            "image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable\n"
            "20051020_43808_0100_PP.png,0,0,1\nIM000001.jpg,3,1,1\nIM000002.jpg,,,0\n",
        ),
        ("messidor-2.csv", "left;right\nIM000001.JPG;IM000002.JPG\n"),
        "IMAGES/20051020_43808_0100_PP.png",
        "IMAGES/IM000001.JPG",
        "IMAGES/IM000002.JPG",
    )
    reading = DATASETS["messidor2"].read(folder)
    table = reading.table.set_index("photo")
    assert table.loc["IMAGES/IM000001.JPG", "patient"] == table.loc["IMAGES/IM000002.JPG", "patient"]
    assert table.loc["IMAGES/IM000001.JPG", "eye"] == "left" and table.loc["IMAGES/IM000002.JPG", "eye"] == "right"
    assert table.loc["IMAGES/IM000001.JPG", ["abnormal", "diabetic_retinopathy_grade"]].tolist() == [1, 3]
    labels = ["abnormal", "diabetic_retinopathy", "diabetic_retinopathy_grade", "macular_oedema_referable"]
    assert table.loc["IMAGES/IM000002.JPG", labels].isna().all()
    assert table.loc["IMAGES/IM000002.JPG", "gradable"] == 0
    assert any(remark.startswith("WARNING: 1 photos have no entry") for remark in reading.remarks)
