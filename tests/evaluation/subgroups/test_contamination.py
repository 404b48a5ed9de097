"""What the check has found comes back in a sentence, from the very folder that it writes."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import Manifest
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.evaluation.subgroups.contamination import (
    Contamination,
    contamination_sentence,
    read_contamination,
    without,
)
from eyeground.workflows.check import check_manifest

FOUND = Contamination(frozenset("abcd"), 1000, {"a": "exact", "b": "near"})


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A dataset checked against one that has a copy of its first photo, against one that has none, and against nothing."""
    folder = tmp_path_factory.mktemp("study")
    ours = render_dataset(folder / "ours", 2, side=192, seed=1, faults=0.0)
    theirs = render_dataset(folder / "theirs", 2, side=192, seed=2, faults=0.0)
    shutil.copyfile(ours.photo_paths()[0], folder / "theirs" / "copy.jpg")
    copy = pd.DataFrame({"photo": ["copy.jpg"], "patient": ["somebody"]})
    with_copy = Manifest(pd.concat([theirs.table, copy], ignore_index=True), theirs.root)
    folders = {}
    for name, other in (("copy", with_copy), ("clean", theirs), ("alone", None)):
        folders[name] = folder / name
        check_manifest(ours, folder / "cache", 1, other, Preprocessing(side=128)).write(folders[name])
    return folders


def test_a_shared_photo_is_found_in_what_the_check_wrote(checked):
    found = read_contamination(checked["copy"])
    photos = pd.read_csv(checked["copy"] / "photos.csv")["photo"]
    assert found.shared == {photos[0]: "exact"}
    assert found.photos == frozenset(photos)
    assert found.other_photos == len(read_contamination(checked["clean"]).photos) + 1


def test_nothing_found_and_nothing_looked_for_are_different_things(checked, predictions):
    clean, alone = read_contamination(checked["clean"]), read_contamination(checked["alone"])
    made = predictions([0, 1], [0.1, 0.9]).table.assign(photo=sorted(clean.photos)[:2])
    dataset = type(predictions([0], [0.1]))(made)
    assert "none is in both" in contamination_sentence("HRF", dataset, clean)
    assert "not against another manifest" in contamination_sentence("HRF", dataset, alone)
    assert "nothing was checked" in contamination_sentence("HRF", dataset, None)


def named(predictions, photos):
    made = predictions([0] * len(photos), [0.5] * len(photos))
    return type(made)(made.table.assign(photo=list(photos)))


def test_the_sentence_says_what_became_of_the_photos(predictions):
    everything = named(predictions, "abcd")
    still = contamination_sentence("HRF", everything, FOUND)
    assert "2 are in both (1 of them byte for byte)" in still
    assert "2 of them are evaluated all the same, so the results are optimistic" in still
    left_out = contamination_sentence("HRF", without(everything, FOUND.shared), FOUND)
    assert "they are left out" in left_out
    assert "1 evaluated photo had not been checked" in contamination_sentence("HRF", named(predictions, "cde"), FOUND)
    assert "are the paths written in the same way?" in contamination_sentence("HRF", named(predictions, "xy"), FOUND)


def test_photos_are_left_out_by_name_and_never_all_of_them(predictions):
    everything = named(predictions, "abcd")
    assert list(without(everything, ["b", "x"]).table["photo"]) == ["a", "c", "d"]
    with pytest.raises(UserError, match="all 4 photos of the predictions would be left out"):
        without(everything, "abcd")


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such table"):
        read_contamination(tmp_path)
    for name, columns in (("flow", "step,photos"), ("photos", "photo,unreadable"), ("duplicates", "photo_a,photo_b")):
        (tmp_path / f"{name}.csv").write_text(f"{columns}\n" + ",".join("1" for _ in columns.split(",")) + "\n")
    with pytest.raises(UserError, match=r"duplicates\.csv: there is no column 'kind'"):
        read_contamination(tmp_path)
