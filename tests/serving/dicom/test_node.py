"""A node over the network of this machine: what it takes and refuses, and that results arrive once, in the photograph's study."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pydicom
import pytest
from ophthalmic import PATIENT, ophthalmic_photo, write_photo

pynetdicom = pytest.importorskip("pynetdicom")
from pynetdicom import AE, evt  # noqa: E402

from eyeground.errors import UserError  # noqa: E402
from eyeground.imaging.dicom import SYNTAXES  # noqa: E402
from eyeground.imaging.limits import RefusedError  # noqa: E402
from eyeground.serving.dicom import receive  # noqa: E402
from eyeground.serving.dicom.send import Peer, peer_of  # noqa: E402
from eyeground.serving.dicom.stock import Stock  # noqa: E402
from eyeground.serving.node import NodeSettings, run_node  # noqa: E402
from eyeground.serving.pseudonyms import Pseudonyms  # noqa: E402
from eyeground.serving.result import MAKER  # noqa: E402

OP = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
RESULTS = {"1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.104.1"}
PATIENCE = 60.0  # seconds; the machine may be busy


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


@contextmanager
def _running(screener, data, *destinations, **options) -> Iterator[int]:
    """A node in a thread of this process; yields its port."""
    stop, port, failed = threading.Event(), _free_port(), []
    settings = NodeSettings(data, "EYEGROUND", "127.0.0.1", port, destinations, **options)

    def run() -> None:
        try:
            run_node(settings, screener, [], stop)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        _until(lambda: _echo(port) or bool(failed))
        yield port
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not failed and not thread.is_alive()


@contextmanager
def _archive(statuses: list[int] | None = None) -> Iterator[tuple[Peer, list[pydicom.Dataset]]]:
    """An archive that keeps what it is sent; it answers with these statuses first."""
    kept: list[pydicom.Dataset] = []
    answers = list(statuses or [])

    def store(event: evt.Event) -> int:
        if answers:
            return answers.pop(0)
        kept.append(event.dataset)
        return 0x0000

    entity = AE("PACS")
    for result in (*RESULTS, OP):
        entity.add_supported_context(result)
    port = _free_port()
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield Peer("PACS", "127.0.0.1", port, "EYEGROUND"), kept
    finally:
        server.shutdown()


def _associate(port: int, syntax: str | None = None, called: str = "EYEGROUND"):
    entity = AE("CAMERA")
    entity.add_requested_context(OP, syntax or SYNTAXES[1])
    entity.add_requested_context("1.2.840.10008.1.1")
    return entity.associate("127.0.0.1", port, ae_title=called)


def _echo(port: int) -> bool:
    association = _associate(port)
    if not association.is_established:
        return False
    answered = association.send_c_echo().get("Status") == 0
    association.release()
    return answered


def _store(port: int, photo: pydicom.Dataset) -> int | None:
    association = _associate(port, str(photo.file_meta.TransferSyntaxUID))
    assert association.is_established
    status = association.send_c_store(photo).get("Status")
    association.release()
    return status


def test_results_of_a_stored_photograph_arrive_in_its_study(screener, photos, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    with _archive() as (peer, kept), _running(screener, tmp_path / "data", peer) as port:
        photo = pydicom.dcmread(photos["abnormal"])
        assert _store(port, photo) == 0x0000
        _until(lambda: len(kept) == 3)
        assert _store(port, photo) == 0x0000, "sent again, it is taken and not screened again"
        assert {one.StudyInstanceUID for one in kept} == {photo.StudyInstanceUID}
        assert {one.SOPClassUID for one in kept} == RESULTS
        assert {str(one.PatientID) for one in kept} == {PATIENT["PatientID"]}
        _until(lambda: not list((tmp_path / "data" / "results").iterdir()))
    assert len(kept) == 3
    assert not list((tmp_path / "data").rglob("*.dcm")), "nothing of the patient is kept"
    for secret in (PATIENT["PatientID"], "Rendered", "Rita", str(photo.SOPInstanceUID), str(photo.StudyInstanceUID)):
        assert secret not in caplog.text


def test_a_node_that_deidentifies_sends_the_photograph_too_and_writes_fhir(screener, photos, tmp_path) -> None:
    options = {"pseudonyms": Pseudonyms(b"k" * 32), "fhir_out": tmp_path / "fhir"}
    with _archive() as (peer, kept), _running(screener, tmp_path / "data", peer, **options) as port:
        assert _store(port, pydicom.dcmread(photos["normal"])) == 0x0000
        _until(lambda: len(kept) == 4)
    assert {one.SOPClassUID for one in kept} == {*RESULTS, OP}
    assert {str(one.PatientID) for one in kept} == {Pseudonyms(b"k" * 32).patient(PATIENT["PatientID"])}
    assert len({one.StudyInstanceUID for one in kept}) == 1
    (bundle,) = (tmp_path / "fhir").iterdir()
    assert kept[0].PatientID in bundle.read_text() and PATIENT["PatientID"] not in bundle.read_text()


def test_every_syntax_that_is_read_is_offered_and_others_are_refused_at_association(screener, tmp_path) -> None:
    with _running(screener, tmp_path / "data") as port:
        for syntax in SYNTAXES:
            association = _associate(port, syntax)
            assert [one.abstract_syntax for one in association.accepted_contexts].count(OP) == 1, syntax
            association.release()
        video = _associate(port, "1.2.840.10008.1.2.4.100")
        assert OP in [one.abstract_syntax for one in video.rejected_contexts]
        video.release()
        assert not _associate(port, called="ANOTHER").is_established


def test_what_arrives_while_the_archive_is_away_is_sent_later(screener, photos, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("eyeground.serving.node._FIRST_PAUSE", 0.1)
    away = Peer("PACS", "127.0.0.1", _free_port(), "EYEGROUND")
    with _running(screener, tmp_path / "data", away) as port:
        assert _store(port, pydicom.dcmread(photos["unreadable"])) == 0x0000
        results = tmp_path / "data" / "results"
        _until(lambda: results.is_dir() and any(not one.name.startswith(".") for one in results.iterdir()))
    with _archive([0xA700]) as (peer, kept), _running(screener, tmp_path / "data", peer):
        _until(lambda: not list(results.iterdir()))
    assert len({one.SOPInstanceUID for one in kept}) == 2, "report and page of an unreadable photograph"


def test_our_own_results_are_not_screened(screener, tmp_path) -> None:
    own = ophthalmic_photo(np.full((64, 64, 3), 90, np.uint8), Manufacturer=MAKER)
    with _running(screener, tmp_path / "data") as port:
        assert _store(port, own) == 0x0000
        _until((tmp_path / "data" / "finished.txt").exists)
        assert not list((tmp_path / "data" / "results").iterdir())


def test_an_object_without_a_valid_patient_is_refused_with_a_status(screener, tmp_path) -> None:
    photo = ophthalmic_photo(np.zeros((64, 64, 3), np.uint8), PatientID=["A", "B"])
    with _running(screener, tmp_path / "data") as port:
        assert _store(port, photo) == 0xC000
        assert not list((tmp_path / "data" / "waiting").iterdir())


def test_an_object_that_is_too_large_is_never_taken_whole(screener, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(receive, "MOST_BYTES", 10_000)
    monkeypatch.setattr(receive, "_BESIDE", 1_000)
    with _running(screener, tmp_path / "data") as port:
        photo = ophthalmic_photo(np.zeros((400, 400, 3), np.uint8))
        association = _associate(port)
        assert association.send_c_store(photo).get("Status") != 0x0000
        assert not list((tmp_path / "data" / "waiting").iterdir())


def test_a_full_disk_is_a_status_and_not_success(screener, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Stock, "accept", full)
    with _running(screener, tmp_path / "data") as port:
        assert _store(port, ophthalmic_photo(np.zeros((64, 64, 3), np.uint8))) == 0xA700


def test_a_photograph_without_possible_results_is_set_aside_and_the_others_go_on(
    screener, photos, tmp_path, monkeypatch
) -> None:
    def refuse(*_: object) -> None:
        monkeypatch.undo()
        raise RefusedError("no results can be made")

    monkeypatch.setattr("eyeground.serving.node.write_results", refuse)
    with _running(screener, tmp_path / "data") as port:
        assert _store(port, pydicom.dcmread(photos["unreadable"])) == 0x0000
        _until((tmp_path / "data" / "failed").is_dir)
        assert _store(port, ophthalmic_photo(np.zeros((64, 64, 3), np.uint8))) == 0x0000
        _until(lambda: any((tmp_path / "data" / "results").glob("[!.]*")))
    assert len(list((tmp_path / "data" / "failed").iterdir())) == 1


def test_a_killed_node_screens_what_it_had_accepted(screener, photos, tmp_path) -> None:
    stock = Stock(tmp_path / "data")
    file = write_photo(stock.incoming / "part", np.zeros((64, 64, 3), np.uint8))
    stock.accept(file, str(pydicom.dcmread(file).SOPInstanceUID))
    stock.close()
    with _running(screener, tmp_path / "data"):
        _until(lambda: not list((tmp_path / "data" / "waiting").iterdir()))
    (place,) = (tmp_path / "data" / "results").iterdir()
    assert {path.name for path in place.iterdir()} >= {"report.dcm", "page.dcm"}


@pytest.mark.parametrize(
    "wrong", ["PACS", "PACS@host", "@host:104", "PACS@host:0", "PACS@:104", "X" * 17 + "@host:104"]
)
def test_a_wrong_peer_is_a_mistake(wrong) -> None:
    with pytest.raises(UserError):
        peer_of(wrong, "EYEGROUND")
