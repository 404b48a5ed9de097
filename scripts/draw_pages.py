"""Draw pictures of the pages with rendered photographs, in Debian's Chromium: those of docs/serving.md, or every page to be looked at.

python scripts/draw_pages.py docs/images
python scripts/draw_pages.py --every sheets [PAGE ...]
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from eyeground.datasets.synthetic import render
from eyeground.datasets.synthetic.camera import CameraFaults
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings
from eyeground.screening.runtime import load
from eyeground.serving import models_in_use
from eyeground.serving.adapting import LOG, REQUEST, write_state
from eyeground.serving.app import create_app
from eyeground.serving.batches import new_batch
from eyeground.serving.grading import save_grade
from eyeground.serving.intake import Upload, accept
from eyeground.serving.model_choice import ADAPTED
from eyeground.serving.pictures import PICTURE_SIDE
from eyeground.serving.server import open_service
from eyeground.serving.service import Service
from eyeground.serving.settings import ServiceSettings
from eyeground.serving.structures import draw_layers, needed_segmenters, note_drawn
from eyeground.serving.work import Bench
from eyeground.serving.worker import run_jobs

CHROMIUM = "/usr/bin/chromium"
PATIENTS = 6
WIDTH, HEIGHT, SHOWN = 1280, 980, 900  # of the browser, and of the picture, in pixels
WIDTHS, SCHEMES, TALLEST = (390, 768, 1440), ("light", "dark"), 2400  # of sheets


@dataclass(frozen=True)
class Site:
    """A service that listens; where photographs of some statuses are, and a model that was made there."""

    url: str
    service: Service
    model_id: int
    ill: str
    retake: str
    adapted: str

    def open(self, page: Page, path: str) -> None:
        """Open a page, of a service whose worker lives."""
        with self.service.store.write() as session:
            models_in_use.beat(session, self.model_id, 2.0)
        page.goto(self.url + path)
        page.wait_for_load_state("networkidle")


def draw(folder: Path) -> None:
    """Write worklist.webp and finding.webp."""
    folder.mkdir(parents=True, exist_ok=True)
    with _browsing() as (site, browser):
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, path in (("worklist", "/worklist"), ("finding", f"/findings/{site.ill}")):
            site.open(page, path)
            picture = Image.open(BytesIO(page.screenshot()))
            picture.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
            picture.save(folder / f"{name}.webp", quality=80, method=6)


def draw_every(folder: Path, wanted: Sequence[str]) -> None:
    """Write a sheet of each page, or of those wanted: phone, tablet and desktop, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    with _browsing() as (site, browser):
        for name, path in _pages(site).items():
            if wanted and name not in wanted:
                continue
            pictures = []
            for scheme in SCHEMES:
                for width in WIDTHS:
                    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                    site.open(page, path)
                    pictures.append(Image.open(BytesIO(page.screenshot(full_page=True))))
                    page.close()
            _sheet(pictures).save(folder / f"{name}.png")


def _pages(site: Site) -> dict[str, str]:
    return {
        "finding": f"/findings/{site.ill}",
        "retake": f"/findings/{site.retake}",
        "worklist": "/worklist",
        "upload": "/upload",
        "batches": "/batches",
        "monitor": "/monitor",
        "adapt": "/adapt",
        "adapted": f"/adapt/{site.adapted}",
        "admin": "/admin",
        "audit": "/admin/audit",
        "login": "/login",
        "problem": "/nowhere",
    }


def _sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures beside each other, the tallest cut off."""
    height = min(TALLEST, max(one.height for one in pictures))
    sheet = Image.new("RGB", (sum(one.width + 20 for one in pictures), height), "#888")
    left = 0
    for one in pictures:
        sheet.paste(one.crop((0, 0, one.width, min(height, one.height))), (left, 0))
        left += one.width + 20
    return sheet


@contextmanager
def _browsing() -> Iterator[tuple[Site, Browser]]:
    with tempfile.TemporaryDirectory() as place, _listening(Path(place)) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield site, browser
        browser.close()


@contextmanager
def _listening(place: Path) -> Iterator[Site]:
    """A service with rendered photographs, some of them graded."""
    service = open_service(ServiceSettings(data=place))
    model_id, ids = _fill(service)
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_config=None, ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield Site(url, service, model_id, ids[0], ids[5], _adapt(service))
    finally:
        server.should_exit = True
        thread.join()
        service.store.close()


def _fill(service: Service) -> tuple[int, list[str]]:
    ids = []
    with service.store.write() as session:
        batch = new_batch(session, "clinic", "local", "Monday morning")
    for place in range(2 * PATIENTS):
        ill = {"disease": "diabetic_retinopathy", "grade": 4} if place < 3 else {}
        faults = CameraFaults(blur=2.0, darkness=1.0) if place == 5 else None
        stream = BytesIO()
        eye = ("right", "left")[place % 2]
        pixels = render(seed=place, height=900, eye=eye, faults=faults, **ill).pixels
        Image.fromarray(pixels).save(stream, "JPEG", quality=92)
        stream.seek(0)
        patient = f"P-{place // 2 + 1:04}"
        details = {"patient": patient, "eye": eye, "camera": "rendered", "batch": batch}
        upload = Upload(stream, f"{patient}_{eye}.jpg", "clinic", "local", **details)
        ids.append(accept(service.store, service.folder, service.settings.limits, upload).id)
    screener = load(threads=1)
    with service.store.write() as session:
        model_id = models_in_use.register(session, screener)
        models_in_use.beat(session, model_id, None)
    with DecoderPool(DecoderSettings(screener.bundle.description.preprocessing, PICTURE_SIDE), 1) as pool:
        limits = service.settings.limits
        run_jobs(Bench(service.store, service.folder, screener, model_id, pool, "drawing", False, limits))
    note_drawn(service.store, ids[0], draw_layers(service.folder, ids[0], list(needed_segmenters())))
    with service.store.write() as session:
        for place, photo_id in enumerate(ids[:5]):
            save_grade(
                session, photo_id, "local", "abnormal" if place < 3 else "normal", label="DR" if place < 2 else ""
            )
    return model_id, ids


def _adapt(service: Service) -> str:
    """The id of an adaptation, with invented results."""
    place = service.folder.path / ADAPTED / "invented"
    place.mkdir(parents=True)
    request = {"kind": "probe", "name": "clinic", "started": "2026-01-02T10:00:00+00:00", "source": None}
    (place / REQUEST).write_text(json.dumps(request))
    (place / LOG).write_text("".join(f"fold {fold} of 5: 40 photographs\n" for fold in range(1, 6)))
    share = {"value": 0.9, "low": 0.8, "high": 0.95, "photos": 40}
    summary = {
        "identity": "clinic@0123456789ab",
        "origin": "Thresholds were chosen on photographs of the site.",
        "performance": "Invented: of 40 abnormal photographs 90 % were found.",
        "before": {"found": share, "passed": share},
        "metrics": [{"of": "any abnormality", "metric": name, **share} for name in ("auroc", "sensitivity")],
        "thresholds": {"any abnormality": 0.4},
    }
    write_state(place, "done", summary=summary)
    return place.name


if __name__ == "__main__":
    if sys.argv[1] == "--every":
        draw_every(Path(sys.argv[2]), sys.argv[3:])
    else:
        draw(Path(sys.argv[1]))
