"""Deleting really deletes: nothing of a photo or patient is found in any byte of the data folder."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from eyeground.serving import audit, work
from eyeground.serving.patients import visits_of
from eyeground.serving.service import Service
from eyeground.serving.store.deletion import delete_expired, delete_patient, delete_photos
from eyeground.serving.store.tables import Batch, Patient, Photo, now

SECRETS = {"patient": "PATIENT-4711", "camera": "CAMERA-4711"}


def bytes_of(service: Service) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(service.folder.path.rglob("*")) if file.is_file())


def send(client: TestClient, content: bytes, name: str = "FILE-4711.jpg", **fields: str) -> str:
    answer = client.post("/api/v1/photos", files={"file": (name, content)}, data=fields)
    assert answer.status_code == 202
    return str(answer.json()["id"])


@pytest.mark.parametrize("kept", [False, True], ids=["uploads removed", "originals kept"])
def test_nothing_of_a_deleted_photo_is_left_in_the_data_folder(
    client: TestClient,
    service: Service,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    kept: bool,
) -> None:
    batch = client.post("/api/v1/batches", data={"name": "BATCH-4711"}).json()["id"]
    content = photo_bytes() + b"CONTENT-4711"
    photo_id = send(client, content, **SECRETS, batch=batch)
    others = send(client, photo_bytes(seed=1), name="other.jpg", patient="OTHER")
    screen_all(keep_originals=kept)
    grade = {"grade": "abnormal", "comment": "COMMENT-4711", "label": "LABEL-4711"}
    assert client.put(f"/api/v1/findings/{photo_id}/grade", json=grade).status_code == 204
    with service.store.read() as session:
        digest = session.get_one(Photo, photo_id).content
    before = bytes_of(service)
    for secret in ("PATIENT", "FILE", "BATCH", "COMMENT", "LABEL", "CAMERA", *(["CONTENT"] if kept else [])):
        assert f"{secret}-4711".encode() in before, "else this test could not fail"
    assert client.delete(f"/api/v1/photos/{photo_id}").status_code == 204
    after = bytes_of(service)
    assert b"4711" not in after
    assert digest.encode() not in after
    assert not [file for file in service.folder.path.rglob("*") if photo_id in file.name]
    assert client.get(f"/api/v1/findings/{photo_id}").status_code == 404
    assert client.get(f"/api/v1/findings/{others}").json()["patient"] == "OTHER"
    with service.store.read() as session:
        assert [entry.action for entry in audit.trail(session, photo_id)] == [
            "deleted",
            "graded",
            "screened",
            "uploaded",
        ]


def test_a_photo_that_is_deleted_while_it_is_screened_leaves_nothing(
    client: TestClient,
    service: Service,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo_id = send(client, photo_bytes())
    save = work.save_pictures

    def delete_first(*given: object) -> None:
        save(*given)  # type: ignore[arg-type]
        delete_photos(service.store, service.folder, [photo_id], "test")
        save(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "save_pictures", delete_first)
    screen_all()
    assert client.get(f"/api/v1/findings/{photo_id}").status_code == 404
    assert not [file for file in service.folder.path.rglob("*") if photo_id in file.name]


def test_a_patient_is_deleted_with_all_photos_and_old_photos_by_age(
    client: TestClient, service: Service, photo_bytes: Callable[..., bytes]
) -> None:
    for seed in range(3):
        send(client, photo_bytes(seed=seed), patient="P-1" if seed else "P-2", visit=f"2026-11-0{seed + 1}")
    with service.store.read() as session:
        patients = {patient.identifier: patient.id for patient in session.query(Patient)}
        assert [visit.day.day for visit in visits_of(session, patients["P-1"])] == [3, 2]
    assert delete_patient(service.store, service.folder, patients["P-1"], "test") == 2
    assert delete_expired(service.store, service.folder, days=1) == 0
    with service.store.write() as session:
        assert [patient.identifier for patient in session.query(Patient)] == ["P-2"]
        session.query(Photo).one().created = now() - timedelta(days=2)
    assert delete_expired(service.store, service.folder, days=1) == 1
    with service.store.read() as session:
        assert session.query(Patient).count() == session.query(Photo).count() == session.query(Batch).count() == 0
    assert list(service.folder.incoming.iterdir()) == []
