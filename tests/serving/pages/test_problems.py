"""Errors in words for people, and as JSON for programs."""

import pytest
from fastapi.testclient import TestClient

from eyeground.serving.app import create_app
from eyeground.serving.pages import upload
from eyeground.serving.service import Service

from .conftest import HTML

LARGE = b"x" * 2**21


def test_what_is_too_large_is_told_in_words(client: TestClient) -> None:
    page = client.post("/login", content=LARGE, headers=HTML)
    assert (page.status_code, "<h1>" in page.text) == (413, True)
    assert client.post("/api/v1/batches", content=LARGE).json()["detail"]
    fragment = client.post("/login", content=LARGE, headers={"HX-Request": "true"})
    assert "<html" not in fragment.text and "<p>" in fragment.text


def test_an_unknown_host_name_is_told_in_words(client: TestClient) -> None:
    page = client.get("/worklist", headers={**HTML, "Host": "elsewhere.example"})
    assert page.status_code == 421 and "--public-name" in page.text


def test_what_goes_wrong_inside_is_told_without_its_cause(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(upload, "cameras", fail)
    client = TestClient(create_app(service), base_url="http://127.0.0.1", raise_server_exceptions=False)
    page = client.get("/upload", headers=HTML)
    assert page.status_code == 500 and "<h1>" in page.text and "secret" not in page.text
    assert client.get("/upload").json() == {"detail": "the service could not answer"}


def test_who_asks_too_often_is_told_when_to_come_back(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eyeground.serving.people import add_person, log_in

    with service.store.write() as session:
        add_person(session, "Ada", "correct horse battery", "reader", "test")
    client.cookies.set("eyeground_session", log_in(service.store, "Ada", "correct horse battery") or "")
    monkeypatch.setattr("eyeground.serving.access.PERSON_PER_MINUTE", 6)
    assert client.get("/worklist", headers=HTML).status_code == 200
    page = client.get("/worklist", headers=HTML)
    assert page.status_code == 429 and int(page.headers["retry-after"]) > 0 and "<h1>" in page.text
