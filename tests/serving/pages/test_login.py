"""Log-in, log-out, the first account, and errors in words."""

import pytest
from fastapi.testclient import TestClient

from eyeground.serving.people import MOST_FAILURES, add_person
from eyeground.serving.service import Service

from .conftest import HTML, PASSWORD


def token_of(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def log_in(client: TestClient, name: str = "Ada", password: str = PASSWORD, target: str = "/worklist") -> int:
    token = token_of(client.get("/login", headers=HTML).text)
    form = {"csrf_token": token, "name": name, "password": password, "next": target}
    answer = client.post("/login", data=form, headers=HTML, follow_redirects=False)
    return answer.status_code if answer.status_code != 303 or answer.headers["location"] == target else 0


@pytest.fixture
def ada(service: Service) -> None:
    with service.store.write() as session:
        add_person(session, "Ada", PASSWORD, "reader", "test")


def test_the_first_account_is_an_administrators_and_closes_the_service(client: TestClient) -> None:
    form = {"csrf_token": token_of(client.get("/welcome", headers=HTML).text), "name": "Ada", "password": PASSWORD}
    assert client.post("/welcome", data={**form, "again": "other"}, headers=HTML).status_code == 422
    made = client.post("/welcome", data={**form, "again": PASSWORD}, headers=HTML, follow_redirects=False)
    assert made.headers["location"] == "/admin"
    assert client.get("/worklist", headers=HTML).status_code == 200
    client.cookies.clear()
    answer = client.get("/worklist?status=abnormal", headers=HTML, follow_redirects=False)
    assert answer.headers["location"] == "/login?next=%2Fworklist%3Fstatus%3Dabnormal"


@pytest.mark.usefixtures("ada")
def test_who_logs_in_comes_to_the_page_that_was_asked_for_and_who_logs_out_is_out(client: TestClient) -> None:
    assert log_in(client, password="wrong") == 401
    assert log_in(client, target="/batches") == 303
    page = client.get("/batches", headers=HTML)
    assert page.status_code == 200 and "Ada" in page.text
    assert client.get("/welcome", headers=HTML).status_code == 403
    client.post("/logout", data={"csrf_token": token_of(page.text)}, headers=HTML)
    assert client.get("/batches", headers=HTML, follow_redirects=False).status_code == 303


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("target", ["https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)"])
def test_a_log_in_leads_to_no_other_site(client: TestClient, target: str) -> None:
    token = token_of(client.get("/login", headers=HTML).text)
    form = {"csrf_token": token, "name": "Ada", "password": PASSWORD, "next": target}
    assert client.post("/login", data=form, follow_redirects=False).headers["location"] == "/"


@pytest.mark.usefixtures("ada")
def test_after_wrong_passwords_a_name_is_locked(client: TestClient) -> None:
    assert [log_in(client, password="wrong") for _ in range(MOST_FAILURES)] == [401] * MOST_FAILURES
    assert log_in(client) == 429


@pytest.mark.usefixtures("ada")
def test_a_log_in_without_the_token_is_refused(client: TestClient) -> None:
    assert client.post("/login", data={"name": "Ada", "password": PASSWORD}, headers=HTML).status_code == 403


def test_people_get_pages_and_programs_get_json(client: TestClient) -> None:
    page = client.get("/nowhere", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert client.get("/nowhere").json() == {"detail": "Not Found"}
    assert client.get("/api/v1/nowhere", headers=HTML).headers["content-type"] == "application/json"
    assert client.get("/static/../app.py", headers=HTML).status_code == 404
