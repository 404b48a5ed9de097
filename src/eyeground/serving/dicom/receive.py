"""The C-STORE and C-ECHO side of a node: every transfer syntax that screening reads is offered, any other refused at association.

An object is answered with Success only once it is on disk. It is received in pieces into the data folder, up to the largest file that
screening reads.
"""

import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from eyeground.errors import UserError
from eyeground.imaging.dicom import SYNTAXES
from eyeground.imaging.limits import MOST_BYTES, RefusedError
from eyeground.serving.dicom.source import read_source
from eyeground.serving.dicom.stock import Stock

LOG = logging.getLogger("eyeground.node")
PHOTOGRAPHS = (
    "1.2.840.10008.5.1.4.1.1.77.1.5.1",  # Ophthalmic Photography 8 Bit
    "1.2.840.10008.5.1.4.1.1.77.1.5.2",  # and 16 Bit
    "1.2.840.10008.5.1.4.1.1.77.1.4",  # VL Photographic
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
    "1.2.840.10008.5.1.4.1.1.7.4",  # and of several frames in colour, which some cameras send with one
)
_SUCCESS, _OUT_OF_RESOURCES, _MISMATCH, _NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
_MOST_ASSOCIATIONS = 20
_IDLE = 60.0  # seconds without a word after which an association is ended
_BESIDE = 2**20  # bytes of a message beside the object itself


@contextmanager
def receiving(stock: Stock, aet: str, host: str, port: int, arrived: threading.Event) -> Iterator[None]:
    """Receive photographs, in threads of their own, until the end of the `with` statement.

    Args:
        stock: That takes them.
        aet: Our title; an association to another one is refused.
        host, port: Where to listen.
        arrived: Set whenever one was accepted.

    Raises:
        UserError: If pynetdicom is not installed, the title is none, or nothing can be heard there.
    """
    try:
        from pynetdicom import AE, _config, evt
    except ImportError as error:
        raise UserError("a DICOM node needs pynetdicom: pip install 'eyeground[serve]'") from error
    try:
        entity = AE(aet)
    except ValueError as error:
        raise UserError(f"--aet '{aet}': a title has 1 to 16 characters, without backslash") from error
    entity.require_called_aet = True
    entity.maximum_associations = _MOST_ASSOCIATIONS
    entity.network_timeout = entity.dimse_timeout = _IDLE
    entity.add_supported_context("1.2.840.10008.1.1")
    for photograph in PHOTOGRAPHS:
        entity.add_supported_context(photograph, list(SYNTAXES))
    received: dict[Any, int] = {}
    handlers: list[Any] = [
        (evt.EVT_C_STORE, _store, [stock, arrived]),
        (evt.EVT_DATA_RECV, _count, [received]),
        (evt.EVT_DIMSE_RECV, _forget, [received]),
        (evt.EVT_CONN_CLOSE, _clean, [received, stock]),
    ]
    before = tempfile.tempdir, _config.STORE_RECV_CHUNKED_DATASET
    # Where pynetdicom puts what it receives: on one disk with the stock, so that taking over is moving.
    tempfile.tempdir, _config.STORE_RECV_CHUNKED_DATASET = str(stock.incoming), True
    try:
        server = entity.start_server((host, port), block=False, evt_handlers=handlers)
        try:
            yield
        finally:
            if server is not None:  # as it is by its type, where one is started in the foreground
                server.shutdown()
    except OSError as error:
        raise UserError(f"{host}:{port}: cannot listen there: {error.strerror or error}") from error
    finally:
        tempfile.tempdir, _config.STORE_RECV_CHUNKED_DATASET = before


def _store(event: Any, stock: Stock, arrived: threading.Event) -> int:
    """Take over the object of a C-STORE request, and return its status."""
    path = Path(event.dataset_path)
    try:
        if path.stat().st_size > MOST_BYTES:
            LOG.warning("refused an object: larger than %d MB", MOST_BYTES // 2**20)
            return _OUT_OF_RESOURCES
        source = read_source(path)
        if source.instance != str(event.request.AffectedSOPInstanceUID):
            LOG.warning("refused an object: its header and its request name different instances")
            return _MISMATCH
        key = stock.accept(path, source.instance)
    except RefusedError as refusal:
        LOG.warning("refused an object: %s", refusal)
        return _NOT_UNDERSTOOD
    except OSError as error:
        LOG.error("cannot keep an object: %s", error.strerror)
        return _OUT_OF_RESOURCES
    finally:
        path.unlink(missing_ok=True)
    LOG.info("accepted %s", key)
    arrived.set()
    return _SUCCESS


def _count(event: Any, received: dict[Any, int]) -> None:
    """End an association that sends more in one message than the largest object has."""
    received[event.assoc] = received.get(event.assoc, 0) + len(event.data)
    if received[event.assoc] > MOST_BYTES + _BESIDE:
        LOG.warning("ended an association: it sends an object larger than %d MB", MOST_BYTES // 2**20)
        event.assoc.abort()


def _forget(event: Any, received: dict[Any, int]) -> None:
    received.pop(event.assoc, None)


def _clean(event: Any, received: dict[Any, int], stock: Stock) -> None:
    """Forget an association that has ended, and remove what ended ones did not send to the end."""
    _forget(event, received)
    for file in stock.incoming.iterdir():
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > 2 * _IDLE:
                file.unlink()
