"""The REST API: photographs in, the same findings as `screen` out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from eyeground.screening.batch import screen
from eyeground.screening.runtime import Screener
from eyeground.serving.service import Service


def post(client: TestClient, content: bytes, name: str = "eye.jpg", **fields: str) -> str:
    answer = client.post("/api/v1/photos", files={"file": (name, content)}, data=fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_photo_is_on_disk_when_it_is_accepted_and_pending_until_it_is_screened(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    photo_id = post(client, photo_bytes(), eye="left", patient="P-1")
    assert service.folder.upload(photo_id).read_bytes() == photo_bytes()
    waiting = client.get(f"/api/v1/findings/{photo_id}").json()
    assert (waiting["status"], waiting["probabilities"], waiting["before"]) == ("pending", {}, 0)
    assert screen_all() == 1
    found = client.get(f"/api/v1/findings/{photo_id}").json()
    assert found["status"] in ("normal", "abnormal", "ungradable", "unfamiliar")
    assert (found["eye"], found["patient"]) == ("left", "P-1")
    assert not service.folder.upload(photo_id).exists()
    assert {file.name for file in service.folder.pictures(photo_id).iterdir()} == {
        "photo.jpg",
        "evidence.webp",
        "thumbnail.webp",
    }


def test_the_finding_is_that_of_screen(
    client: TestClient,
    screener: Screener,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    contents = [photo_bytes(disease="diabetic_retinopathy", grade=4, seed=seed) for seed in range(3)] + [
        b"\xff\xd8\xff"
    ]
    folder = tmp_path / "photos"
    folder.mkdir()
    for place, content in enumerate(contents):
        (folder / f"{place}.jpg").write_bytes(content)
    ids = [post(client, content) for content in contents]
    screen_all()
    screen(folder, screener, tmp_path / "out", jobs=1, report=False, overlays="none")
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    for photo_id, row in zip(ids, rows, strict=True):
        found = client.get(f"/api/v1/findings/{photo_id}").json()
        assert found["status"] == row["status"]
        assert found["reason"] == row["reason"]
        assert found["model"] == row["model"]
        assert found["probabilities"] == {
            name.removeprefix("probability_"): cell
            for name, cell in row.items()
            if name.startswith("probability_") and cell is not None
        }
        assert "; ".join(found["suspected"]) == (row["suspected"] or "")
    assert found["status"] == "unreadable"


def test_the_same_content_is_taken_once(
    client: TestClient, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    first = post(client, photo_bytes())
    assert post(client, photo_bytes(), name="other.jpg") == first
    assert screen_all() == 1
    assert post(client, photo_bytes()) == first
    assert screen_all() == 0


def test_a_batch_counts_its_photos_and_can_be_cancelled(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    batch = client.post("/api/v1/batches", data={"name": "Monday"}).json()["id"]
    first = post(client, photo_bytes(seed=1), batch=batch)
    assert screen_all() == 1
    second = post(client, photo_bytes(seed=2), batch=batch)
    running = client.get(f"/api/v1/batches/{batch}").json()
    assert (running["state"], running["photos"], running["pending"]) == ("running", 2, 1)
    cancelled = client.post(f"/api/v1/batches/{batch}/cancel").json()
    assert (cancelled["state"], cancelled["cancelled"], sum(cancelled["statuses"].values())) == ("cancelled", 1, 1)
    assert screen_all() == 0
    assert client.get(f"/api/v1/findings/{second}").json()["status"] == "cancelled"
    assert client.get(f"/api/v1/findings/{first}").json()["status"] != "cancelled"
    assert not service.folder.upload(second).exists()
    assert client.post("/api/v1/photos", files={"file": photo_bytes(seed=3)}, data={"batch": batch}).status_code == 409
    assert post(client, photo_bytes(seed=2)) == second, "sent again, it is screened after all"
    assert screen_all() == 1


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415),
        (b"<!DOCTYPE html><html></html>", 415),
        (bytes.fromhex("89504e470d0a1a0a0000000d494844520000ffff0000ffff0802000000"), 422),
    ],
    ids=["empty", "svg", "html", "pixels"],
)
def test_what_is_no_photograph_is_refused_and_leaves_nothing(
    client: TestClient, service: Service, content: bytes, status: int
) -> None:
    answer = client.post("/api/v1/photos", files={"file": ("eye.jpg", content)})
    assert answer.status_code == status
    assert list(service.folder.incoming.iterdir()) == []
