import io
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from eyeground.errors import UserError
from eyeground.screening.photos import LEDGER, Listing
from eyeground.screening.sources import list_sources


def touch(*paths: Path, content: bytes = b"x") -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def listed(*sources: Path | str) -> Listing:
    return list_sources(sources, Path("nowhere"))


def names(*sources: Path | str) -> list[str]:
    return [photo.name for photo in listed(*sources).photos]


@pytest.fixture
def standard_input(monkeypatch):
    """Put bytes on standard input."""

    def put(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return put


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    touch(
        *(
            folder / name
            for name in ("1_left.jpg", "1_right.jpg", "a/2_left.jpg", "a/b/3_left.png", ".hidden/4_left.jpg")
        )
    )
    touch(folder / "notes.txt")
    return folder


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*_left.jpg", ["1_left.jpg"]),
        ("**/*_left.*", ["1_left.jpg", "a/2_left.jpg", "a/b/3_left.png"]),
        ("a/**", ["2_left.jpg", "b/3_left.png"]),
        ("?/*.jpg", ["a/2_left.jpg"]),
        ("[1-9]_right.jpg", ["1_right.jpg"]),
        (".*/*", [".hidden/4_left.jpg"]),
        ("*", ["1_left.jpg", "1_right.jpg", "a/2_left.jpg", "a/b/3_left.png"]),
    ],
)
def test_a_pattern_is_opened_by_us_and_names_begin_where_it_does(photos, pattern, expected):
    assert names(f"{photos}/{pattern}") == expected


def test_a_pattern_relative_to_the_working_folder(photos, monkeypatch):
    monkeypatch.chdir(photos)
    assert names("**/*.jpg") == ["1_left.jpg", "1_right.jpg", "a/2_left.jpg"]


def test_a_pattern_that_matches_nothing_is_an_error_that_names_it(photos):
    with pytest.raises(UserError, match=r"\*\.bmp: nothing matches this pattern"):
        names(f"{photos}/*.bmp")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    touch(tmp_path / "eye[1].jpg", tmp_path / "eye1.jpg")
    assert names(tmp_path / "eye[1].jpg") == ["eye[1].jpg"]


def test_links_that_lead_back_end_a_pattern(photos):
    (photos / "a" / "up").symlink_to(photos)
    (photos / "a" / "again").symlink_to(photos)
    assert "a/2_left.jpg" in names(f"{photos}/**/*_left.jpg")


def test_what_a_pattern_or_a_list_brings_along_is_left_out_and_counted(photos, standard_input):
    standard_input(f"{photos}/notes.txt\n{photos}/1_left.jpg\n{photos}/a\n".encode())
    listing = listed("-")
    assert [photo.name for photo in listing.photos] == ["1_left.jpg"]
    assert [note.split(",")[0] for note in listing.notes] == [
        "1 other file was left out",
        "1 folder was left out of the list",
    ]
    assert "1 other file was left out" in listed(f"{photos}/*").notes[0]


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\0"])
def test_a_list_on_standard_input_is_read_line_by_line_or_by_nul(photos, standard_input, monkeypatch, separator):
    monkeypatch.chdir(photos)
    standard_input(separator.join([b"1_left.jpg", b"./a/2_left.jpg", b"gone.jpg", b"1_left.jpg", b""]))
    assert names("-") == ["1_left.jpg", "a/2_left.jpg", "gone.jpg"]


def test_absolute_paths_of_a_list_are_called_from_where_they_differ(photos, standard_input):
    standard_input(f"{photos}/1_left.jpg\n{photos}/a/b/3_left.png\n".encode())
    assert names("-") == ["1_left.jpg", "a/b/3_left.png"]


def test_a_name_with_a_line_break_survives_in_a_list_separated_by_nul(tmp_path, standard_input):
    touch(tmp_path / "two\nlines.jpg")
    standard_input(os.fsencode(tmp_path / "two\nlines.jpg") + b"\0")
    assert names("-") == [r"two\nlines.jpg"]


def test_a_line_that_can_be_no_path_has_a_row(standard_input):
    standard_input(b"x" * 9000 + b"\n")
    assert listed("-").photos[0].stamp == "unreachable"


def test_an_empty_list_is_one_sentence(standard_input):
    standard_input(b"\n")
    with pytest.raises(UserError, match="standard input: no photographs"):
        names("-")


def test_pictures_that_a_screening_wrote_are_in_no_pattern_and_no_list(photos, standard_input):
    touch(photos / "out/overlays/1_left.jpg.evidence.jpg", photos / f"old/{LEDGER}", photos / "old/overlays/x.jpg")
    pattern = list_sources([f"{photos}/**/*.jpg"], photos / "out")
    standard_input("".join(f"{path}\n" for path in sorted(photos.rglob("*.jpg"))).encode())
    of_list = list_sources(["-"], photos / "out")
    for listing in (pattern, of_list):
        assert not [photo.name for photo in listing.photos if "overlays" in photo.name]
        assert "old is left out, being the output of another screening." in listing.notes


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_manifest_gives_names_patients_and_eyes_and_missing_photos(photos, ending):
    table = pd.DataFrame(
        {
            "photo": ["./1_left.jpg", "gone.jpg", "a/2_left.jpg"],
            "patient": ["007", "007", None],
            "eye": ["left", None, None],
            "anything": ["x", "1", None],
        }
    )
    path = photos / f"list{ending}"
    table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path)
    listing = listed(path)
    assert [(photo.name, photo.patient, photo.eye) for photo in listing.photos] == [
        ("1_left.jpg", "007", "left"),
        ("a/2_left.jpg", None, None),
        ("gone.jpg", "007", None),
    ]
    assert listing.photos[2].stamp == "unreachable"


def test_a_photo_of_a_manifest_and_of_a_folder_is_listed_once_with_its_patient(photos):
    (photos / "list.csv").write_text("photo,patient\n1_left.jpg,7\n")
    found = {photo.name: photo.patient for photo in listed(photos, photos / "list.csv").photos}
    assert found["list.csv/1_left.jpg"] == "7"
    assert "photos/1_left.jpg" not in found
    assert "photos/a/2_left.jpg" in found


def test_a_list_of_photos_alone_is_a_manifest_and_mistakes_are_told(photos):
    (photos / "list.csv").write_text("photo\n1_left.jpg\n")
    assert names(photos / "list.csv") == ["1_left.jpg"]
    (photos / "wrong.csv").write_text("photo,eye\n1_left.jpg,OU\n1_left.jpg,left\n")
    with pytest.raises(UserError) as error:
        names(photos / "wrong.csv")
    assert "row 2: 'eye' is 'OU'" in str(error.value)
    assert "row 3: 'photo' is '1_left.jpg', as in an earlier row" in str(error.value)


def test_a_photograph_called_csv_is_a_photograph(tmp_path):
    touch(tmp_path / "x.csv", content=b"\xff\xd8\xff\xe0")
    assert names(tmp_path / "x.csv") == ["x.csv"]


def test_what_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        names(tmp_path / "missing.jpg")
    with pytest.raises(UserError, match="no such file or folder"):
        names("x" * 9000)
    with pytest.raises(UserError, match="nothing to screen"):
        names()
