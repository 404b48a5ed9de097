from pathlib import Path

import pytest

from eyeground.errors import UserError
from eyeground.scale.batch.shard import GONE, ShardScreener, Task, fetched
from eyeground.scale.batch.storage import Place
from eyeground.screening.decoder_pool import Refused


def test_a_worker_whose_machine_has_another_model_refuses(screener, tmp_path):
    task = Task(Place(str(tmp_path)), str(screener.bundle.folder), "other", None, None, "none", 1)
    with pytest.raises(UserError, match="another model"):
        ShardScreener(task)


def test_a_missing_object_is_refused_and_silent_storage_is_an_error(s3, tmp_path, monkeypatch):
    assert fetched(f"{s3}/no/such.jpg", tmp_path / "x") == Refused(GONE)
    monkeypatch.setattr("eyeground.scale.batch.shard._PAUSE", 0.0)

    class Silent:
        def info(self, url: str) -> dict[str, int]:
            raise TimeoutError("no answer")

    monkeypatch.setattr("eyeground.scale.batch.shard.file_system", lambda _: Silent())
    with pytest.raises(UserError, match=r"a\.jpg: cannot be fetched: no answer"):
        fetched(f"{s3}/a.jpg", tmp_path / "x")


@pytest.mark.parametrize("remote", [False, True])
def test_what_fails_half_way_leaves_nothing_under_its_name(request, tmp_path, remote):
    place = Place(request.getfixturevalue("s3") + "/half" if remote else str(tmp_path))

    def fail(path: Path) -> None:
        path.write_text("half")
        raise UserError("verified, and wrong")

    with pytest.raises(UserError, match="verified, and wrong"):
        place.put("folder/file", fail)
    assert place.text("folder/file") is None and place.names("folder") == set()
    place.put_text("folder/file", "whole")
    place.put_text("folder/file", "new")
    assert place.text("folder/file") == "new" and place.names("folder") == {"file"}
    place.remove("folder")
    place.remove("folder")
    assert place.text("folder/file") is None
