"""Findings of an earlier model: marked, and replaced by screening again where the file was kept."""

from collections.abc import Callable

from fastapi.testclient import TestClient
from sqlalchemy import update

from eyeground.serving import models_in_use
from eyeground.serving.audit import trail
from eyeground.serving.rescreening import outdated, rescreen
from eyeground.serving.service import Service
from eyeground.serving.store.tables import Finding, Job, Photo


def send(client: TestClient, content: bytes) -> str:
    return str(client.post("/api/v1/photos", files={"file": ("eye.jpg", content)}).json()["id"])


def change_the_model(service: Service, screen_all: Callable[..., int]) -> None:
    """What was screened so far was screened by another model than that in use from now on."""
    with service.store.write() as session:
        session.execute(update(models_in_use.Model).values(identity="an earlier model"))
    screen_all()


def test_what_was_kept_is_screened_again_once_and_keeps_its_finding_until_then(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    kept = send(client, photo_bytes(seed=1))
    screen_all(keep_originals=True)
    gone = send(client, photo_bytes(seed=2))
    screen_all()
    with service.store.read() as session:
        assert outdated(session) == (0, 0)
    change_the_model(service, screen_all)
    with service.store.write() as session:
        assert outdated(session) == (2, 1)
        assert rescreen(session, "person:Ada") == 1
        assert rescreen(session, "person:Ada") == 0, "it waits already"
        assert session.get_one(Photo, kept).state == "done"
    assert client.get(f"/api/v1/findings/{kept}").json()["status"] != "pending"
    assert screen_all() == 1
    with service.store.read() as session:
        assert outdated(session) == (1, 0)
        assert session.query(Finding).filter_by(photo_id=kept).count() == 2
        assert session.query(Job).count() == 0
        assert session.get_one(Photo, kept).kept and service.folder.original(kept).is_file()
        assert not session.get_one(Photo, gone).kept
        assert "screened again" in [entry.action for entry in trail(session)]
