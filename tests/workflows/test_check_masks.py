"""The check opens every mask and reports by column what is wrong with how many, and nothing of correct ones."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import Manifest, validated
from eyeground.datasets.synthetic import render_dataset
from eyeground.imaging.masks import with_mask_values
from eyeground.workflows.check import Checked, check_manifest


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("drawn")
    return render_dataset(folder, 4, side=128, faults=0, masks=True, prevalence={"diabetic_retinopathy": 0.0})


def checked(manifest: Manifest, cache: Path) -> Checked:
    return check_manifest(manifest, cache, 1, preprocessing=Preprocessing(side=96))


def problems(found: Checked) -> dict[tuple[str, str], int]:
    return found.masks.groupby(["column", "problem"]).size().to_dict()


def test_right_masks_have_no_problem_and_a_share(drawn: Manifest, tmp_path: Path) -> None:
    masks = checked(drawn, tmp_path).masks
    vessels = masks[masks["column"] == "mask_vessel"]
    assert len(vessels) == len(drawn) and vessels["problem"].isna().all()
    assert vessels["covered"].between(0.02, 0.4).all()


def test_each_mistake_is_counted_and_shown_once(drawn: Manifest, tmp_path: Path) -> None:
    folder = drawn.root
    table = drawn.table[["photo", "patient", "mask_vessel"]].copy()
    first, third, fourth = (np.asarray(Image.open(folder / table["mask_vessel"][row])) for row in (0, 2, 3))
    for name, picture in {
        "small.png": third[:50],
        "inverted.png": 255 - fourth,
        "labels.png": np.where(first > 0, 1 + np.arange(first.shape[1]) % 3, 0).astype(np.uint8),
        "empty.png": np.zeros_like(first),
    }.items():
        Image.fromarray(picture).save(folder / name)
    planted = ["gone.png", "gone too.png", "small.png", "inverted.png", "labels.png", "labels.png"]
    table["mask_vessel"] = [*planted, *table["mask_vessel"][6:]]
    table["mask_haemorrhage"] = ["empty.png"] * 3 + [pd.NA] * 5
    found = checked(validated(table, "planted", folder), tmp_path)
    assert problems(found) == {
        ("mask_vessel", "missing"): 2,
        ("mask_vessel", "size"): 1,
        ("mask_vessel", "covers"): 1,
        ("mask_vessel", "unclear"): 2,
        ("mask_haemorrhage", "empty"): 3,
    }
    found.write(tmp_path / "written")
    assert len(pd.read_csv(tmp_path / "written" / "masks.csv")) == 11
    console = Console(record=True, width=400)
    found.print(console)
    printed = console.export_text()
    assert "missing: 2" in printed and "unclear: 2" in printed and printed.count("gone") == 1


def test_one_drawing_of_two_structures_is_told_whether_file_or_copy(drawn: Manifest, tmp_path: Path) -> None:
    shutil.copytree(drawn.root / "masks", drawn.root / "copies", dirs_exist_ok=True)
    table = drawn.table[["photo", "patient", "mask_vessel"]].rename(columns={"mask_vessel": "mask_artery"})
    for other in (table["mask_artery"], table["mask_artery"].str.replace("masks/", "copies/")):
        found = checked(validated(table.assign(mask_vein=other), "twice", drawn.root), tmp_path)
        assert problems(found) == {("mask_vein", "same drawing"): len(drawn)}
    chosen = with_mask_values(
        validated(table.assign(mask_vein=table["mask_artery"]), "twice", drawn.root), ["artery=255", "vein=0"]
    )
    assert problems(checked(chosen, tmp_path)) == {}


def test_shapes_are_masks_without_a_problem_unless_they_are_none(drawn: Manifest, tmp_path: Path) -> None:
    cells = ["#point 0.5 0.5", "#ellipse 0.5 0.5 0.2 0.2", "#empty", "#point 0.5"] + [pd.NA] * 4
    table = drawn.table[["photo", "patient"]].assign(mask_fovea=pd.Series(cells, dtype="string"))
    found = checked(validated(table, "shapes", drawn.root), tmp_path)
    assert problems(found) == {("mask_fovea", "unclear"): 1}
    assert found.masks["covered"].tolist()[1] > found.masks["covered"].tolist()[0] > 0
    assert found.masks["covered"].tolist()[2] == 0
