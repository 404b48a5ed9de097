"""Masks reach the network in the place and with the certainty of their annotator."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from eyeground.config.segmentation_recipe import SegmentationRecipe, Structure
from eyeground.config.training_recipe import Augmentation, Preprocessing
from eyeground.data.manifest import Manifest, validated
from eyeground.datasets.synthetic.dataset import render_dataset
from eyeground.errors import UserError
from eyeground.training.annotated_photos import (
    AnnotatedPhotos,
    SegmentationDataset,
    prepare_annotated,
    read_masks,
)
from eyeground.training.fit_segmenter import draws_of

SIDE = 96
VESSEL, EXUDATE = Structure(name="vessel"), Structure(name="hard_exudate", missing="absent")
PREPROCESSING = Preprocessing(side=SIDE)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("drawn")
    drawn = render_dataset(folder, 3, side=120, faults=0, masks=True, prevalence={"diabetic_retinopathy": 0.5})
    table = drawn.table.assign(split=["train", "train", "train", "train", "test", "test"])
    table.loc[0, "mask_vessel"] = pd.NA
    return validated(table, "drawn", folder)


def prepared(manifest: Manifest, folder: Path, *structures: Structure) -> AnnotatedPhotos:
    return prepare_annotated(manifest, structures, PREPROCESSING, folder / "cache", folder / "masks", jobs=1)


def test_an_item_knows_nothing_outside_the_field_of_view_and_of_masks_that_are_not_there(
    manifest: Manifest, tmp_path: Path
) -> None:
    photos = prepared(manifest, tmp_path, VESSEL, EXUDATE)
    dataset = SegmentationDataset(photos, None, 0, 1, 0)
    photo, target, _ = dataset[(0, 0)]
    inside = (photo > 0).any(dim=2)  # any() of uint8 is uint8
    assert photo.shape == (SIDE, SIDE, 3)
    assert torch.isnan(target[0]).all()  # the vessels of the first photo are unknown
    assert torch.isnan(target[:, ~inside]).all()
    assert torch.isfinite(target[1, inside]).all()  # and its exudates are known, even where there are none
    _, second, _ = dataset[(0, 1)]
    assert 0.02 < float(torch.nan_to_num(second[0]).mean()) < 0.4
    assert ((second[0] > 0) & (second[0] < 1)).any()  # pixels that a vessel's edge crosses


def test_a_patch_depends_on_seed_epoch_row_and_draw_alone(manifest: Manifest, tmp_path: Path) -> None:
    photos = prepared(manifest, tmp_path, VESSEL)
    one, other = (SegmentationDataset(photos, Augmentation(), 64, 2, 7) for _ in range(2))
    for item in ((0, 2), (3, 2), (3, 3)):
        assert all(
            torch.equal(torch.nan_to_num(a, 9.0), torch.nan_to_num(b, 9.0))
            for a, b in zip(one[item], other[item], strict=True)
        )
        assert one[item][0].shape == (64, 64, 3)
    assert not torch.equal(one[(3, 2)][0], one[(3, 3)][0])
    assert not torch.equal(one[(0, 2)][0], one[(3, 2)][0])


def test_photos_without_any_known_mask_are_left_out(manifest: Manifest, tmp_path: Path) -> None:
    assert len(prepared(manifest, tmp_path, VESSEL).manifest) == len(manifest) - 1
    assert len(prepared(manifest, tmp_path, EXUDATE).manifest) == len(manifest)


def test_mistakes_name_the_column_or_the_file(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no column 'mask_vesel' .did you mean 'mask_vessel'"):
        prepared(manifest, tmp_path, Structure(name="vesel"))
    table = manifest.table.assign(mask_vessel=["masks/gone.png"] * len(manifest))
    with pytest.raises(UserError, match=r"gone\.png"):
        prepared(validated(table, "gone", manifest.root), tmp_path, VESSEL)
    masks = manifest.root / "small.png"

    cv2.imwrite(str(masks), np.zeros((10, 10), np.uint8))
    table = manifest.table.assign(mask_vessel=["small.png"] * len(manifest))
    with pytest.raises(UserError, match=r"small\.png.*10 x 10"):
        prepared(validated(table, "small", manifest.root), tmp_path / "other", VESSEL)


def test_one_drawing_for_two_structures_is_refused_whether_file_or_copy(manifest: Manifest, tmp_path: Path) -> None:
    shutil.copytree(manifest.root / "masks", manifest.root / "copies", dirs_exist_ok=True)
    copies = manifest.table["mask_vessel"].str.replace("masks/", "copies/")
    pair = (Structure(name="vessel"), Structure(name="vein"))
    for other, words in (
        (manifest.table["mask_vessel"], "name one file"),
        (copies, "are equal in all 5 photos"),
    ):
        twice = validated(manifest.table.assign(mask_vein=other), "twice", manifest.root)
        with pytest.raises(UserError, match=words):
            prepared(twice, tmp_path, *pair)
    # Chosen values are believed, however much they cover.
    chosen = manifest.table.assign(mask_vein=manifest.table["mask_vessel"] + "#0")
    assert len(prepared(validated(chosen, "chosen", manifest.root), tmp_path / "chosen", *pair).manifest) == 5


def test_an_inverted_mask_is_questioned(manifest: Manifest, tmp_path: Path) -> None:
    path = manifest.root / str(manifest.table["mask_vessel"][1])
    cv2.imwrite(str(manifest.root / "inverted.png"), 255 - cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    table = manifest.table.assign(mask_vessel=["inverted.png"] + [pd.NA] * 5)
    with pytest.raises(UserError, match=r"inverted\.png: the mask covers 9\d% of the field of view"):
        prepared(validated(table, "inverted", manifest.root), tmp_path, VESSEL)


def test_two_rows_that_show_one_photo_keep_a_drawing_each(manifest: Manifest, tmp_path: Path) -> None:
    table = manifest.table.iloc[[1, 2]].reset_index(drop=True)
    shutil.copyfile(manifest.root / str(table["photo"][0]), manifest.root / "again.jpg")
    mask = cv2.imread(str(manifest.root / str(table["mask_vessel"][0])), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(manifest.root / "mirrored.png"), mask[:, ::-1])
    table.loc[1, ["photo", "mask_vessel"]] = ["again.jpg", "mirrored.png"]
    photos = prepared(validated(table, "twice", manifest.root), tmp_path, VESSEL)
    first, second = (read_masks(masks, SIDE)[0][0] for masks in photos.masks)
    assert not np.array_equal(first, second)


def test_soft_masks_stay_soft_and_described_ones_are_drawn(manifest: Manifest, tmp_path: Path) -> None:
    height, width = cv2.imread(str(manifest.root / str(manifest.table["photo"][0]))).shape[:2]
    grey = np.full((height, width), 128, np.uint8)
    grey[: height // 2] = 0
    cv2.imwrite(str(manifest.root / "shares.png"), grey)
    cells = ["shares.png#share", "#point 0.5 0.25", "#ellipse 0.5 0.5 0.4 0.4", "#empty", pd.NA, pd.NA]
    photos = prepared(
        validated(manifest.table.assign(mask_fovea=cells), "soft", manifest.root), tmp_path, Structure(name="fovea")
    )
    assert len(photos.manifest) == 4
    targets = [torch.nan_to_num(SegmentationDataset(photos, None, 0, 1, 0)[(0, row)][1][0]) for row in range(4)]
    assert float(targets[0].max()) == pytest.approx(128 / 255, abs=0.01)
    assert float(targets[1].max()) > 0.9
    assert 0.05 < float(targets[2].mean()) < 0.3 and float(targets[2].max()) == 1
    assert float(targets[3].max()) == 0


def test_camera_mixing_recolours_the_photo_and_leaves_the_mask(manifest: Manifest, tmp_path: Path) -> None:
    photos = prepared(manifest, tmp_path, VESSEL)
    still = Augmentation(flip=False, rotation=0, warp=0, brightness=0, contrast=0, colour=0, gamma=0, blur=0, jpeg=0)
    plain, mixed = (SegmentationDataset(photos, still, 0, 1, 0, camera_mixing=share) for share in (0.0, 1.0))
    assert not torch.equal(plain[(0, 1)][0], mixed[(0, 1)][0])
    assert torch.equal(torch.nan_to_num(plain[(0, 1)][1]), torch.nan_to_num(mixed[(0, 1)][1]))


def test_draws_may_differ_by_source(manifest: Manifest) -> None:
    table = manifest.table.assign(source=["a", "a", "b", "b", "b", "c"])
    sources = validated(table, "sources", manifest.root)
    structures = [{"name": "vessel"}]
    recipe = SegmentationRecipe.model_validate({"structures": structures, "draws": 2, "draws_of": {"b": 5}})
    assert draws_of(sources, recipe, recipe.draws).tolist() == [2, 2, 5, 5, 5, 2]
    wrong = SegmentationRecipe.model_validate({"structures": structures, "draws_of": {"bb": 5}})
    with pytest.raises(UserError, match="bb"):
        draws_of(sources, wrong)
