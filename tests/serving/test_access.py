"""Who may do what: keys, people, sessions, other sites' pages, other hosts' names."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import Depends, Request
from fastapi.testclient import TestClient

from eyeground.errors import UserError
from eyeground.serving.access import SESSION, Actor, csrf_token, requires
from eyeground.serving.keys import Allowance, create_key, revoke_key
from eyeground.serving.people import (
    MOST_FAILURES,
    LoginLockedError,
    add_person,
    disable_person,
    log_in,
    log_out,
)
from eyeground.serving.service import Service
from eyeground.serving.store.tables import ApiKey, LoginFailures, LoginSession, now

PASSWORD = "a long password"


def key(service: Service, scopes: list[str], **options: int) -> dict[str, str]:
    with service.store.write() as session:
        return {"Authorization": f"Bearer {create_key(session, 'camera', scopes, 'test', **options)}"}


def person(service: Service, name: str = "ann", role: str = "reader") -> str:
    with service.store.write() as session:
        add_person(session, name, PASSWORD, role, "test")
    cookie = log_in(service.store, name, PASSWORD)
    assert cookie is not None
    return cookie


def send(client: TestClient, content: bytes, headers: dict[str, str]) -> int:
    return client.post("/api/v1/photos", files={"file": ("eye.jpg", content)}, headers=headers).status_code


def test_without_any_account_this_machine_is_let_in_and_with_one_nobody_without(
    client: TestClient, service: Service, photo_bytes: Callable[..., bytes]
) -> None:
    assert send(client, photo_bytes(), {}) == 202
    headers = key(service, ["photos"])
    assert send(client, photo_bytes(), {}) == 401
    assert send(client, photo_bytes(), headers) == 202
    assert client.get("/health").status_code == 200
    assert client.get("/metrics").status_code == 401


@pytest.mark.parametrize(
    "wrong", ["Bearer nonsense", "Bearer eyeground_0123456789ab_secret", "Basic YTpi", "Bearer ", ""]
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(client: TestClient, wrong: str) -> None:
    answer = client.get("/api/v1/findings", headers={"Authorization": wrong})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_expired_and_a_revoked_key_are_refused(client: TestClient, service: Service) -> None:
    expired, revoked = key(service, ["findings"]), key(service, ["findings"])
    assert client.get("/api/v1/findings", headers=expired).status_code == 200
    with service.store.write() as session:
        for row in session.query(ApiKey):
            if row.id in expired["Authorization"]:
                row.expires = now() - timedelta(seconds=1)
            else:
                revoke_key(session, row.id, "test")
    for headers in (expired, revoked):
        assert client.get("/api/v1/findings", headers=headers).status_code == 401


def test_a_secret_is_not_stored(service: Service) -> None:
    secret = key(service, ["photos"])["Authorization"].rpartition("_")[2]
    person(service)
    service.store.compact()
    stored = b"".join(file.read_bytes() for file in service.folder.path.rglob("*") if file.is_file())
    assert secret.encode() not in stored
    assert PASSWORD.encode() not in stored


def test_a_key_does_what_its_scopes_say(
    client: TestClient, service: Service, photo_bytes: Callable[..., bytes]
) -> None:
    assert send(client, photo_bytes(), key(service, ["findings"])) == 403
    assert client.get("/api/v1/findings", headers=key(service, ["photos"])).status_code == 403
    with pytest.raises(UserError), service.store.write() as session:
        create_key(session, "camera", ["everything"], "test")


def test_a_key_sees_its_own_photos_alone(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    ours, theirs = key(service, ["photos", "findings", "grades"]), key(service, ["photos", "findings", "grades"])
    everybodys = key(service, ["findings", "all"])
    sent = client.post("/api/v1/photos", files={"file": photo_bytes()}, headers=ours).json()["id"]
    again = client.post("/api/v1/photos", files={"file": photo_bytes()}, headers=theirs).json()
    assert again["id"] != sent, "the same content is another photo in another space"
    assert not again["known"]
    screen_all()
    assert client.get(f"/api/v1/findings/{sent}", headers=ours).status_code == 200
    assert client.get(f"/api/v1/findings/{sent}", headers=everybodys).status_code == 200
    for method, path in (
        ("GET", f"/api/v1/findings/{sent}"),
        ("GET", f"/api/v1/findings/{sent}/pictures/photo"),
        ("DELETE", f"/api/v1/photos/{sent}"),
    ):
        assert client.request(method, path, headers=theirs).status_code == 404
    grade = {"grade": "normal"}
    assert client.put(f"/api/v1/findings/{sent}/grade", json=grade, headers=theirs).status_code == 404
    assert client.get("/api/v1/findings", headers=theirs).json()["total"] == 1
    assert client.get("/api/v1/findings", headers=everybodys).json()["total"] == 2
    batch = client.post("/api/v1/batches", headers=ours).json()["id"]
    assert client.get(f"/api/v1/batches/{batch}", headers=theirs).status_code == 404
    assert client.post(f"/api/v1/batches/{batch}/cancel", headers=theirs).status_code == 404
    into = client.post("/api/v1/photos", files={"file": photo_bytes(seed=5)}, data={"batch": batch}, headers=theirs)
    assert into.status_code == 404


def test_a_key_that_asks_too_often_waits(client: TestClient, service: Service) -> None:
    headers = key(service, ["findings"], per_minute=12)
    answers = [client.get("/api/v1/findings", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert Allowance().take("one", 60) == 0


def test_a_session_lets_in_until_it_ends(client: TestClient, service: Service) -> None:
    cookie = person(service)
    client.cookies.set(SESSION, cookie)
    with service.store.write() as session:
        session.query(LoginSession).one().last_used = now() - timedelta(hours=7)
    assert client.get("/api/v1/findings").status_code == 200
    with service.store.write() as session:
        login = session.query(LoginSession).one()
        assert now() - login.last_used < timedelta(minutes=1), "using it renews it"
        login.last_used = now() - timedelta(hours=9)
    assert client.get("/api/v1/findings").status_code == 401
    client.cookies.set(SESSION, another := person(service))
    assert client.get("/api/v1/findings").status_code == 200
    with service.store.write() as session:
        log_out(session, another)
    assert client.get("/api/v1/findings").status_code == 401
    client.cookies.set(SESSION, person(service))
    with service.store.write() as session:
        disable_person(session, "ann", "test")
    assert client.get("/api/v1/findings").status_code == 401
    assert log_in(service.store, "ann", PASSWORD) is None


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_guessing_a_password_locks_the_name_whether_anybody_has_it_or_not(service: Service, name: str) -> None:
    person(service)
    for _ in range(MOST_FAILURES):
        assert log_in(service.store, name, "a wrong password") is None
    with pytest.raises(LoginLockedError):
        log_in(service.store, name, PASSWORD)
    with service.store.write() as session:
        session.query(LoginFailures).one().last = now() - timedelta(hours=1)
    assert (log_in(service.store, name, PASSWORD) is not None) == (name == "ann")


def test_a_browser_must_come_from_our_page_with_its_token(client: TestClient, service: Service) -> None:
    app = client.app

    @app.get("/token")  # type: ignore[attr-defined]  # a FastAPI
    def token(request: Request) -> str:
        return csrf_token(request)

    @app.post("/change")  # type: ignore[attr-defined]
    def change(actor: Actor = Depends(requires("photos"))) -> str:  # noqa: B008 - as FastAPI has it
        return actor.name

    client.cookies.set(SESSION, person(service))
    right = {"X-CSRF-Token": client.get("/token").json(), "Origin": "http://127.0.0.1:8000"}
    assert client.post("/change", headers=right).status_code == 200
    assert client.post("/change", headers=right | {"X-CSRF-Token": "another"}).status_code == 403
    assert client.post("/change", headers={"Origin": right["Origin"]}).status_code == 403
    assert client.post("/change").status_code == 403
    assert client.post("/change", headers=right | {"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/change", headers=right | {"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_another_sites_page_cannot_use_an_open_service(client: TestClient, photo_bytes: Callable[..., bytes]) -> None:
    assert send(client, photo_bytes(), {"Origin": "https://evil.example"}) == 403
    assert send(client, photo_bytes(), {"Sec-Fetch-Site": "cross-site"}) == 403
    assert send(client, photo_bytes(), {"Sec-Fetch-Site": "same-origin"}) == 403, "and ours needs its token"
    rebound = client.get("/api/v1/findings", headers={"Host": "evil.example"})
    assert rebound.status_code == 421


@pytest.mark.parametrize(("role", "status"), [("reader", 403), ("admin", 204)])
def test_of_people_admins_delete(
    client: TestClient, service: Service, photo_bytes: Callable[..., bytes], role: str, status: int
) -> None:
    photo_id = client.post("/api/v1/photos", files={"file": photo_bytes()}).json()["id"]
    cookie = person(service, role=role)
    token = hashlib.sha256(f"csrf:{cookie}".encode()).hexdigest()
    client.cookies.set(SESSION, cookie)
    assert client.delete(f"/api/v1/photos/{photo_id}", headers={"X-CSRF-Token": token}).status_code == status
    assert client.get(f"/api/v1/findings/{photo_id}").status_code == (404 if status == 204 else 200)


def test_a_key_that_sees_all_deletes_its_own_alone(
    client: TestClient, service: Service, photo_bytes: Callable[..., bytes]
) -> None:
    sent = client.post("/api/v1/photos", files={"file": photo_bytes()}).json()["id"]
    headers = key(service, ["photos", "findings", "all"])
    assert client.get(f"/api/v1/findings/{sent}", headers=headers).status_code == 200
    assert client.delete(f"/api/v1/photos/{sent}", headers=headers).status_code == 404
