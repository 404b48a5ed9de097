import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eyeground.screening import archives
from eyeground.screening.archives import DamagedArchiveError, Entry, archive_kind, entries

CONTENTS = {"a.jpg": b"first" * 300, "empty": b"", "folder/b.jpg": b"second" * 900}


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("folder")
        for name, content in CONTENTS.items():
            archive.writestr(name, content)


def write_tar(path: Path, mode: str = "w:") -> None:
    with tarfile.open(path, mode) as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in CONTENTS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


WRITERS: dict[str, Callable[[Path], None]] = {
    "zip": write_zip,
    "tar": write_tar,
    "gzip": lambda path: write_tar(path, "w:gz"),
    "bzip2": lambda path: write_tar(path, "w:bz2"),
    "xz": lambda path: write_tar(path, "w:xz"),
}


def read(entry: Entry) -> bytes:
    with entry.open() as stream:
        return stream.read()


def walk(path: Path) -> list[str]:
    kind = archive_kind(path)
    assert kind is not None
    return [entry.name for entry in entries(path, kind)]


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_is_known_by_content_and_gives_its_files_in_order(kind, tmp_path):
    path = tmp_path / "x.jpg"
    WRITERS[kind](path)
    assert archive_kind(path) == kind
    found = [(entry.name, entry.position, entry.size, read(entry)) for entry in entries(path, kind)]
    assert found == [(name, place, len(content), content) for place, (name, content) in enumerate(CONTENTS.items())]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff\xe0" * 300,
        gzip.compress(b"\xff\xd8\xff" * 999),
        bz2.compress(b"x"),
        lzma.compress(b""),
        b"\x1f\x8b",
    ],
    ids=["nothing", "photo", "packed photo", "packed letter", "packed nothing", "two bytes"],
)
def test_what_holds_no_archive_is_none(tmp_path, content):
    (tmp_path / "x.tar.gz").write_bytes(content)
    assert archive_kind(tmp_path / "x.tar.gz") is None


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_an_archive_cut_off_says_so_after_what_could_be_read(kind, share, tmp_path):
    WRITERS[kind](tmp_path / "complete")
    complete = (tmp_path / "complete").read_bytes()
    if kind == "tar":  # most of a small tar is padding
        complete = complete[: complete.rindex(b"second")]
    (tmp_path / "cut").write_bytes(complete[: int(len(complete) * share)])
    seen = []
    with pytest.raises(DamagedArchiveError, match="damaged"):
        for entry in entries(tmp_path / "cut", kind):
            seen.append(entry.name)
    assert seen == list(CONTENTS)[: len(seen)]


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path):
    write_tar(tmp_path / "x.tar")
    content = bytearray((tmp_path / "x.tar").read_bytes())
    place = content.index(b"folder/b.jpg")
    content[place : place + 4] = b"\0\1\2\3"
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(DamagedArchiveError, match="does not end as an archive does"):
        walk(tmp_path / "x.tar")


def test_a_checksum_at_the_end_of_a_stream_is_looked_at(tmp_path):
    write_tar(tmp_path / "x.tar.gz", "w:gz")
    content = bytearray((tmp_path / "x.tar.gz").read_bytes())
    content[-6] ^= 1
    (tmp_path / "x.tar.gz").write_bytes(content)
    with pytest.raises(DamagedArchiveError, match="damaged"):
        walk(tmp_path / "x.tar.gz")


def test_links_and_devices_are_refused_and_never_followed(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("disk", tarfile.BLKTYPE)):
            info = tarfile.TarInfo(f"{name}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("soft.jpg")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    found = [(entry.name, entry.refusal) for entry in entries(tmp_path / "x.tar", "tar")]
    assert found == [("soft.jpg", archives.LINK), ("hard.jpg", archives.LINK), ("disk.jpg", archives.DEVICE)]
    assert [entry.refusal for entry in entries(tmp_path / "x.zip", "zip")] == [archives.LINK]


def test_an_encrypted_entry_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.jpg", "secret")
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag in the table of contents
    (tmp_path / "x.zip").write_bytes(content)
    assert [entry.refusal for entry in entries(tmp_path / "x.zip", "zip")] == [archives.LOCKED]


def header(size: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar header with a size field of our own and a right checksum."""
    block = bytearray(tarfile.TarInfo("x.jpg").tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_sizes_that_lead_backwards_end_the_reading(tmp_path):
    negative = b"\xff" * 10 + b"\xfe\x00"  # -512
    (tmp_path / "x.tar").write_bytes(header(negative) + bytes(2048))
    with pytest.raises(DamagedArchiveError, match="damaged"):
        walk(tmp_path / "x.tar")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [b"77777777777\0", b"\xff" * 10 + b"\xfe\x00"])
def test_a_header_that_claims_gigabytes_is_not_read(tmp_path, kind, size):
    (tmp_path / "x.tar").write_bytes(header(b"00000000000\0") + header(size, kind) + bytes(4096))
    with pytest.raises(DamagedArchiveError, match="damaged"):
        walk(tmp_path / "x.tar")


def test_a_table_of_contents_that_is_too_long_is_not_read(tmp_path, monkeypatch):
    write_zip(tmp_path / "x.zip")
    monkeypatch.setattr(archives, "MOST_CONTENTS", 100)
    with pytest.raises(DamagedArchiveError, match="table of contents"):
        walk(tmp_path / "x.zip")


def test_more_entries_than_accepted_end_the_reading(tmp_path, monkeypatch):
    write_tar(tmp_path / "x.tar")
    monkeypatch.setattr(archives, "MOST_ENTRIES", 2)
    with pytest.raises(DamagedArchiveError, match="more than the 2 files"):
        walk(tmp_path / "x.tar")
