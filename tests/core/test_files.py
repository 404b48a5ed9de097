"""Atomic replacement and hashes: what is on the disk is the old content or the new, never half of one."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.core.files import equal_files, replacing, sha256_of, write_text
from eyeground.errors import UserError


def only_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_writer_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="power cut"), replacing(path) as partial:
        partial.write_text("half of the n")
        raise RuntimeError("power cut")
    assert path.read_text() == "old"
    assert only_files(tmp_path) == ["result.txt"]


def test_the_old_file_stays_readable_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    write_text(path, "old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_concurrent_writers_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    contents = [str(number) * 50_000 for number in range(8)]
    writers = [threading.Thread(target=write_text, args=(path, content)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in contents
    assert only_files(tmp_path) == ["result.txt"]


def test_a_full_disk_is_a_user_error_that_names_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"result\.txt: cannot be written: No space left"),
        replacing(tmp_path / "result.txt"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_error_about_another_file_is_not_blamed_on_the_written_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"source\.txt"), replacing(tmp_path / "result.txt"):
        (tmp_path / "source.txt").read_text()


def test_a_folder_that_is_a_file_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / "file" / "result.txt", "text")


def test_a_name_of_any_legal_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    write_text(path, "text")
    assert path.read_text() == "text"


def test_a_written_file_has_the_permissions_of_any_other_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


@given(content=st.binary(max_size=2000))
def test_the_hash_is_the_sha256_of_the_content(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("hash") / "file"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


@given(st.lists(st.sampled_from([b"", b"a", b"b", b"ab", b"a" * 70_000, b"a" * 69_999 + b"b"]), min_size=1, max_size=8))
def test_equal_files_are_those_of_equal_content(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    keys = equal_files([*paths, folder / "missing", folder / "also missing", folder])
    assert len(set(keys[len(paths) :])) == 3 and not set(keys[len(paths) :]) & set(keys[: len(paths)])
    for one, key in zip(contents, keys, strict=False):
        assert [other == key for other in keys[: len(paths)]] == [other == one for other in contents]


def test_what_a_killed_writer_left_is_taken_over(tmp_path: Path) -> None:
    for _ in range(3):
        killed = "import os, sys; from pathlib import Path; from eyeground.core.files import replacing\n"
        killed += "with replacing(Path(sys.argv[1])) as partial: partial.write_text('half a table'); os._exit(9)"
        assert subprocess.run([sys.executable, "-c", killed, tmp_path / "table.csv"], check=False).returncode == 9
    assert len(list(tmp_path.iterdir())) == 1
    write_text(tmp_path / "table.csv", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "whole"


def test_writers_of_one_file_at_once_do_not_share_what_they_write(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as one, replacing(tmp_path / "a") as other:
        one.write_text("one")
        other.write_text("other")
        assert one != other
    assert (tmp_path / "a").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
