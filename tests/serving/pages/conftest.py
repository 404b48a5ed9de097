"""What tests of the pages share: a form's token, and, for browsers, a service that listens, with some photographs in it."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from eyeground.screening.runtime import Screener
from eyeground.screening.segmenter import load_segmenter
from eyeground.serving.app import create_app
from eyeground.serving.people import add_person
from eyeground.serving.server import open_service
from eyeground.serving.service import Service
from eyeground.serving.settings import ServiceSettings
from eyeground.serving.structures import draw_layers, note_drawn

sys.path.append(str(Path(__file__).parent.parent))

from ophthalmic import ophthalmic_photo  # noqa: F401 - for the tests of this folder

CHROMIUM, FIREFOX = Path("/usr/bin/chromium"), Path("/usr/bin/firefox-esr")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
HTML = {"Accept": "text/html"}
PASSWORD = "correct horse battery"
expect.set_options(timeout=20_000)  # the machine may be busy


@pytest.fixture
def token(client: TestClient) -> str:
    """Of the forms that this client's pages hold."""
    return page_token(client)


def page_token(client: TestClient) -> str:
    """The token that a page gives its script."""
    page = client.get("/upload", headers=HTML).text
    return page.partition('name="csrf-token" content="')[2].partition('"')[0]


@dataclass(frozen=True)
class Site:
    """A service that listens, and a worker that runs when it is called."""

    url: str
    service: Service
    screen_all: Callable[[], int]
    photos: dict[str, str]


@contextmanager
def listening(folder: Path, screener: Screener) -> Iterator[tuple[str, Service]]:
    """A service that listens, and its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", None)  # put back afterwards what the service sets
        patch.setenv("TMPDIR", "")
        service = open_service(ServiceSettings(data=folder, bundle=str(screener.bundle.folder)))
        server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_config=None, ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", service
        finally:
            server.should_exit = True
            thread.join()
            service.store.close()


@pytest.fixture(scope="package")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    screener: Screener,
    screen_with: Callable[..., int],
    photo_bytes: Callable[..., bytes],
) -> Iterator[Site]:
    with listening(tmp_path_factory.mktemp("site") / "clinic", screener) as (url, service):

        def screen_all() -> int:
            return screen_with(service, keep_originals=True)

        photos = _fill(url, photo_bytes)
        screen_all()
        shown = [(load_segmenter("eyeground-disc-fovea-mobilenetv2", threads=1), ("optic_disc", "optic_cup", "fovea"))]
        note_drawn(service.store, photos["P-1 right"], draw_layers(service.folder, photos["P-1 right"], shown))
        yield Site(url, service, screen_all, photos)


@pytest.fixture(scope="package")
def closed_site(tmp_path_factory: pytest.TempPathFactory, screener: Screener) -> Iterator[str]:
    """The address of a service where Ada is an administrator."""
    with listening(tmp_path_factory.mktemp("closed") / "clinic", screener) as (url, service):
        with service.store.write() as session:
            add_person(session, "Ada", PASSWORD, "admin", "test")
        yield url


def _fill(url: str, photo_bytes: Callable[..., bytes]) -> dict[str, str]:
    """Two patients with both eyes, one with an earlier visit, and a file that holds no picture; ids by name."""
    ill = {"disease": "diabetic_retinopathy", "grade": 4}
    sent = [
        ("P-1 right", photo_bytes(seed=1, **ill), {"patient": "P-1", "eye": "right", "visit": "2026-11-02"}),
        ("P-1 left", photo_bytes(seed=2), {"patient": "P-1", "eye": "left", "visit": "2026-11-02"}),
        ("P-1 before", photo_bytes(seed=3), {"patient": "P-1", "eye": "left", "visit": "2025-11-02"}),
        ("P-2 right", photo_bytes(seed=4), {"patient": "P-2", "eye": "right", "camera": "CR-2"}),
        ("<script>alert(1)</script>.jpg", b"\xff\xd8\xff", {"patient": "<b>P-3</b>"}),
    ]
    ids = {}
    for name, content, fields in sent:
        answer = httpx.post(f"{url}/api/v1/photos", files={"file": (name, content)}, data=fields)
        ids[name] = answer.json()["id"]
    return ids


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.skip(f"NOT TESTED: the pages in a browser; there is no {CHROMIUM}")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    if not FIREFOX.is_file():
        pytest.skip(f"NOT TESTED: the pages in Firefox; there is no {FIREFOX}")
    browser = playwright.firefox.launch(channel="moz-firefox", executable_path=FIREFOX)
    yield browser
    browser.close()


@pytest.fixture
def context(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    made = chromium.new_context(base_url=site.url, viewport={"width": 1440, "height": 900}, accept_downloads=True)
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on which a script's error, or anything that the security policy blocks, fails the test."""
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    yield opened
    assert problems == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core: the file that AXE_CORE names, or from npm."""
    if given := os.environ.get("AXE_CORE"):
        return Path(given).read_text(encoding="utf-8")
    cache = Path(__file__).parents[3] / ".cache" / "axe-core"
    script = cache / "package" / "axe.min.js"
    if not script.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("NOT TESTED: accessibility; there is neither AXE_CORE nor npm, which would fetch axe-core")
        cache.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            [npm, "pack", "axe-core@4.14.1", "--json"], cwd=cache, capture_output=True, text=True, check=False
        )
        if packed.returncode:
            pytest.skip("NOT TESTED: accessibility; npm could not fetch axe-core")
        subprocess.run(["tar", "xzf", json.loads(packed.stdout)[0]["filename"]], cwd=cache, check=True)
    return script.read_text(encoding="utf-8")
