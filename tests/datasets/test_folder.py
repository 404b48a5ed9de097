"""A folder per class, with and without splits and patients."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.datasets import read_class_folders
from eyeground.errors import UserError


def test_split_folders_become_splits_and_class_folders_classes(put: Callable[..., Path]) -> None:
    folder = put("train/anodr/1.png", "train/bmilddr/2.png", "val/anodr/3.png", "test/bmilddr/4.jpg")
    reading = read_class_folders(folder)
    assert list(reading.table["class"]) == ["bmilddr", "anodr", "bmilddr", "anodr"]
    assert dict(zip(reading.table["photo"], reading.table["split"], strict=True)) == {
        "train/anodr/1.png": "train",
        "train/bmilddr/2.png": "train",
        "val/anodr/3.png": "validation",
        "test/bmilddr/4.jpg": "test",
    }
    assert reading.labels == ("class",)


def test_without_a_pattern_every_photo_is_a_patient_and_a_warning_says_so(put: Callable[..., Path]) -> None:
    reading = read_class_folders(put("normal/10_left.jpg", "normal/10_right.jpg"))
    assert reading.patients == 2
    assert "split" not in reading.table
    assert any(remark.startswith("WARNING") for remark in reading.remarks)


def test_a_pattern_brings_patient_and_eye_back(put: Callable[..., Path]) -> None:
    folder = put("normal/10_left.jpg", "dr/10_right.jpg")
    reading = read_class_folders(folder, r"(?P<patient>\d+)_(?P<eye>left|right)")
    assert reading.patients == 1
    assert set(reading.table["eye"]) == {"left", "right"}
    assert not any(remark.startswith("WARNING") for remark in reading.remarks)


def test_a_patient_in_two_split_folders_is_refused(put: Callable[..., Path]) -> None:
    folder = put("train/normal/10_left.jpg", "test/normal/10_right.jpg")
    with pytest.raises(UserError, match="give all photographs of a patient the same one"):
        read_class_folders(folder, r"(?P<patient>\d+)")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(\d+)", "no group named patient"),
        (r"(?P<patient>\d+", "not a regular expression"),
        (r"x(?P<patient>\d+)", "does not match 1 of 1 file names"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_without_naming_a_patient(
    put: Callable[..., Path], pattern: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        read_class_folders(put("normal/4711.jpg"), pattern)
    assert "4711" not in str(error.value).replace(str(put()), "")


def test_split_and_class_folders_side_by_side_are_refused(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="holds split folders"):
        read_class_folders(put("train/normal/1.jpg", "glaucoma/2.jpg"))


def test_a_folder_without_photos_is_refused(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"found no photographs.*notes 1 \.txt"):
        read_class_folders(put("notes/readme.txt"))


@given(st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), min_size=1))
def test_every_photo_gets_exactly_one_row(
    tmp_path_factory: pytest.TempPathFactory, photos: set[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("classes")
    for name, number in photos:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / f"{number}.jpg").touch()
    assert set(read_class_folders(folder).table["photo"]) == {f"{name}/{number}.jpg" for name, number in photos}


@pytest.mark.parametrize(("right", "left"), [("OD", "OS"), ("R", "L"), ("RE", "LE"), ("od", "Os"), ("rechts", "links")])
def test_a_pattern_finds_an_eye_in_any_spelling(put: Callable[..., Path], right: str, left: str) -> None:
    folder = put(
        *(f"dr/{number}_{right}.jpg" for number in range(3)), *(f"normal/{number}_{left}.jpg" for number in range(3))
    )
    reading = read_class_folders(folder, r"(?P<patient>\d+)_(?P<eye>[A-Za-z]+)")
    assert reading.table.groupby("class")["eye"].unique().map(list).to_dict() == {"dr": ["right"], "normal": ["left"]}
    assert reading.patients == 3


def test_an_unknown_eye_is_reported_by_the_pattern_and_not_by_a_row(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"finds 'OU' as eye; expected OD, OS") as error:
        read_class_folders(put("dr/1_OU.jpg"), r"(?P<patient>\d+)_(?P<eye>[A-Z]+)")
    assert "row" not in str(error.value)


def test_a_flat_folder_has_no_labels(put: Callable[..., Path]) -> None:
    reading = read_class_folders(put("1.jpg", "2.png", "@eaDir/1.jpg/thumb.jpg"), one_photo_per_patient=True)
    assert list(reading.table["photo"]) == ["1.jpg", "2.png"]
    assert reading.labels == () and reading.remarks == ()


def test_photos_are_known_by_their_first_bytes_and_others_counted_by_class(put: Callable[..., Path]) -> None:
    folder = put(
        "dr/a.jpg",
        "dr/b.webp",
        "dr/c.webp",
        "dr/deep/d.jpg",
        "normal/e.jpg",
        "normal/notes.txt",
        "f.jpg",
        "normal/._e.jpg",
    )
    (folder / "dr" / "IM01").write_bytes(b"\0" * 128 + b"DICM")
    (folder / "dr" / "IM02").write_bytes(b"\xff\xd8\xff\xe0")
    (folder / "dr" / "IM03").write_bytes(b"something else")
    reading = read_class_folders(folder, one_photo_per_patient=True)
    assert sorted(reading.table["photo"]) == ["dr/IM01", "dr/IM02", "dr/a.jpg", "normal/e.jpg"]
    (warning,) = [remark for remark in reading.remarks if remark.startswith("WARNING")]
    assert "1 photos beside the class folders" in warning
    assert "dr 2 .webp, 1 in deeper folders, 1 without an ending; normal 1 .txt" in warning


def test_a_class_that_vanishes_is_an_error(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"no photograph of class 'amd' can be read \(amd 2 \.webp\)"):
        read_class_folders(put("normal/1.jpg", "amd/2.webp", "amd/3.webp"))


def test_a_class_in_two_spellings_is_an_error(put: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="'DR' and 'dr' are one class"):
        read_class_folders(put("train/DR/1.jpg", "train/normal/2.jpg", "test/dr/3.jpg"))
