"""The worklist, its export and its batches, without a browser."""

import csv
import io
from collections.abc import Callable

from fastapi.testclient import TestClient
from sqlalchemy import event

from eyeground.serving.service import Service

from .conftest import HTML, page_token
from .stored import add_finding, add_model


def send(client: TestClient, content: bytes, name: str = "eye.jpg", **fields: str) -> str:
    headers = {"X-CSRF-Token": page_token(client)} if client.cookies else {}
    answer = client.post("/api/v1/photos", files={"file": (name, content)}, data=fields, headers=headers)
    return str(answer.json()["id"])


def test_an_empty_service_starts_with_the_upload(client: TestClient, photo_bytes: Callable[..., bytes]) -> None:
    assert client.get("/", follow_redirects=False).headers["location"] == "/upload"
    send(client, photo_bytes())
    assert client.get("/", follow_redirects=False).headers["location"] == "/worklist"


def test_2000_photos_come_in_pages(client: TestClient, photo_bytes: Callable[..., bytes]) -> None:
    content = photo_bytes(height=64)
    ids = [send(client, content + bytes([place]), name=f"{place:03}.jpg") for place in range(103)]
    first, second = (client.get(f"/worklist?sort=name&page={page}", headers=HTML).text for page in (1, 2))
    assert (first.count('class="opens"'), second.count('class="opens"')) == (100, 3)
    assert ids[0] in first and ids[102] in second


def test_names_are_shown_as_text(client: TestClient, photo_bytes: Callable[..., bytes]) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    photo_id = send(client, photo_bytes(), name=hostile, patient=hostile, camera=hostile)
    for path in ("/worklist", f"/findings/{photo_id}", "/upload", f"/worklist?q={hostile}&camera={hostile}"):
        assert "<img src=x" not in client.get(path, headers=HTML).text, path


def test_an_export_has_all_that_the_filter_shows_and_no_formula(
    client: TestClient, photo_bytes: Callable[..., bytes], screen_all: Callable[..., int], token: str
) -> None:
    shown = send(client, photo_bytes(), patient="=1+1", eye="left")
    send(client, photo_bytes(seed=1), patient="P-2", eye="right")
    screen_all()
    form = {"csrf_token": token, "grade": "abnormal", "label": "AMD", "comment": "drusen"}
    client.post(f"/findings/{shown}/grade", data=form)
    rows = list(csv.DictReader(io.StringIO(client.get("/worklist.csv?eye=left").text)))
    assert [(row["id"], row["patient"], row["comments"]) for row in rows] == [(shown, "'=1+1", "drusen")]
    assert 0 <= float(rows[0]["probability_abnormal"]) <= 1
    (record,) = client.get("/worklist.json?eye=left").json()
    assert (record["id"], record["patient"], record["grades"]) == (shown, "=1+1", "local: abnormal (AMD)")


def test_an_export_asks_the_store_as_often_for_many_photos_as_for_few(client: TestClient, service: Service) -> None:
    with service.store.write() as session:
        model = add_model(session, "tiny@0")
        for place in range(60):
            add_finding(session, model, "normal", name=f"{place}.jpg", patient=f"P-{place % 7}", grade="normal")
    asked: list[str] = []
    event.listen(service.store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    rows = list(csv.DictReader(io.StringIO(client.get("/worklist.csv").text)))
    assert len(rows) == 60 and {row["grades"] for row in rows} == {"person:Ada: normal"}
    assert len([one for one in asked if one.lstrip().startswith("SELECT")]) < 15


def test_a_batch_is_cancelled_by_its_form_only_with_the_token(
    client: TestClient, photo_bytes: Callable[..., bytes], token: str
) -> None:
    batch = client.post("/api/v1/batches", data={"name": "Monday"}, headers={"X-CSRF-Token": token}).json()["id"]
    waiting = client.post(
        "/api/v1/photos",
        files={"file": photo_bytes()},
        data={"batch": batch},
        headers={"X-CSRF-Token": token},
    ).json()["id"]
    assert client.post(f"/batches/{batch}/cancel", headers=HTML).status_code == 403
    assert client.post(f"/batches/{batch}/cancel", data={"csrf_token": token}).status_code == 200
    assert client.get(f"/api/v1/findings/{waiting}").json()["status"] == "cancelled"
    assert "Monday" in client.get("/batches", headers=HTML).text


def test_what_an_address_says_wrong_counts_as_not_said(client: TestClient, photo_bytes: Callable[..., bytes]) -> None:
    photo_id = send(client, photo_bytes())
    page = client.get("/worklist?sort=nonsense&since=yesterday&graded=maybe&status=", headers=HTML)
    assert page.status_code == 200 and photo_id in page.text
    assert client.get("/worklist?page=0", headers=HTML).status_code == 422
