import io
import os
import sys
import zipfile
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


HIDDEN = (
    "._a.jpg",
    "sub/._b.jpg",
    ".thumbnails/a.jpg",
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    "sub/@eaDir/b.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "__MACOSX/._a.jpg",
    "__MACOSX/sub/b.jpg",
    "#recycle/old.png",
    "$RECYCLE.BIN/$R1.tif",
    ".Trashes/501/a.jpg",
)


def packed(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as written:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            written.write(file, file.relative_to(folder))
    return archive


def test_what_systems_put_beside_photographs_is_left_out_and_counted_in_folders_as_in_archives(tmp_path) -> None:
    folder = tmp_path / "export"
    touch(folder / "a.jpg", folder / "sub" / "b.jpg", *(folder / name for name in HIDDEN))
    assert names(folder) == ["a.jpg", "sub/b.jpg"]
    for source in (folder, packed(folder, tmp_path / "export.zip")):
        listing = listed(source)
        assert len(listing.photos) == 2
        assert [note.split(" were")[0] for note in listing.notes] == [f"{len(HIDDEN)} hidden or system files"]
    assert names(folder / "._a.jpg") == ["._a.jpg"]  # named directly
    assert names(folder / "**" / "*.jpg") == ["a.jpg", "sub/b.jpg"]
    assert names(folder / "@eaDir" / "**" / "*.jpg") == ["a.jpg/SYNOPHOTO_THUMB_M.jpg"]


def dicom_of(sop_class: str) -> bytes:
    """The beginning of a DICOM object: its preamble and the elements that name it."""
    value = sop_class.encode() + b"\0" * (len(sop_class) % 2)
    named = b"\x02\0\x02\0UI" + len(value).to_bytes(2, "little") + value
    version = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\1"
    length = b"\x02\0\0\0UL\4\0" + (len(version) + len(named)).to_bytes(4, "little")
    return bytes(128) + b"DICM" + length + version + named


NO_PICTURES = {
    "report": "1.2.840.10008.5.1.4.1.1.88.33",
    "state": "1.2.840.10008.5.1.4.1.1.11.1",
    "document": "1.2.840.10008.5.1.4.1.1.104.1",
    "refraction.dcm": "1.2.840.10008.5.1.4.1.1.78.2",
    "visual_field.dcm": "1.2.840.10008.5.1.4.1.1.80.1",
    "DICOMDIR": "1.2.840.10008.1.3.10",
}
PICTURES = {
    "photo": "1.2.840.10008.5.1.4.1.1.77.1.5.1",
    "wide.dcm": "1.2.840.10008.5.1.4.1.1.77.1.5.5",
    "capture": "1.2.840.10008.5.1.4.1.1.7",
    "capture_true_colour": "1.2.840.10008.5.1.4.1.1.7.4",
    "private": "1.2.276.0.7230010.3.1.0.1",
}


def test_dicom_objects_that_are_no_pictures_are_left_out_and_counted(tmp_path) -> None:
    folder = tmp_path / "DICOM"
    for name, sop_class in (NO_PICTURES | PICTURES).items():
        touch(folder / name, content=dicom_of(sop_class))
    for source in (folder, packed(folder, tmp_path / "export.zip")):
        listing = listed(source)
        assert {Path(photo.name).name for photo in listing.photos} == set(PICTURES)
        assert [note.split(" were")[0] for note in listing.notes] == ["6 DICOM objects that are no pictures"]
    assert names(folder / "report") == ["report"]  # named directly
