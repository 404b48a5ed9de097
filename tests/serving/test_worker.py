"""The worker: what a kill, a full disk or a poisonous photograph does to a job; and the program itself, with its server."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import httpx
import psutil
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from eyeground.cli import main
from eyeground.screening.decoder_pool import DecoderPool
from eyeground.screening.runtime import Screener
from eyeground.serving import models_in_use, work
from eyeground.serving.queue import MOST_ATTEMPTS
from eyeground.serving.service import Service
from eyeground.serving.store.tables import Finding, Job
from eyeground.serving.work import STOPPED_TOO_OFTEN, Bench
from eyeground.serving.worker import work as work_on

MODEL = "eyeground-mobilenetv2-fundus-224"


@pytest.fixture
def bench(service: Service, screener: Screener, decoders: DecoderPool) -> Bench:
    with service.store.write() as session:
        model_id = models_in_use.register(session, screener)
    return Bench(service.store, service.folder, screener, model_id, decoders, "w", False, service.settings.limits)


def send(client: TestClient, content: bytes, **fields: str) -> str:
    answer = client.post("/api/v1/photos", files={"file": ("eye.jpg", content)}, data=fields)
    assert answer.status_code == 202
    return str(answer.json()["id"])


def until_empty(service: Service) -> Callable[[], bool]:
    """Whether the queue is empty, for `is_stopped`."""

    def is_empty() -> bool:
        with service.store.read() as session:
            return session.query(Job).count() == 0

    return is_empty


def test_several_at_a_time_have_one_finding_each(
    client: TestClient, service: Service, bench: Bench, photo_bytes: Callable[..., bytes]
) -> None:
    ids = {send(client, photo_bytes(seed=seed)) for seed in range(4)}
    assert work_on(bench, 2, until_empty(service))
    with service.store.read() as session:
        assert {finding.photo_id for finding in session.query(Finding)} == ids
        assert session.query(Finding).count() == 4
        assert models_in_use.worker_lives(session)


def test_the_pressing_photo_is_screened_first(
    client: TestClient, service: Service, bench: Bench, photo_bytes: Callable[..., bytes]
) -> None:
    for seed in range(3):
        send(client, photo_bytes(seed=seed), priority="bulk")
    pressing = send(client, photo_bytes(seed=4), priority="interactive")
    work_on(bench, 1, until_empty(service))
    with service.store.read() as session:
        assert session.query(Finding).order_by(Finding.id).first().photo_id == pressing  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "attempts"), [("save_pictures", 0), ("from_decoder", 1)], ids=["disk", "photo"])
def test_a_job_that_fails_is_put_back_and_the_worker_ends(
    client: TestClient,
    service: Service,
    bench: Bench,
    photo_bytes: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    attempts: int,
) -> None:
    send(client, photo_bytes())

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(work, name, fail)
    assert not work_on(bench, 1, lambda: False)
    with service.store.read() as session:
        job = session.query(Job).one()
        assert (job.state, job.attempts) == ("queued", attempts)


def test_a_photo_that_stops_the_program_each_time_is_given_up(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    photo_id = send(client, photo_bytes())
    with service.store.write() as session:
        session.execute(update(Job).values(attempts=MOST_ATTEMPTS))
    screen_all()
    found = client.get(f"/api/v1/findings/{photo_id}").json()
    assert (found["status"], found["reason"]) == ("unreadable", STOPPED_TOO_OFTEN)


def test_another_model_screens_a_photo_that_is_sent_again(
    client: TestClient,
    service: Service,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
) -> None:
    photo_id = send(client, photo_bytes())
    screen_all()
    with service.store.write() as session:
        session.execute(update(models_in_use.Model).values(identity="an earlier model"))
    assert send(client, photo_bytes()) == photo_id, "it is known, and screened already by the model of now"
    screen_all()  # registers the model of now as another one
    assert send(client, photo_bytes()) == photo_id
    assert screen_all() == 1
    with service.store.read() as session:
        assert session.query(Finding).count() == 2


@contextmanager
def running(data: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A service as a user starts it; its address and process."""
    port = free_port()
    command = [sys.executable, "-m", "eyeground", "serve", "--data", str(data), "--port", str(port), "--no-browser"]
    with (data.parent / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--bundle", MODEL, "--jobs", "1", "--no-structures"], stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait(lambda: urlopen(f"{address}/ready").status == 200)
        yield address, process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait(is_true: Callable[[], bool]) -> None:
    last = time.monotonic() + 120
    while time.monotonic() < last:
        with suppress(OSError):
            if is_true():
                return
        time.sleep(0.05)
    raise TimeoutError


def test_a_service_outlives_its_worker_and_ends_gracefully(tmp_path: Path, photo_bytes: Callable[..., bytes]) -> None:
    data = tmp_path / "clinic"
    with running(data) as (address, process), httpx.Client(base_url=address) as client:
        server = psutil.Process(process.pid)
        first = server.children()[0]
        first.kill()
        sent = client.post("/api/v1/photos", files={"file": ("eye.jpg", photo_bytes())})
        assert sent.status_code == 202
        finding = f"/api/v1/findings/{sent.json()['id']}"
        wait(lambda: client.get(finding).json()["status"] != "pending")
        assert client.get(finding).json()["status"] != "unreadable"
        second = server.children()[0]
        assert second.pid != first.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        assert not second.is_running()
    assert {entry.name for entry in tmp_path.iterdir()} == {"clinic", "log"}
    for line in (tmp_path / "log").read_text().splitlines():
        assert "event" in json.loads(line)
    assert list((data / "incoming").iterdir()) == []


def test_a_bundle_that_is_none_ends_the_service_with_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "eyeground", "serve", "--data", str(tmp_path / "clinic"), "--no-browser"]
    command += ["--port", str(free_port()), "--bundle", str(tmp_path)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert "no bundle here" in ended.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "unencrypted"),
        (["--host", "0.0.0.0", "--behind-proxy"], "eyeground accounts add"),
        (["--database", "mysql://a/b"], "not supported"),
    ],
)
def test_what_is_not_safe_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)  # put back afterwards what the service sets
    monkeypatch.setenv("TMPDIR", "")
    assert main(["serve", "--data", str(tmp_path / "clinic"), "--no-browser", *options]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
