"""DRIVE, CHASE_DB1, STARE, HRF, FIVES: photographs and masks find each other by name."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from eyeground.datasets import DATASETS
from eyeground.errors import UserError


def test_drive_reads_either_name_of_its_test_half(put: Callable[..., Path]) -> None:
    folder = put(
        "training/images/21_training.tif",
        "training/1st_manual/21_manual1.gif",
        "training/mask/21_training_mask.gif",
        "test/images/01_test.tif",
        "test/mask/01_test_mask.gif",
    )
    table = DATASETS["drive"].read(folder).table
    assert list(table["split"]) == ["train", "test"]
    assert table["mask_vessel"].tolist()[0] == "training/1st_manual/21_manual1.gif"
    assert table["mask_vessel"].isna().tolist() == [False, True]
    assert table["mask_field_of_view"].tolist()[1] == "test/mask/01_test_mask.gif"


def test_chase_gives_two_eyes_of_a_child_to_one_patient_and_no_mask_is_taken_for_a_photo(
    put: Callable[..., Path],
) -> None:
    folder = put(*(f"Image_03{eye}{end}" for eye in "LR" for end in (".jpg", "_1stHO.png", "_2ndHO.png")))
    reading = DATASETS["chasedb1"].read(folder)
    assert len(reading) == 2 and reading.patients == 1
    assert list(reading.table["eye"]) == ["left", "right"]
    assert list(reading.table["mask_vessel_second"]) == ["Image_03L_2ndHO.png", "Image_03R_2ndHO.png"]


def test_stare_reads_the_published_ppm(put: Callable[..., Path]) -> None:
    folder = put("stare-images/im0001.ppm", "labels-ah/im0001.ah.ppm", "labels-vk/im0001.vk.ppm")
    table = DATASETS["stare"].read(folder).table
    assert table["mask_vessel"][0] == "labels-ah/im0001.ah.ppm"
    assert table["mask_vessel_second"][0] == "labels-vk/im0001.vk.ppm"


def test_hrf_states_only_the_disease_of_the_group(put: Callable[..., Path]) -> None:
    folder = put("images/01_h.jpg", "images/01_dr.JPG", "images/01_g.jpg", "manual1/01_h.tif", "mask/01_h_mask.tif")
    table = DATASETS["hrf"].read(folder).table.set_index("photo")
    assert table.loc["images/01_h.jpg", ["abnormal", "diabetic_retinopathy", "glaucoma"]].tolist() == [0, 0, 0]
    assert table.loc["images/01_dr.JPG", "diabetic_retinopathy"] == 1
    assert pd.isna(table.loc["images/01_dr.JPG", "glaucoma"])
    assert pd.isna(table.loc["images/01_g.jpg", "diabetic_retinopathy"])
    assert table.loc["images/01_h.jpg", "mask_field_of_view"] == "mask/01_h_mask.tif"


def test_fives_reads_group_split_and_vessels(put: Callable[..., Path]) -> None:
    groups = {"1_A": "train", "2_D": "train", "1_G": "test", "1_N": "test"}
    folder = put(
        *(f"{half}/{kind}/{stem}.png" for stem, half in groups.items() for kind in ("Original", "Ground truth"))
    )
    table = DATASETS["fives"].read(folder).table
    assert list(table["split"]) == ["train", "train", "test", "test"]
    assert list(table["abnormal"]) == [1, 1, 1, 0]
    assert table["amd"].tolist()[0] == 1 and table["amd"].tolist()[3] == 0
    assert table["amd"].isna().tolist() == [False, True, True, False]
    assert table["mask_vessel"][2] == "test/Ground truth/1_G.png"
    assert table["patient"].is_unique


def test_drimdb_labels_quality_by_folder(put: Callable[..., Path]) -> None:
    folder = put("Good/drimdb_good (1).jpg", "Bad/drimdb_bad (1).jpg", "Outlier/drimdb_outlier (1).jpg")
    reading = DATASETS["drimdb"].read(folder)
    assert list(reading.table["quality"]) == ["good", "bad", "outlier"]
    assert reading.labels == ("quality",)


def test_arteries_and_veins_of_drive_are_two_choices_of_one_picture(put: Callable[..., Path]) -> None:
    folder = put("training/images/21_training.tif", "training/av/21_av.png", "test/images/01_test.tif")
    table = DATASETS["drive"].read(folder).table
    assert table["mask_artery"].tolist()[0] == "training/av/21_av.png#1,3"
    assert table["mask_vein"].tolist()[0] == "training/av/21_av.png#2,3"
    assert table["mask_vein"].isna().tolist() == [False, True]


@pytest.mark.parametrize("packed", ["stare-images/im0001.ppm.gz", "labels-ah/im0001.ah.ppm.gz"])
def test_stare_says_how_to_unpack_its_pictures(put: Callable[..., Path], packed: str) -> None:
    folder = put("stare-images/im0002.ppm", "labels-ah/im0002.ah.ppm", packed)
    with pytest.raises(UserError, match=f"gunzip {Path(packed).parent}"):
        DATASETS["stare"].read(folder)


def test_arteries_and_veins_of_hrf_keep_the_halves_of_their_masks(put: Callable[..., Path]) -> None:
    photos = ["images/01_h.jpg", "images/09_dr.JPG", "images/10_g.jpg", "manual1/01_h.tif"]
    folder = put(*photos, "av/training/01_h.png", "av/test/09_dr.png")
    table = DATASETS["hrf"].read(folder).table.set_index("photo")
    assert table.loc["images/01_h.jpg", "mask_artery"] == "av/training/01_h.png#1,3"
    assert table.loc["images/09_dr.JPG", "mask_vein"] == "av/test/09_dr.png#2,3"
    assert table["note_artery_vein_half"].tolist() == ["train", "test", pd.NA]
    assert table["mask_artery"].isna().tolist() == [False, False, True]
    assert "split" not in table


def test_the_halves_of_hrf_are_splits_where_arteries_and_veins_are_asked_for(put: Callable[..., Path]) -> None:
    photos = ["images/01_h.jpg", "images/09_dr.JPG", "images/10_g.jpg", "manual1/01_h.tif"]
    reading = DATASETS["hrf-artery-vein"].read(put(*photos, "av/training/01_h.png", "av/test/09_dr.png"))
    assert reading.table["split"].tolist() == ["train", "test"]
    assert reading.table["photo"].tolist() == ["images/01_h.jpg", "images/09_dr.JPG"]


def test_without_drawings_of_arteries_and_veins_hrf_has_no_halves(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="av/training"):
        DATASETS["hrf-artery-vein"].read(put("images/01_h.jpg", "manual1/01_h.tif"))
