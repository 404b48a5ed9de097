"""Draw the pictures of docs/serving.md: the worklist and a finding of rendered photographs, in Debian's Chromium.

python scripts/draw_pages.py docs/images
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from eyeground.datasets.synthetic import render
from eyeground.datasets.synthetic.camera import CameraFaults
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings
from eyeground.screening.runtime import load
from eyeground.serving import models_in_use
from eyeground.serving.app import create_app
from eyeground.serving.intake import Upload, accept
from eyeground.serving.pictures import PICTURE_SIDE
from eyeground.serving.server import open_service
from eyeground.serving.service import Service
from eyeground.serving.settings import ServiceSettings
from eyeground.serving.work import Bench
from eyeground.serving.worker import run_jobs

CHROMIUM = "/usr/bin/chromium"
PATIENTS = 6
WIDTH, HEIGHT, SHOWN = 1280, 980, 900  # of the browser, and of the picture, in pixels


def draw(folder: Path) -> None:
    """Write worklist.webp and finding.webp."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, _listening(Path(place)) as (url, ill), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, path in (("worklist", "/worklist"), ("finding", f"/findings/{ill}")):
            page.goto(url + path)
            page.wait_for_load_state("networkidle")
            picture = Image.open(BytesIO(page.screenshot()))
            picture.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
            picture.save(folder / f"{name}.webp", quality=80, method=6)
        browser.close()


@contextmanager
def _listening(place: Path) -> Iterator[tuple[str, str]]:
    """The address of a service with rendered photographs, and the id of one that shows disease."""
    service = open_service(ServiceSettings(data=place))
    ill = _fill(service)
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_config=None, ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", ill
    finally:
        server.should_exit = True
        thread.join()
        service.store.close()


def _fill(service: Service) -> str:
    ids = []
    for place in range(2 * PATIENTS):
        ill = {"disease": "diabetic_retinopathy", "grade": 4} if place < 3 else {}
        faults = CameraFaults(blur=2.0, darkness=1.0) if place == 5 else None
        stream = BytesIO()
        eye = ("right", "left")[place % 2]
        pixels = render(seed=place, height=900, eye=eye, faults=faults, **ill).pixels
        Image.fromarray(pixels).save(stream, "JPEG", quality=92)
        stream.seek(0)
        patient = f"P-{place // 2 + 1:04}"
        upload = Upload(stream, f"{patient}_{eye}.jpg", "clinic", "local", patient=patient, eye=eye, camera="rendered")
        ids.append(accept(service.store, service.folder, service.settings.limits, upload).id)
    screener = load(threads=1)
    with service.store.write() as session:
        model_id = models_in_use.register(session, screener)
        models_in_use.beat(session, model_id, None)
    with DecoderPool(DecoderSettings(screener.bundle.description.preprocessing, PICTURE_SIDE), 1) as pool:
        limits = service.settings.limits
        run_jobs(Bench(service.store, service.folder, screener, model_id, pool, "drawing", False, limits))
    return ids[0]


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
