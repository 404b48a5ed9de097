"""What a kill leaves is put right at the next start."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

from fastapi.testclient import TestClient

from eyeground.serving.service import Service
from eyeground.serving.store.tables import Photo
from eyeground.serving.sweeping import sweep, tidy


def test_uploads_are_removed_kept_or_left_as_their_photos_say(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    done = client.post("/api/v1/photos", files={"file": photo_bytes(seed=1)}).json()["id"]
    screen_all()
    waiting = client.post("/api/v1/photos", files={"file": photo_bytes(seed=2)}).json()["id"]
    with service.store.write() as session:
        session.get_one(Photo, done).kept = True
    for name in (done, "0" * 32):
        service.folder.receive(BytesIO(b"left"), name)
    assert sweep(service.store, service.folder, timedelta(hours=1)) == 0, "they may be of uploads of this moment"
    assert sweep(service.store, service.folder) == 1
    assert service.folder.original(done).is_file()
    assert [file.name for file in service.folder.incoming.iterdir()] == [waiting]
    assert tidy(service.store, service.folder, None) == 0
    assert tidy(service.store, service.folder, 1) == 0
