"""A manifest that moves to another folder still names the same files."""

from pathlib import Path

import pandas as pd
import pytest

from eyeground.data.manifest import Manifest, read_manifest, validated, write_manifest
from eyeground.errors import UserError


def manifest_of(folder: Path, content: str) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.csv").write_text(content, encoding="utf-8")
    return read_manifest(folder / "labels.csv")


def test_the_fingerprint_stays_when_a_manifest_moves(tmp_path: Path) -> None:
    table = pd.DataFrame({"photo": ["a/1.jpg", "b/2.jpg"], "patient": ["x", "y"], "abnormal": [0, 1]})
    manifest = validated(table, "table", tmp_path)
    moved = manifest.moved_to(tmp_path / "deep" / "er")
    assert list(moved.table["photo"]) != list(manifest.table["photo"])
    assert moved.fingerprint() == manifest.fingerprint()


def test_a_mask_that_no_photo_has_moves_along(tmp_path: Path) -> None:
    table = pd.DataFrame({"photo": ["a.jpg", "b.jpg"], "patient": ["1", "2"], "mask_soft_exudate": [None, None]})
    moved = validated(table, "table", tmp_path).moved_to(tmp_path / "deep")
    assert list(moved.table["photo"]) == ["../a.jpg", "../b.jpg"]
    assert moved.table["mask_soft_exudate"].isna().all()


@pytest.mark.parametrize(
    "photo", ["a.jpg", "deep/er/a.jpg", "../beside/a.jpg", "{folder}/absolute/a.jpg", "link/a.jpg", "link/../a.jpg"]
)
def test_a_moved_manifest_names_the_same_files(tmp_path: Path, photo: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "store").mkdir()
    (home / "link").symlink_to(tmp_path / "store")
    path = home / photo.format(folder=tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"photo")
    manifest = validated(pd.DataFrame({"photo": [str(photo.format(folder=tmp_path))], "patient": ["1"]}), "table", home)
    target = tmp_path / "else" / "where"
    moved = manifest.moved_to(target)
    target.mkdir(parents=True)
    assert all(path.is_file() for path in moved.photo_paths())
    assert moved.photo_paths()[0].samefile(path)
    assert not Path(moved.table["photo"][0]).is_absolute()


def test_links_into_a_store_keep_the_names_their_owner_gave_them(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "0b1e").write_bytes(b"photo")
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).symlink_to(tmp_path / "store" / "0b1e")
    manifest = manifest_of(tmp_path, "photo,patient\na.jpg,1\nb.jpg,2\n")
    assert manifest.moved_to(tmp_path / "store").table["photo"].tolist() == ["../a.jpg", "../b.jpg"]


def test_a_manifest_in_a_linked_folder_can_be_moved(tmp_path: Path) -> None:
    (tmp_path / "far" / "photos").mkdir(parents=True)
    (tmp_path / "far" / "photos" / "a.jpg").write_bytes(b"photo")
    (tmp_path / "near").symlink_to(tmp_path / "far" / "photos")
    moved = manifest_of(tmp_path / "near", "photo,patient\na.jpg,1\n").moved_to(tmp_path)
    assert all(path.is_file() for path in moved.photo_paths())


def test_two_names_of_one_file_are_found_when_moving(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    manifest = manifest_of(tmp_path, "photo,patient\na.jpg,1\ndeep/../a.jpg,1\n")
    with pytest.raises(UserError, match="keep one row per photograph"):
        manifest.moved_to(tmp_path / "deep")


def test_writing_elsewhere_keeps_photos_and_masks_findable(tmp_path: Path) -> None:
    for name in ("a.jpg", "a_disc.png"):
        (tmp_path / name).write_bytes(b"")
    manifest = manifest_of(tmp_path, "photo,patient,mask_disc\na.jpg,1,a_disc.png\n")
    write_manifest(manifest, tmp_path / "tables" / "labels.parquet")
    back = read_manifest(tmp_path / "tables" / "labels.parquet")
    assert all(path.is_file() for path in back.photo_paths())
    assert back.table["mask_disc"].tolist() == ["../a_disc.png"]
