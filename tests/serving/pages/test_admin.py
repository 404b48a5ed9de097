"""The page of administrators."""

import pytest
from fastapi.testclient import TestClient

from eyeground.serving.keys import keys
from eyeground.serving.people import add_person, log_in, people
from eyeground.serving.service import Service

from .conftest import HTML, PASSWORD, page_token
from .stored import add_finding, add_model


@pytest.fixture
def admin(client: TestClient, service: Service) -> dict[str, str]:
    """The token of an administrator who is logged in."""
    with service.store.write() as session:
        add_person(session, "Ada", PASSWORD, "admin", "test")
    client.cookies.set("eyeground_session", log_in(service.store, "Ada", PASSWORD) or "")
    return {"csrf_token": page_token(client)}


def test_people_come_and_go(client: TestClient, service: Service, admin: dict[str, str]) -> None:
    reader = {"name": "Ben", "password": PASSWORD, "role": "reader"}
    assert client.post("/admin/people", data={**reader, **admin}, headers=HTML).status_code == 200
    assert client.post("/admin/people", data={**reader, "password": "short", **admin}, headers=HTML).status_code == 400
    client.post("/admin/people/remove", data={"name": "Ben", **admin}, headers=HTML)
    assert client.post("/admin/people/remove", data={"name": "Ada", **admin}, headers=HTML).status_code == 400
    with service.store.read() as session:
        assert [(one.name, one.disabled) for one in people(session)] == [("Ada", False), ("Ben", True)]


def test_a_key_is_shown_once(client: TestClient, service: Service, admin: dict[str, str]) -> None:
    form = {"name": "camera", "days": "30", "scope_photos": "1", **admin}
    page = client.post("/admin/keys", data=form, headers=HTML).text
    key = page.partition('id="made">')[2].partition("<")[0]
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/v1/findings", headers=headers).status_code == 403, "it may send photographs only"
    assert key not in client.get("/admin", headers=HTML).text
    assert client.post("/admin/keys", data={**admin, "name": "none", "days": "30"}, headers=HTML).status_code == 400
    with service.store.read() as session:
        (made,) = keys(session)
    client.post("/admin/keys/revoke", data={"key": made.id, **admin}, headers=HTML)
    assert client.get("/api/v1/findings", headers=headers).status_code == 401


def test_a_patient_is_deleted_by_the_identifier_and_the_trail_says_so(
    client: TestClient, service: Service, admin: dict[str, str]
) -> None:
    with service.store.write() as session:
        model_id = add_model(session, "tiny@0")
        photo_id = add_finding(session, model_id, "normal", patient="P-1")
    assert client.post("/admin/delete-patient", data={"patient": "P-2", **admin}, headers=HTML).status_code == 400
    assert (
        "1 photographs were deleted"
        in client.post("/admin/delete-patient", data={"patient": "P-1", **admin}, headers=HTML).text
    )
    trail = client.get(f"/admin/audit?photo={photo_id}", headers=HTML).text
    assert "deleted" in trail and "P-1" not in trail


def test_photos_of_an_age_are_deleted(client: TestClient, service: Service, admin: dict[str, str]) -> None:
    with service.store.write() as session:
        model_id = add_model(session, "tiny@0")
        old, new = (add_finding(session, model_id, "normal", name=str(days), days=days) for days in (40, 2))
    assert client.post("/admin/delete-old", data={"days": "0", **admin}, headers=HTML).status_code == 400
    client.post("/admin/delete-old", data={"days": "30", **admin}, headers=HTML)
    assert client.get(f"/api/v1/findings/{old}").status_code == 404
    assert client.get(f"/api/v1/findings/{new}").status_code == 200


def test_readers_have_no_admin_page(client: TestClient, service: Service) -> None:
    with service.store.write() as session:
        add_person(session, "Ben", PASSWORD, "reader", "test")
        photo_id = add_finding(session, add_model(session, "tiny@0"), "unreadable")
    client.cookies.set("eyeground_session", log_in(service.store, "Ben", PASSWORD) or "")
    token = page_token(client)
    for path in ("/admin", "/admin/audit"):
        assert client.get(path, headers=HTML).status_code == 403
    for path in (
        "/admin/people",
        "/admin/keys",
        "/admin/delete-old",
        "/adapt",
        "/adapt/use",
        f"/findings/{photo_id}/delete",
    ):
        assert client.post(path, data={"csrf_token": token}, headers=HTML).status_code == 403, path
    assert 'href="/admin"' not in client.get("/worklist", headers=HTML).text
    assert "/delete" not in client.get(f"/findings/{photo_id}", headers=HTML).text
