"""A hot folder: a photograph is screened once it is complete, nothing is moved, and a restart goes on where it was."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from eyeground.datasets.synthetic import render
from eyeground.errors import UserError
from eyeground.screening.batch import Screened
from eyeground.serving.watch import watch

MODEL = "eyeground-mobilenetv2-imagenet+fundus-224"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("jpeg") / "a.jpg"
    Image.fromarray(render("normal", height=160).pixels).save(path)
    return path.read_bytes()


class Looks:
    """What a watch takes at each look; `between` is called after a look, and it is stopped when that returns False."""

    def __init__(self, folder: Path, output: Path, between) -> None:
        self.rounds: list[set[str]] = []
        self._between, self._count = between, 0
        stop = threading.Event()
        stop.wait = lambda _: stop.set() if not self._next() else None  # type: ignore[assignment, method-assign]
        watch(folder, output, self._screen, stop, 0.1)
        assert folder.is_dir()

    def _next(self) -> bool:
        self._count += 1
        return bool(self._between(self._count))

    def _screen(self, take) -> Screened:
        from eyeground.screening.photos import list_photos

        found = {photo.name for photo in list_photos([self.folder], self.folder / "out").photos if take(photo)}
        self.rounds.append(found)
        return Screened(self.folder, {"normal": len(found)}, {}, 0, 0.0, ())

    folder: Path


def _look(monkeypatch, folder: Path, between) -> list[set[str]]:
    monkeypatch.setattr(Looks, "folder", folder, raising=False)
    return Looks(folder, folder / "out", between).rounds


def test_a_photograph_is_taken_once_it_no_longer_changes(tmp_path, jpeg, monkeypatch) -> None:
    growing = tmp_path / "growing.jpg"
    (tmp_path / "whole.jpg").write_bytes(jpeg)
    growing.write_bytes(jpeg[:500])

    def between(count: int) -> bool:
        if count < 4:
            growing.write_bytes(jpeg[: 500 + 100 * count])
        elif count == 4:
            growing.write_bytes(jpeg)
        return count < 8

    rounds = _look(monkeypatch, tmp_path, between)
    assert rounds == [{"whole.jpg"}, {"whole.jpg", "growing.jpg"}]


def test_a_photograph_without_its_end_is_waited_for_and_not_for_ever(tmp_path, jpeg, monkeypatch) -> None:
    (tmp_path / "cut.jpg").write_bytes(jpeg[:-400])
    assert _look(monkeypatch, tmp_path, lambda count: count < 5) == []
    long_ago = time.time() - 3600
    os.utime(tmp_path / "cut.jpg", (long_ago, long_ago))
    assert _look(monkeypatch, tmp_path, lambda count: count < 5) == [{"cut.jpg"}]


def test_a_changed_photograph_is_taken_again(tmp_path, jpeg, monkeypatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg)

    def between(count: int) -> bool:
        if count == 3:
            path.write_bytes(jpeg + b"\0")
        return count < 8

    assert _look(monkeypatch, tmp_path, between) == [{"a.jpg"}, {"a.jpg"}]


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path) -> None:
    with pytest.raises(UserError):
        watch(tmp_path / "missing", tmp_path / "out", lambda take: None, threading.Event(), 1)  # type: ignore[arg-type, return-value]


def _rows(output: Path) -> list[dict[str, str]]:
    path = output / "results.csv"
    return list(csv.DictReader(path.read_text("utf-8").splitlines())) if path.exists() else []


def _until(true) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


def _start(folder: Path, output: Path) -> subprocess.Popen[bytes]:
    options = ["--bundle", MODEL, "--seconds", "0.2", "--jobs", "1", "--no-report", "--fhir-out", str(output / "fhir")]
    command = [sys.executable, "-m", "eyeground", "watch", str(folder), "-o", str(output), *options]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def test_the_command_screens_stops_at_sigterm_and_goes_on(tmp_path, jpeg) -> None:
    folder, output = tmp_path / "camera", tmp_path / "out"
    folder.mkdir()
    first = _start(folder, output)
    (folder / "one.jpg").write_bytes(jpeg)
    _until(lambda: len(_rows(output)) == 1)
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    (folder / "two.jpg").write_bytes(jpeg)
    made = (output / "fhir").stat().st_mtime_ns
    second = _start(folder, output)
    _until(lambda: len(_rows(output)) == 2)
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE) == 0
    assert {row["photo"] for row in _rows(output)} == {"one.jpg", "two.jpg"}
    assert len(list((output / "fhir").iterdir())) == 2 and (output / "fhir").stat().st_mtime_ns > made
    assert sorted(path.name for path in folder.iterdir()) == ["one.jpg", "two.jpg"]
