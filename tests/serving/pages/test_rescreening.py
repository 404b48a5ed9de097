"""The pages mark findings of an earlier model, and have them screened again."""

from collections.abc import Callable

from fastapi.testclient import TestClient
from sqlalchemy import update

from eyeground.serving import models_in_use
from eyeground.serving.service import Service

from .conftest import HTML, page_token


def test_pages_mark_findings_of_an_earlier_model_and_screen_them_again(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    kept = client.post("/api/v1/photos", files={"file": ("eye.jpg", photo_bytes(seed=1))}).json()["id"]
    screen_all(keep_originals=True)
    mark, button = "of an earlier model", f"/findings/{kept}/rescreen"
    assert mark not in client.get(f"/findings/{kept}", headers=HTML).text
    with service.store.write() as session:
        session.execute(update(models_in_use.Model).values(identity="an earlier model"))
    screen_all()  # registers the model of now as another one
    page = client.get(f"/findings/{kept}", headers=HTML).text
    assert mark in page and button in page
    assert "by an earlier model" in client.get("/worklist", headers=HTML).text
    assert "/adapt/rescreen" in client.get("/adapt", headers=HTML).text
    assert client.post(button, headers=HTML).status_code == 403, "without the token"
    page = client.post(button, data={"csrf_token": page_token(client)}, headers=HTML).text
    assert "waits to be screened again" in page and button not in page
    assert screen_all() == 1
    assert mark not in client.get(f"/findings/{kept}", headers=HTML).text
    assert "/adapt/rescreen" not in client.get("/adapt", headers=HTML).text
