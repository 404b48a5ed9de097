"""Pictures of a study in OHIF: photograph, evidence map, page, report and segmentation, each as a person would open it.

Needs OHIF's build (`npm pack @ohif/app@3.13.2`, unpacked), a DICOMweb server that holds the study, playwright and Chromium:
`python scripts/show_in_ohif.py package/dist http://127.0.0.1:8042/dicom-web results/FOLDER photo.dcm pictures/`.
"""

import json
import sys
import threading
import urllib.error
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pydicom
from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader")
SECONDS = 60_000  # milliseconds; software draws slowly
ROOT = "/dicom-web"
SOURCE = {
    "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
    "sourceName": "archive",
    "configuration": {
        "name": "archive",
        **dict.fromkeys(("wadoUriRoot", "qidoRoot", "wadoRoot"), ROOT),
        **dict.fromkeys(("imageRendering", "thumbnailRendering"), "wadors"),
        "bulkDataURI": {"enabled": True},
    },
}
SETTINGS = {"extensions": [], "modes": [], "defaultDataSourceName": "archive", "dataSources": [SOURCE]}
ON_PHOTO = ("report", "segmentation-1")  # which OHIF draws over the photograph, once they are opened


def main(build: Path, server: str, results: Path, photo: Path, pictures: Path) -> None:
    """Save a picture of each object of a result, opened in OHIF."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, build=build, archive=server))
    threading.Thread(target=site.serve_forever, daemon=True).start()
    pictures.mkdir(parents=True, exist_ok=True)
    files = {"photo": photo} | {path.stem: path for path in sorted(results.glob("*.dcm"))}
    headers = {name: pydicom.dcmread(path, stop_before_pixels=True) for name, path in files.items()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name, header in headers.items():
            context = browser.new_context(viewport={"width": 1300, "height": 850})
            context.add_init_script("localStorage.setItem('shownTours', '[\"basicViewerTour\"]')")
            page = context.new_page()
            page.set_default_timeout(SECONDS)
            shown = [headers["photo"], header] if name in ON_PHOTO else [header]
            series = ",".join(str(one.SeriesInstanceUID) for one in shown)
            address = f"http://127.0.0.1:{site.server_port}/viewer?StudyInstanceUIDs={header.StudyInstanceUID}"
            page.goto(f"{address}&SeriesInstanceUIDs={series}")
            page.get_by_text("Confirm and hide").click()
            if name in ON_PHOTO:
                open_over_photo(page, str(header.SeriesDescription)[:15])
            page.wait_for_timeout(SECONDS / 3)
            page.screenshot(path=pictures / f"{name}.png")
            print(pictures / f"{name}.png")
            context.close()
        browser.close()


def open_over_photo(page: Page, title: str) -> None:
    """Open a report or segmentation in the list, once the photograph is drawn, and say yes to what OHIF asks."""
    page.get_by_text("W:").first.wait_for()
    page.get_by_text(title).first.dblclick()
    page.wait_for_timeout(SECONDS / 4)
    agree = page.get_by_text("Yes", exact=True)
    if agree.count():
        agree.first.click()


class Site(SimpleHTTPRequestHandler):
    """OHIF's build, and the DICOMweb server from the same origin."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".wasm": "application/wasm"}

    def __init__(self, *args: Any, build: Path, archive: str) -> None:
        self.build, self.archive = build, archive
        super().__init__(*args, directory=str(build))

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/app-config.js":
            self.answer(200, "application/javascript", f"window.config = {json.dumps(SETTINGS)}".encode())
        elif path.startswith(ROOT):
            self.forward()
        else:
            if not (self.build / path.lstrip("/")).is_file():
                self.path = "/index.html"
            super().do_GET()

    def forward(self) -> None:
        request = urllib.request.Request(self.archive + self.path.removeprefix(ROOT))
        request.add_header("Accept", self.headers.get("Accept", "*/*"))
        request.add_header("Host", self.headers["Host"])  # of which the archive makes the addresses in its answers
        try:
            with urllib.request.urlopen(request) as answer:
                self.answer(answer.status, answer.headers["Content-Type"], answer.read())
        except urllib.error.HTTPError as error:
            self.answer(error.code, "text/plain", error.read())

    def answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].rstrip("/"), *map(Path, sys.argv[3:6]))
