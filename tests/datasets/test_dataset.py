"""The steps that all adapters share."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from eyeground.data.manifest import read_manifest, write_manifest
from eyeground.datasets.dataset import Dataset, Reading, named, photos_in
from eyeground.errors import UserError


def _read(folder: Path) -> Reading:
    table = pd.DataFrame({"photo": ["a.jpg", "b.jpg"], "patient": ["1", "2"], "mask_disc": ["a.png", "b.png"]})
    return TOY.reading(table, folder, ["a remark"])


TOY = Dataset("toy", "Toy set", "https://example.org/toy", "CC0", "https://example.org", _read)


def test_an_absent_photo_has_no_row_but_is_named_and_an_absent_mask_is_empty(put: Callable[..., Path]) -> None:
    reading = TOY.read(put("a.jpg", "b.png"))
    assert list(reading.table["photo"]) == ["a.jpg"]
    assert reading.absent_photos == ("b.jpg",)
    assert reading.table["mask_disc"].isna().all()
    assert all(path.is_file() for path in reading.photo_paths())
    assert reading.remarks == ("a remark",)


def test_a_folder_without_any_photo_is_refused(put: Callable[..., Path]) -> None:
    with pytest.raises(
        UserError, match=r"none of the 2 photographs of Toy set is there; expected for example 'a\.jpg'"
    ):
        TOY.read(put("readme.txt"))


def test_joined_datasets_cannot_share_a_patient_by_accident(put: Callable[..., Path]) -> None:
    table = TOY.read(put("a.jpg", "b.jpg")).table
    assert list(table["patient"]) == ["toy-1", "toy-2"]
    assert set(table["source"]) == {"toy"}


def test_a_reading_survives_being_written_beside_other_files_and_read_again(put: Callable[..., Path]) -> None:
    folder = put("toy/a.jpg", "toy/b.jpg", "toy/a.png")
    reading = TOY.read(folder / "toy")
    write_manifest(reading, folder / "manifests" / "toy.csv")
    again = read_manifest(folder / "manifests" / "toy.csv")
    assert all(path.is_file() for path in again.photo_paths())
    assert again.table["mask_disc"][0] == "../toy/a.png"
    assert list(again.table["patient"]) == list(reading.table["patient"])


def test_a_missing_column_is_named_with_the_nearest_one(put: Callable[..., Path]) -> None:
    folder = put(("list.csv", "Image name ,Grde\nx,1\n"))
    assert list(TOY.table(folder, "list.csv", ["Image name"])["Image name"]) == ["x"]
    with pytest.raises(UserError, match=r"list\.csv: there is no column 'Grade' \(did you mean 'Grde'\?\)"):
        TOY.table(folder, "list.csv", ["Grade"])


@pytest.mark.parametrize("cell", ["5", "-1", "1.5", "two"])
def test_a_grade_out_of_range_is_named_by_its_row(cell: str) -> None:
    rows = pd.DataFrame({"grade": ["0", None, cell]})
    with pytest.raises(UserError, match=rf"list\.csv, row 4: 'grade' is '{cell}'; expected a whole number from 0 to 4"):
        TOY.numbers(rows, "grade", Path("list.csv"), highest=4)


def test_grades_keep_their_gaps() -> None:
    numbers = TOY.numbers(pd.DataFrame({"grade": ["0", None, "4", " "]}), "grade", Path("list.csv"), highest=4)
    assert numbers.isna().tolist() == [False, True, False, True]
    assert numbers.dropna().tolist() == [0, 4]


def test_pictures_are_found_whatever_their_format_and_hidden_files_are_not_pictures(put: Callable[..., Path]) -> None:
    folder = put("m/1.GIF", "m/2.png", "m/._2.png", "m/notes.txt")
    assert photos_in(folder, "m") == ["m/1.GIF", "m/2.png"]
    assert named(folder, "m", ["2", "1", "3"]) == ["m/2.png", "m/1.GIF", None]
    assert named(folder, "absent", ["1"]) == [None]
