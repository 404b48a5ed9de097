"""Limits on bodies, headers of answers, and what hostile names become."""

import asyncio
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, OphthalmicPhotography8BitImageStorage

from eyeground.datasets.synthetic import render
from eyeground.serving.app import create_app
from eyeground.serving.service import Service
from eyeground.serving.settings import Limits


def limited(service: Service, **limits: Any) -> TestClient:
    settings = replace(service.settings, limits=replace(Limits(), **limits))
    return TestClient(create_app(replace(service, settings=settings)), base_url="http://127.0.0.1:8000")


def test_every_answer_has_security_headers(client: TestClient) -> None:
    for path in ("/health", "/api/v1/findings", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_a_body_that_is_too_long_is_refused_announced_or_not(
    service: Service, photo_bytes: Callable[..., bytes]
) -> None:
    client = limited(service, photo_bytes=1000)
    assert client.post("/api/v1/photos", files={"file": photo_bytes() + bytes(10**6)}).status_code == 413
    assert client.post("/api/v1/photos", files={"file": photo_bytes()}).status_code == 413
    assert client.post("/api/v1/batches", data={"name": "x" * (2 * 2**20)}).status_code == 413

    def endless() -> Any:
        for _ in range(200):
            yield bytes(2**14)

    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    assert client.post("/api/v1/photos", content=endless(), headers=kind).status_code == 413
    assert list(service.folder.incoming.iterdir()) == []


def test_a_body_that_is_too_slow_is_given_up(service: Service) -> None:
    app = limited(service, patience=0.05).app
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/photos",
        "raw_path": b"/api/v1/photos",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"multipart/form-data; boundary=edge")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


def test_a_full_queue_says_when_to_come_again(
    service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    client = limited(service, queue=1)
    assert client.post("/api/v1/photos", files={"file": photo_bytes(seed=1)}).status_code == 202
    refused = client.post("/api/v1/photos", files={"file": photo_bytes(seed=2)})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert client.post("/api/v1/photos", files={"file": photo_bytes(seed=1)}).status_code == 202, "it is there already"
    screen_all()
    assert client.post("/api/v1/photos", files={"file": photo_bytes(seed=2)}).status_code == 202


def test_a_full_disk_is_said(service: Service, photo_bytes: Callable[..., bytes]) -> None:
    answer = limited(service, free_bytes=2**62).post("/api/v1/photos", files={"file": photo_bytes()})
    assert answer.status_code == 507
    assert list(service.folder.incoming.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/evil.jpg",
        "..\\..\\evil.jpg",
        "/etc/passwd",
        "<script>alert(1)</script>.jpg",
        "a\r\nSet-Cookie: x=1.jpg",
        "\0.jpg",
    ],
)
def test_a_name_is_shown_and_never_used(
    client: TestClient,
    service: Service,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    name: str,
) -> None:
    answer = client.post("/api/v1/photos", files={"file": (name, photo_bytes())})
    assert answer.status_code == 202
    screen_all()
    outside = {file.name for file in service.folder.path.parent.iterdir()}
    assert outside == {service.folder.path.name}
    names = {file.name for file in service.folder.path.rglob("*")}
    assert not any("evil" in name or "script" in name or "passwd" in name for name in names)
    found = client.get(f"/api/v1/findings/{answer.json()['id']}")
    assert "x" not in found.cookies
    assert found.headers["Content-Type"] == "application/json"


def test_text_of_the_user_cannot_break_a_header(client: TestClient, photo_bytes: Callable[..., bytes]) -> None:
    answer = client.post(
        "/api/v1/photos",
        files={"file": photo_bytes()},
        data={"patient": "P\r\nSet-Cookie: evil=1", "camera": "<img src=x onerror=alert(1)>"},
    )
    found = client.get(f"/api/v1/findings/{answer.json()['id']}")
    assert found.json()["patient"] == "P  Set-Cookie: evil=1"
    assert "evil" not in found.cookies


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_an_archive_becomes_a_batch_of_its_photographs(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    content = zip_of(
        {
            "a/one.jpg": photo_bytes(seed=1),
            "../../evil.jpg": photo_bytes(seed=2),
            "again.jpg": photo_bytes(seed=1),
            "page.html": b"<html>",
            "page.jpg": b"<html>",
        }
    )
    sent = client.post("/api/v1/archives", files={"file": ("photos.zip", content)})
    assert sent.status_code == 202
    assert (sent.json()["state"], sent.json()["unpacking"]) == ("running", True)
    screen_all()
    done = client.get(f"/api/v1/batches/{sent.json()['id']}").json()
    assert (done["state"], done["photos"], sum(done["statuses"].values())) == ("done", 2, 2)
    assert "1 left out" in done["problem"]
    assert list(service.folder.incoming.iterdir()) == []
    assert list(service.folder.temporary.iterdir()) == []
    assert {file.name for file in service.folder.path.parent.iterdir()} == {service.folder.path.name}


def test_bombs_and_what_is_no_archive_are_refused(service: Service, photo_bytes: Callable[..., bytes]) -> None:
    client = limited(service, free_expansion=10**6, archive_files=3)
    bomb = zip_of({f"{place}.jpg": bytes(10**6) for place in range(3)})
    many = zip_of({f"{place}.jpg": b"" for place in range(4)})
    for content, status in ((bomb, 413), (many, 413), (photo_bytes(), 415), (bomb[: len(bomb) // 2], 422), (b"", 415)):
        answer = client.post("/api/v1/archives", files={"file": ("photos.zip", content)})
        assert answer.status_code == status, answer.text
    assert list(service.folder.incoming.iterdir()) == []


def test_measures_and_logs_name_nobody(
    client: TestClient,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", "eyeground.serving"):
        data = {"patient": "PATIENT-17"}
        photo_id = client.post("/api/v1/photos", files={"file": ("NAME-17.jpg", photo_bytes())}, data=data).json()["id"]
        client.get("/api/v1/findings", params={"status": "PATIENT-17"})
        client.get("/PATIENT-17")
        client.request("PATIENT-17", "/health")
        screen_all()
    logged = caplog.text + json.dumps([record.__dict__.get("fields") for record in caplog.records])
    measured = client.get("/metrics").text
    assert "/api/v1/photos" in logged
    assert "eyeground_findings{status=" in measured
    assert photo_id not in measured
    for text in (logged, measured):
        assert "-17" not in text


def dicom_of(pixels: NDArray[np.uint8], **elements: str) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = OphthalmicPhotography8BitImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    for name, text in elements.items():
        setattr(dataset, name, text)
    dataset.PixelData = pixels.tobytes()
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def test_whose_eye_a_dicom_object_shows_is_read_and_its_text_stays_text(
    client: TestClient, screen_all: Callable[..., int]
) -> None:
    content = dicom_of(
        render(height=320).pixels,
        PatientID="<script>alert(1)</script>",
        ImageLaterality="L",
        StudyDate="20261130",
        ManufacturerModelName="<b>CR-2",
        PatientName="NAME^NEVER^STORED",
    )
    photo_id = client.post("/api/v1/photos", files={"file": ("eye.dcm", content)}).json()["id"]
    screen_all()
    answer = client.get(f"/api/v1/findings/{photo_id}")
    found = answer.json()
    assert (found["patient"], found["eye"], found["visit"], found["camera"]) == (
        "<script>alert(1)</script>",
        "left",
        "2026-11-30",
        "<b>CR-2",
    )
    assert answer.headers["Content-Type"] == "application/json"
    assert "NEVER" not in client.get("/api/v1/findings").text + answer.text


def test_what_only_decoding_shows_is_a_finding(
    client: TestClient, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    huge = BytesIO()
    Image.new("1", (20_000, 20_000)).save(huge, "TIFF", compression="group4")
    assert len(huge.getvalue()) < 10**6
    cut = photo_bytes()[:2000]
    ids = [
        client.post("/api/v1/photos", files={"file": ("eye", content)}).json()["id"]
        for content in (huge.getvalue(), cut)
    ]
    screen_all()
    found = [client.get(f"/api/v1/findings/{photo_id}").json() for photo_id in ids]
    assert [one["status"] for one in found] == ["unreadable", "unreadable"]
    assert "64 megapixels" in found[0]["reason"]


def test_a_compressed_tar_that_is_a_bomb_is_cut_off(
    client: TestClient,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eyeground.screening.unpacking.MOST_BYTES", 2**20)
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name, content in (
            ("eye.jpg", photo_bytes()),
            ("bomb.jpg", bytes(3 * 2**20)),
            ("rest.jpg", photo_bytes(seed=1)),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    sent = client.post("/api/v1/archives", files={"file": ("photos.tar.xz", stream.getvalue())})
    assert sent.status_code == 202
    screen_all()
    batch = client.get(f"/api/v1/batches/{sent.json()['id']}").json()
    assert (batch["state"], batch["photos"]) == ("done", 2)
    assert "the most accepted is 1 MB" in batch["problem"]
