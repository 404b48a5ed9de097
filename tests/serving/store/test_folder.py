"""The data folder: private, one service at a time, and everything temporary in it."""

import os
import stat
import tempfile
from io import BytesIO
from pathlib import Path

import pytest

from eyeground.errors import UserError
from eyeground.serving.service import Service
from eyeground.serving.store.folder import DataFolder


def test_temporary_files_are_made_in_it_and_nobody_else_reads_it(service: Service) -> None:
    with tempfile.NamedTemporaryFile() as made:
        assert Path(made.name).parent == service.folder.temporary.absolute()
    assert stat.S_IMODE(service.folder.path.stat().st_mode) == 0o700


def test_a_second_service_on_it_is_refused_until_the_first_ends(service: Service) -> None:
    lock = service.folder.lock("server")
    with pytest.raises(UserError, match="another service runs"):
        service.folder.lock("server")
    os.close(lock)
    os.close(service.folder.lock("server"))


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        DataFolder(tmp_path / "file" / "clinic").prepare()


def test_an_upload_is_kept_or_removed_with_all_of_its_photo(service: Service) -> None:
    folder = service.folder
    folder.receive(BytesIO(b"photo"), "ab12")
    folder.keep("ab12")
    assert folder.original("ab12").read_bytes() == b"photo"
    assert not folder.upload("ab12").exists()
    folder.remove(["ab12", "cd34"])
    assert not folder.original("ab12").exists()
