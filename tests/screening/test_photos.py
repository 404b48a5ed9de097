import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.errors import UserError
from eyeground.screening.photos import LEDGER, list_photos


def touch(*paths: Path, content: bytes = b"x") -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(*sources: Path, output: Path = Path("nowhere")) -> list[str]:
    return [photo.name for photo in list_photos(sources, output).photos]


def test_every_file_named_like_a_photo_is_listed_once_in_any_case_sorted(tmp_path):
    touch(*(tmp_path / name for name in ("b.JPG", "a/z.Tiff", "a/y.dcm", "C.jpeg", "d.png", "e.tif")))
    assert names(tmp_path) == ["C.jpeg", "a/y.dcm", "a/z.Tiff", "b.JPG", "d.png", "e.tif"]
    assert len(names(tmp_path, tmp_path / "a", tmp_path / "b.JPG", tmp_path)) == 6


def test_files_that_are_photos_by_their_first_bytes_need_no_ending(tmp_path):
    touch(tmp_path / "IM0001", content=b"\0" * 128 + b"DICM...")
    touch(tmp_path / "scan", content=b"\xff\xd8\xff\xe0")
    touch(tmp_path / "notes.txt", tmp_path / "Thumbs.db", tmp_path / "empty", content=b"")
    listing = list_photos(tmp_path, tmp_path / "output")
    assert [photo.name for photo in listing.photos] == ["IM0001", "scan"]
    assert listing.notes == (
        "3 other files were left out, being no photograph by name or first bytes (such as Thumbs.db).",
    )
    assert listing.nameless_notes == ("3 other files were left out, being no photograph by name or first bytes.",)


def test_a_file_that_is_named_directly_is_taken_whatever_its_ending(tmp_path):
    touch(tmp_path / "photo.bmp")
    assert names(tmp_path / "photo.bmp") == ["photo.bmp"]


def test_a_folder_named_like_a_photo_is_walked(tmp_path):
    touch(tmp_path / "x.jpg" / "y.jpg")
    assert names(tmp_path) == ["x.jpg/y.jpg"]


def test_broken_links_are_listed_and_looping_links_end(tmp_path):
    touch(tmp_path / "photos" / "a.jpg")
    (tmp_path / "photos" / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "photos" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "photos" / "up").symlink_to(tmp_path / "photos")
    assert names(tmp_path / "photos") == ["a.jpg", "gone.jpg", "self.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_listed_by_name_only_and_never_waited_for(tmp_path):
    touch(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == ["a.jpg", "pipe.jpg"]


def test_what_a_screening_wrote_is_never_listed(tmp_path):
    touch(
        tmp_path / "a.jpg",
        tmp_path / "now/overlays/a.jpg",
        tmp_path / "before/overlays/a.jpg",
        tmp_path / f"before/{LEDGER}",
    )
    listing = list_photos(tmp_path, tmp_path / "now")
    assert [photo.name for photo in listing.photos] == ["a.jpg"]
    assert listing.notes == ("before is left out, being the output of another screening.",)
    assert listing.nameless_notes == ("A folder is left out, being the output of another screening.",)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow only Unicode file names")
def test_a_name_that_is_no_unicode_becomes_one(tmp_path):
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/eye\xff.jpg")))
    assert names(tmp_path) == ["eye\\xff.jpg"]


def test_of_several_sources_names_begin_where_they_differ_and_never_show_the_whole_path(tmp_path):
    touch(tmp_path / "left/a.jpg", tmp_path / "right/a.jpg", tmp_path / "right/b.jpg")
    sources = (tmp_path / "left/a.jpg", tmp_path / "right/a.jpg", tmp_path / "right/b.jpg")
    assert names(*sources) == ["b.jpg", "left/a.jpg", "right/a.jpg"]
    assert names(tmp_path / "left", tmp_path / "right/b.jpg") == ["b.jpg", "left/a.jpg"]
    assert names(tmp_path / "left/a.jpg") == ["a.jpg"]


@given(
    st.lists(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join), min_size=1, max_size=6, unique=True
    )
)
def test_no_two_files_share_a_name(tmp_path, paths):
    files = [tmp_path / "tree" / path / "x.jpg" for path in paths]
    touch(*files)
    assert len(set(names(*files))) == len(files)


def test_sources_without_photos_get_one_clear_message(tmp_path):
    with pytest.raises(UserError, match=r"no photographs \(\.jpg, .*\) here\.$"):
        names(tmp_path)
    touch(tmp_path / "notes.txt")
    with pytest.raises(UserError, match=r"1 other file was left out.*notes\.txt"):
        names(tmp_path)
    with pytest.raises(UserError, match="no such file or folder"):
        names(tmp_path / "missing")
    with pytest.raises(UserError, match="is the folder of photographs itself"):
        names(tmp_path, output=tmp_path)
