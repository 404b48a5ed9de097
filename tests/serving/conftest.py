"""What tests of the service share: a data folder, an application without a server, and a worker that runs in the test."""

import runpy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import text

from eyeground.datasets.synthetic import render
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings
from eyeground.screening.runtime import Screener, load
from eyeground.serving import models_in_use
from eyeground.serving.app import create_app
from eyeground.serving.pictures import PICTURE_SIDE
from eyeground.serving.server import open_service
from eyeground.serving.service import Service
from eyeground.serving.settings import ServiceSettings
from eyeground.serving.store.database import Store, open_database
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.migrate import migrate
from eyeground.serving.work import Bench
from eyeground.serving.worker import run_jobs

MODEL = "eyeground-mobilenetv2-fundus-224"


@pytest.fixture(scope="session")
def photo_bytes() -> Callable[..., bytes]:
    """Render a photograph as a JPEG; keywords go to `render`."""
    made: dict[str, bytes] = {}

    def make(**options: Any) -> bytes:
        key = repr(sorted(options.items()))
        if key not in made:
            stream = BytesIO()
            Image.fromarray(render(**{"height": 320, **options}).pixels).save(stream, "JPEG", quality=92)
            made[key] = stream.getvalue()
        return made[key]

    return make


@pytest.fixture(scope="session")
def screener() -> Screener:
    return load(MODEL, threads=1)


@pytest.fixture(scope="session")
def decoders(screener: Screener) -> Iterator[DecoderPool]:
    """Decoder processes as a worker has them, one for all tests, as starting one takes longer than a test."""
    with DecoderPool(DecoderSettings(screener.bundle.description.preprocessing, PICTURE_SIDE), 1) as pool:
        yield pool


@pytest.fixture(scope="session")
def screen_with(screener: Screener, decoders: DecoderPool) -> Callable[..., int]:
    """Do all jobs of a service's queue in this process, and return how many; keywords change the `Bench`."""

    def work(service: Service, **changes: Any) -> int:
        with service.store.write() as session:
            model_id = models_in_use.register(session, screener)
            models_in_use.beat(session, model_id, 2.0)
        limits = service.settings.limits
        bench = Bench(service.store, service.folder, screener, model_id, decoders, "test", False, limits)
        return run_jobs(replace(bench, **changes))

    return work


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of our own; skipped loudly where Debian's is not installed."""
    script = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "postgres_cluster.py"))
    if not script["DEBIAN"].is_dir():
        pytest.skip("PostgreSQL 15 of Debian is not installed: apt-get install postgresql")
    with script["postgres_cluster"]() as cluster:
        yield cluster.url


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, on each of the databases."""
    folder = DataFolder(tmp_path / "clinic")
    folder.path.mkdir()
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{folder.path / 'eyeground.db'}")
    else:
        opened = open_database(request.getfixturevalue("postgres"))
        with opened.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    migrate(opened, folder)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    return ServiceSettings(data=tmp_path / "clinic", bundle=MODEL, jobs=1)


@pytest.fixture
def service(settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("tempfile.tempdir", None)  # put back afterwards what the service sets
    monkeypatch.setenv("TMPDIR", "")
    opened = open_service(settings)
    yield opened
    opened.store.close()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service), base_url="http://127.0.0.1:8000") as opened:
        yield opened


@pytest.fixture
def screen_all(service: Service, screen_with: Callable[..., int]) -> Callable[..., int]:
    """As `screen_with`, of the test's service."""
    return partial(screen_with, service)
