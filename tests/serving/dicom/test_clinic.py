"""A real archive: photographs go to Orthanc, on to the node, and their results come back, by C-STORE and by DICOMweb.

Orthanc listens on all addresses whatever its settings say, so it and all its callers are in a network of their own without a way out.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from ophthalmic import write_photo

from eyeground.datasets.synthetic import render

pytestmark = pytest.mark.clinic
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NEEDED = ("Orthanc", "dcmsend", "dciodvfy", "unshare", "nsenter", "curl")
MODEL = "eyeground-mobilenetv2-imagenet+fundus-224"
SEGMENTER = "eyeground-lesions-mobilenetv2"
HTTP, DICOM, OURS = 18042, 14242, 11112
PATIENCE = 120.0  # seconds; the machine may be busy


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


class Clinic:
    """A network with an archive, in which commands can be run."""

    def __init__(self, process: int) -> None:
        self._inside = ["nsenter", "-t", str(process), "-n"]

    def run(self, *command: object) -> bytes:
        return subprocess.run([*self._inside, *map(str, command)], capture_output=True, check=True).stdout

    def get(self, path: str) -> bytes:
        return self.run("curl", "-sf", "-H", "Accept: application/dicom+json, */*", f"http://127.0.0.1:{HTTP}{path}")

    def answers(self) -> bool:
        try:
            return bool(self.get("/system"))
        except subprocess.CalledProcessError:
            return False

    def instances(self) -> list[pydicom.Dataset]:
        """All objects of the archive, as it stores them."""
        found = []
        for one in json.loads(self.get("/instances")):
            found.append(pydicom.dcmread(pydicom.filebase.DicomBytesIO(self.get(f"/instances/{one}/file"))))
        return found

    def empty(self) -> None:
        for one in json.loads(self.get("/patients")):
            self.run("curl", "-sf", "-X", "DELETE", f"http://127.0.0.1:{HTTP}/patients/{one}")

    def start(self, log: Path, *arguments: object) -> subprocess.Popen[bytes]:
        command = [*self._inside, sys.executable, "-m", "eyeground", *map(str, arguments)]
        with log.open("wb") as errors:
            return subprocess.Popen(command, stderr=errors, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    tmp_path = tmp_path_factory.mktemp("archive")
    missing = [name for name in NEEDED if shutil.which(name) is None] + ([] if PLUGIN.exists() else [PLUGIN.name])
    if missing or os.geteuid() != 0:
        pytest.skip(f"no archive is tried: {', '.join(missing) or 'a network of its own needs root'} is missing")
    store = tmp_path / "orthanc"
    settings = {
        "StorageDirectory": str(store),
        "IndexDirectory": str(store),
        "HttpPort": HTTP,
        "DicomPort": DICOM,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomModalities": {"eyeground": ["EYEGROUND", "127.0.0.1", OURS]},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    start = f"ip link set lo up && exec Orthanc {tmp_path / 'orthanc.json'}"
    with (tmp_path / "orthanc.log").open("wb") as log:
        archive = subprocess.Popen(["unshare", "-n", "sh", "-c", start], stdout=log, stderr=log)
    try:
        found = Clinic(archive.pid)
        _until(found.answers)
        yield found
    finally:
        archive.terminate()
        archive.wait(PATIENCE)


@pytest.fixture
def clinic(started: Clinic) -> Clinic:
    """With an empty archive."""
    started.empty()
    return started


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_photo(tmp_path / "photo.dcm", render("diabetic_retinopathy", grade=3, height=384, seed=3).pixels)


def _stopped(node: subprocess.Popen[bytes], log: Path) -> str:
    node.send_signal(signal.SIGTERM)
    assert node.wait(PATIENCE) == 0, log.read_text()
    return log.read_text()


def _check(clinic: Clinic, photo: Path, errors_in: Callable[[Path], list[str]], folder: Path) -> None:
    stored = {str(one.Modality): one for one in clinic.instances()}
    assert stored.keys() == {"OP", "SR", "OT", "DOC", "SEG"}
    sent = pydicom.dcmread(photo)
    assert np.array_equal(stored["OP"].pixel_array, sent.pixel_array), "the photograph is what was sent, to the pixel"
    for modality, one in stored.items():
        assert one.StudyInstanceUID == sent.StudyInstanceUID
        one.save_as(folder / f"{modality}.dcm", enforce_file_format=True)
        assert errors_in(folder / f"{modality}.dcm") == [], modality
    found = json.loads(clinic.get(f"/dicom-web/series?StudyInstanceUID={sent.StudyInstanceUID}"))
    assert {one["00080060"]["Value"][0] for one in found} == stored.keys(), "QIDO-RS finds each series"


def test_results_return_to_the_archive_by_c_store(clinic, photo, errors_in, tmp_path) -> None:
    peer = f"ORTHANC@127.0.0.1:{DICOM}"
    arguments = ("--data", tmp_path / "data", "--port", OURS, "--bundle", MODEL, "--segmenter", SEGMENTER, "--jobs", 1)
    log = tmp_path / "log"
    node = clinic.start(log, "node", *arguments, "--send-to", peer)
    clinic.run("dcmsend", "127.0.0.1", DICOM, "-aec", "ORTHANC", photo)
    (stored,) = json.loads(clinic.get("/instances"))
    send = f"http://127.0.0.1:{HTTP}/modalities/eyeground/store"
    command = ("curl", "-sf", "-X", "POST", send, "-d", stored)
    _until(lambda: "listening" in log.read_text())
    clinic.run(*command)
    _until(lambda: len(json.loads(clinic.get("/instances"))) == 5)
    clinic.run(*command)
    words = _stopped(node, log)
    assert words.count(": abnormal") == 1, "sent again, it is not screened again"
    _check(clinic, photo, errors_in, tmp_path)


def test_results_return_by_dicomweb_once_over_restarts(clinic, photo, errors_in, tmp_path) -> None:
    web = f"http://127.0.0.1:{HTTP}/dicom-web"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "since.txt").write_text("2026-01-01\n")
    arguments = ("--data", tmp_path / "data", "--port", OURS, "--bundle", MODEL, "--segmenter", SEGMENTER, "--jobs", 1)
    clinic.run("dcmsend", "127.0.0.1", DICOM, "-aec", "ORTHANC", photo)
    first, second = tmp_path / "first", tmp_path / "second"
    node = clinic.start(first, "node", *arguments, "--dicomweb", web, "--poll", 1)
    _until(lambda: len(json.loads(clinic.get("/instances"))) == 5)
    node.kill()
    node.wait()
    again = clinic.start(second, "node", *arguments, "--dicomweb", web, "--poll", 1)
    _until(lambda: "listening" in second.read_text())
    time.sleep(3)  # in which it asks the archive at least twice
    words = _stopped(again, second)
    assert ": abnormal" not in words, "a photograph that is finished is not screened again"
    _check(clinic, photo, errors_in, tmp_path)
