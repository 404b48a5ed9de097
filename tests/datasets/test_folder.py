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


def test_without_a_pattern_every_photo_is_a_patient_and_the_warning_is_loud(put: Callable[..., Path]) -> None:
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
    with pytest.raises(UserError, match="no photographs in class folders"):
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
