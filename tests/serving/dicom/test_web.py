"""The DICOMweb side of a node, against a server of a few lines: what is fetched, what is refused, and what is sent back."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pydicom
import pytest
from ophthalmic import write_photo

from eyeground.errors import UserError
from eyeground.serving.dicom import web
from eyeground.serving.dicom.send import NotSentError
from eyeground.serving.dicom.stock import Stock
from eyeground.serving.dicom.web import Web, web_of

SINCE = date(2026, 1, 1)
PART = b"--edge\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--edge--"


@dataclass
class Archive:
    """What the server holds and has heard; `cut` leaves out the end of its answers."""

    photos: dict[str, bytes] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    status: int = 200
    cut: int = 0
    url: str = ""

    def add(self, path: Path) -> str:
        instance = str(pydicom.dcmread(path).SOPInstanceUID)
        self.photos[instance] = path.read_bytes()
        return instance

    def found(self, path: str) -> list[dict[str, Any]]:
        found = []
        for content in self.photos.values():
            photo = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
            tags = {"0020000D": photo.StudyInstanceUID, "0020000E": photo.SeriesInstanceUID}
            if path.endswith("/instances"):
                if f"/series/{photo.SeriesInstanceUID}/" not in path:
                    continue
                tags |= {"00080016": photo.SOPClassUID, "00080018": photo.SOPInstanceUID}
            found.append({tag: {"vr": "UI", "Value": [str(value)]} for tag, value in tags.items()})
        return found


@pytest.fixture
def archive() -> Iterator[Archive]:
    held = Archive()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            held.headers.append(dict(self.headers))
            if "/instances/" in parts.path:
                content = PART % held.photos[parts.path.rpartition("/")[2]]
                self._answer(
                    'multipart/related; type="application/dicom"; boundary=edge', content[: len(content) - held.cut]
                )
            else:
                query = parse_qs(parts.query)
                held.queries.append(query)
                start, most = int(query["offset"][0]), int(query["limit"][0])
                page = held.found(parts.path)[start : start + most]
                self._answer("application/dicom+json", json.dumps(page).encode())

        def do_POST(self) -> None:
            held.stored.append(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer("application/dicom+json", b"{}")

        def _answer(self, kind: str, content: bytes) -> None:
            self.send_response(held.status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    held.url = f"http://127.0.0.1:{server.server_port}/dicom-web"
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture
def stock(tmp_path) -> Iterator[Stock]:
    with closing(Stock(tmp_path / "data")) as held:
        yield held


def _photo(tmp_path, name: str = "a", **how: object) -> Path:
    return write_photo(tmp_path / f"{name}.dcm", np.full((48, 64, 3), 90, np.uint8), **how)


def test_new_photographs_are_fetched_once(archive, stock, tmp_path) -> None:
    for name in "abc":
        archive.add(_photo(tmp_path, name))
    client = Web(archive.url)
    assert client.fetch(stock, SINCE) == 3 and client.fetch(stock, SINCE) == 0
    fetched = {file.read_bytes() for _, file in stock.waiting(10)}
    assert fetched == set(archive.photos.values()), "to the byte"
    assert archive.queries[0]["StudyDate"] == ["20260101-"] and archive.queries[0]["Modality"] == ["OP"]


def test_all_pages_of_an_answer_are_read(archive, stock, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(web, "_PAGE", 2)
    for name in "abcde":
        archive.add(_photo(tmp_path, name))
    assert Web(archive.url).fetch(stock, SINCE) == 5


def test_an_object_of_another_kind_is_left(archive, stock, tmp_path) -> None:
    archive.add(_photo(tmp_path, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4"))
    assert Web(archive.url).fetch(stock, SINCE) == 0


def test_a_photograph_that_is_too_large_is_refused(archive, stock, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(web, "MOST_BYTES", 1000)
    archive.add(_photo(tmp_path))
    assert Web(archive.url).fetch(stock, SINCE) == 0
    assert not list(stock.incoming.iterdir())


def test_an_answer_that_is_cut_short_is_refused(archive, stock, tmp_path) -> None:
    archive.add(_photo(tmp_path))
    archive.cut = 5000
    assert Web(archive.url).fetch(stock, SINCE) == 0 and not stock.waiting(1)


def test_another_photograph_than_was_asked_for_is_refused_and_the_rest_is_fetched(archive, stock, tmp_path) -> None:
    first, second = archive.add(_photo(tmp_path, "a")), archive.add(_photo(tmp_path, "b"))
    announced = archive.photos.copy()
    archive.photos[first] = archive.photos[second]
    archive.found = lambda path: Archive(announced).found(path)  # type: ignore[method-assign]
    assert Web(archive.url).fetch(stock, SINCE) == 1
    assert [file.read_bytes() for _, file in stock.waiting(5)] == [announced[second]]


def test_results_are_sent_with_the_token(archive, tmp_path) -> None:
    files = [_photo(tmp_path, name) for name in "ab"]
    Web(archive.url, "secret").send(files)
    (body,) = archive.stored
    for file in files:
        assert str(pydicom.dcmread(file).SOPInstanceUID).encode() in body


def test_a_token_goes_with_each_question(archive, stock, tmp_path) -> None:
    archive.add(_photo(tmp_path))
    Web(archive.url, "secret").fetch(stock, SINCE)
    assert len(archive.headers) == 3 and {one["Authorization"] for one in archive.headers} == {"Bearer secret"}


def test_a_server_that_refuses_or_is_away_is_said_and_tried_again(archive, stock, tmp_path) -> None:
    archive.status = 503
    with pytest.raises(NotSentError) as refusal:
        Web(archive.url).send([_photo(tmp_path)])
    assert not refusal.value.is_silent
    with pytest.raises(NotSentError):
        Web(archive.url).fetch(stock, SINCE)
    with pytest.raises(NotSentError) as silence:
        Web("http://127.0.0.1:1/dicom-web").send([_photo(tmp_path)])
    assert silence.value.is_silent


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("pacs.example", None),
        ("ftp://pacs.example/x", None),
        ("https://user:word@pacs.example/x", None),
        ("http://pacs.example/x", "secret"),
    ],
)
def test_a_wrong_address_is_a_mistake(url, token) -> None:
    with pytest.raises(UserError) as mistake:
        web_of(url, token)
    assert "word" not in str(mistake.value).replace("password", "")


def test_a_right_address_is_taken() -> None:
    assert web_of("https://pacs.example/dicom-web/", "secret") == Web("https://pacs.example/dicom-web", "secret")
    assert web_of("http://localhost:8042/dicom-web", "secret").token == "secret"
