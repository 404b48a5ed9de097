import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from eyeground.errors import UserError
from eyeground.imaging.limits import MOST_BYTES
from eyeground.screening import unpacking
from eyeground.screening.decoder_pool import Refused
from eyeground.screening.photos import Listing
from eyeground.screening.sources import list_sources
from eyeground.screening.unpacking import Unpacking, in_reading_order

JPEG = b"\xff\xd8\xff\xe0"


def write_zip(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def write_tar(path: Path, members: list[tuple[str, bytes]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def listed(*sources: Path) -> Listing:
    return list_sources(sources, Path("nowhere"))


def contents(listing: Listing, folder: Path) -> dict[str, bytes | str]:
    """What readers would be given of each photograph: its bytes, or why there are none."""
    todo = in_reading_order(listing.photos)
    found: dict[str, bytes | str] = {}
    with Unpacking(folder) as files:
        for photo, file in zip(todo, files.files(todo), strict=True):
            found[photo.name] = file.reason if isinstance(file, Refused) else file.read_bytes()
            files.done()
            assert not folder.exists() or not list(folder.iterdir())
    assert not folder.exists()
    return found


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_photographs_of_an_archive_are_listed_as_those_of_a_folder_and_read_as_files(tmp_path, write):
    members = [
        ("b.JPG", b"second"),
        ("in/a.tif", b"first"),
        ("scan", JPEG),
        ("notes.txt", b"x"),
        ("__MACOSX/b.JPG", b"x"),
    ]
    listing = listed(write(tmp_path / "x.zip", members))
    assert contents(listing, tmp_path / "private") == {
        "x.zip/b.JPG": b"second",
        "x.zip/in/a.tif": b"first",
        "x.zip/scan": JPEG,
    }
    assert [note.split(" left out")[0] for note in listing.notes] == [
        "1 other file was",
        "1 hidden or system file was",
    ]


@pytest.mark.parametrize("write", [write_zip, write_tar])
@pytest.mark.parametrize(
    "name", ["../../up.jpg", "/etc/root.jpg", "a/../../b.jpg", "line\nbreak\x1b[31m.jpg", "x" * 3000 + ".jpg"]
)
def test_a_name_in_an_archive_leads_nowhere(tmp_path, write, name):
    (tmp_path / "deep").mkdir()
    archive = write(tmp_path / "deep" / "x.zip", [(name, b"content")])
    listing = listed(archive)
    assert list(contents(listing, tmp_path / "private").values()) == [b"content"]
    assert listing.photos[0].name.isprintable()
    assert len(listing.photos[0].name) <= 1024
    assert {path.name for path in tmp_path.rglob("*")} == {"deep", "x.zip"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_told_apart(tmp_path):
    archive = write_zip(
        tmp_path / "x.zip", [("a.jpg", b"one"), ("a.jpg (2)", JPEG), ("a.jpg", b"two"), ("./a.jpg", b"three")]
    )
    assert sorted(contents(listed(archive), tmp_path / "private").values()) == sorted([b"one", JPEG, b"two", b"three"])


def test_the_private_file_is_for_its_owner_only_and_only_what_is_read_ahead_lies_there(tmp_path):
    archive = write_tar(tmp_path / "x.tar.gz", [(f"{index}.jpg", b"x") for index in range(5)])
    todo = in_reading_order(listed(archive).photos)
    private = tmp_path / "private"
    with Unpacking(private) as files:
        given = files.files(todo)
        paths = [next(given) for _ in range(3)]
        assert len(list(private.iterdir())) == 3
        assert stat.S_IMODE(paths[0].stat().st_mode) == 0o600
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        files.done()
        assert [path.exists() for path in paths] == [False, True, True]


def test_what_a_killed_run_left_unpacked_is_removed_at_the_next_start(tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "1").write_bytes(b"left over")
    with Unpacking(tmp_path / "private"):
        assert not (tmp_path / "private").exists()


def test_nested_archives_are_left_out_with_a_note(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", [("b.jpg", b"x")]).read_bytes()
    listing = listed(write_zip(tmp_path / "x.zip", [("a.jpg", b"x"), ("inner.zip", inner), ("no ending", inner)]))
    assert [photo.name for photo in listing.photos] == ["x.zip/a.jpg"]
    assert listing.notes == (
        "x.zip: 2 archives inside it were left out (such as x.zip/inner.zip); unpack it and name them.",
    )


def test_archives_in_a_folder_are_left_out_with_a_note_unless_they_are_named(tmp_path):
    archive = write_zip(tmp_path / "photos.zip", [("a.jpg", b"x")])
    (tmp_path / "b.jpg").write_bytes(b"x")
    listing = listed(tmp_path)
    assert [photo.name for photo in listing.photos] == ["b.jpg"]
    assert listing.notes == ("1 archive was left out (such as photos.zip); name it to screen what is in it.",)
    assert {photo.name for photo in listed(tmp_path, archive).photos} == {f"{tmp_path.name}/b.jpg", "photos.zip/a.jpg"}


def test_a_bomb_of_many_members_is_opened_up_to_a_limit_and_the_rest_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FREE_EXPANSION", 250_000)
    zeros = bytes(100_000)
    archive = write_zip(tmp_path / "x.zip", [(f"{index}.jpg", zeros) for index in range(9)])
    monkeypatch.setattr(unpacking, "MOST_EXPANSION", 100)
    assert archive.stat().st_size * 100 < 900_000
    found = contents(listed(archive), tmp_path / "private")
    refused = [reason for reason in found.values() if isinstance(reason, str)]
    assert 0 < len(refused) < 9
    assert all("more than 100 times its size" in reason for reason in refused)


def test_a_bomb_in_a_stream_ends_where_it_would_have_to_be_decompressed(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FREE_EXPANSION", 250_000)
    monkeypatch.setattr(unpacking, "MOST_EXPANSION", 1)
    archive = write_tar(tmp_path / "x.tar.gz", [("a.jpg", b"x"), ("big.jpg", bytes(300_000)), ("c.jpg", b"x")])
    listing = listed(archive)
    found = contents(listing, tmp_path / "private")
    assert found["x.tar.gz/a.jpg"] == b"x"
    assert "more than 1 times its size" in found["x.tar.gz/big.jpg"]
    assert "x.tar.gz/c.jpg" not in found
    assert "what follows its file 2 is not screened" in listing.notes[0]


def test_a_member_larger_than_any_photograph_is_refused_by_what_it_claims(tmp_path):
    archive = write_zip(tmp_path / "x.zip", [("a.jpg", b"x"), ("b.jpg", b"y")])
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 24 : directory + 28] = (MOST_BYTES + 1).to_bytes(4, "little")
    archive.write_bytes(content)
    found = contents(listed(archive), tmp_path / "private")
    assert found["x.zip/a.jpg"] == "unpacked it would have 256 MB; the most accepted is 256 MB"
    assert found["x.zip/b.jpg"] == b"y"


def test_a_member_that_is_longer_than_it_claims_is_refused(tmp_path):
    archive = write_zip(tmp_path / "x.zip", [("a.jpg", bytes(5000)), ("b.jpg", b"y")])
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 24 : directory + 28] = (100).to_bytes(4, "little")
    archive.write_bytes(content)
    found = contents(listed(archive), tmp_path / "private")
    assert "the archive is damaged here" in found["x.zip/a.jpg"]
    assert found["x.zip/b.jpg"] == b"y"


def test_a_damaged_member_has_a_reason_and_the_others_are_read(tmp_path):
    archive = write_zip(tmp_path / "x.zip", [("a.jpg", os.urandom(500)), ("b.jpg", b"y")])
    content = bytearray(archive.read_bytes())
    content[100] ^= 0xFF
    archive.write_bytes(content)
    found = contents(listed(archive), tmp_path / "private")
    assert "the archive is damaged here" in found["x.zip/a.jpg"]
    assert found["x.zip/b.jpg"] == b"y"


def test_of_a_torn_archive_what_could_be_read_is_read_and_a_note_says_where_it_ends(tmp_path):
    archive = write_tar(tmp_path / "x.tar.gz", [(f"{index}.jpg", os.urandom(4000)) for index in range(8)])
    archive.write_bytes(archive.read_bytes()[:18_000])
    listing = listed(archive)
    found = contents(listing, tmp_path / "private")
    read = [name for name, content in found.items() if isinstance(content, bytes)]
    assert 2 < len(read) < 8
    assert [name for name in found if name not in read] == [f"x.tar.gz/{len(read)}.jpg"]
    assert f"what follows its file {len(found)} is not screened" in listing.notes[0]


def test_an_archive_of_which_nothing_can_be_read_is_one_sentence(tmp_path):
    archive = write_zip(tmp_path / "x.zip", [("a.jpg", b"x" * 5000)])
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(UserError, match=r"no photographs .* The archive x\.zip is damaged .*nothing in it is screened"):
        listed(archive)


def test_an_archive_that_changed_in_between_is_not_read(tmp_path):
    archive = write_zip(tmp_path / "x.zip", [("a.jpg", b"x")])
    listing = listed(archive)
    os.utime(archive, (1, 1))
    assert contents(listing, tmp_path / "private") == {"x.zip/a.jpg": "the archive changed while it was screened"}


def test_a_stamp_changes_with_the_archive_and_tells_members_apart(tmp_path):
    archive = write_tar(tmp_path / "x.tar.gz", [("a.jpg", b"x"), ("b.jpg", b"x")])
    before = [photo.stamp for photo in listed(archive).photos]
    assert len(set(before)) == 2
    os.utime(archive, (1, 1))
    assert not set(before) & {photo.stamp for photo in listed(archive).photos}


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    todo = listed(write_zip(tmp_path / "x.zip", [("a.jpg", b"x")])).photos
    with Unpacking(tmp_path / "file" / "private") as files, pytest.raises(UserError, match="cannot be unpacked"):
        list(files.files(todo))
