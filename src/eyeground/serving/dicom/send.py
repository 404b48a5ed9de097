"""Sending results: to an archive by C-STORE, or to a DICOMweb server by STOW-RS. Sending an object again is harmless, as its UID stays."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from eyeground.errors import UserError
from eyeground.serving.dicom.receive import PHOTOGRAPHS

LOG = logging.getLogger("eyeground.node")
_RESULTS = (
    "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
    "1.2.840.10008.5.1.4.1.1.104.1",  # Encapsulated PDF
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
)
_SYNTAXES = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
_WARNINGS = range(0xB000, 0xC000)  # stored, with a remark
_SECONDS = 30.0


class NotSentError(Exception):
    """Some objects did not arrive: why, in a sentence without identifiers. They are to be sent again.

    Attributes:
        is_silent: Whether the destination did not answer at all, so that nothing else will arrive either.
    """

    def __init__(self, reason: str, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.is_silent = is_silent


class Destination(Protocol):
    """Where results go."""

    def send(self, files: Sequence[Path]) -> None:
        """Send objects; when this returns, all have arrived.

        Raises:
            NotSentError: If one has not.
        """


@dataclass(frozen=True)
class Peer:
    """An application entity that takes C-STORE; `own` is the title that we call it under."""

    aet: str
    host: str
    port: int
    own: str

    def send(self, files: Sequence[Path]) -> None:
        """See `Destination.send`."""
        from pynetdicom import AE

        entity = AE(self.own)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = _SECONDS
        for result in (*_RESULTS, *PHOTOGRAPHS):  # a photograph where it was de-identified
            entity.add_requested_context(result, _SYNTAXES)
        association = entity.associate(self.host, self.port, ae_title=self.aet)
        if not association.is_established:
            raise NotSentError("the peer does not answer, or refuses the association", is_silent=True)
        try:
            for file in files:
                self._store(association, file)
        finally:
            association.release()

    def _store(self, association: Any, file: Path) -> None:
        try:
            status = association.send_c_store(file)
        except (ValueError, RuntimeError) as error:  # no context was accepted, or the association was lost
            raise NotSentError(f"the peer does not take {file.stem}") from error
        code = status.get("Status")
        if code is None:
            raise NotSentError("the peer did not answer in time", is_silent=True)
        if code != 0 and code not in _WARNINGS:
            raise NotSentError(f"the peer refuses {file.stem} with status 0x{code:04X}")


def peer_of(text: str, own: str) -> Peer:
    """Read `AET@HOST:PORT`.

    Raises:
        UserError: If it is not that.

    >>> peer_of("PACS@10.0.0.5:104", "EYEGROUND")
    Peer(aet='PACS', host='10.0.0.5', port=104, own='EYEGROUND')
    """
    aet, _, address = text.partition("@")
    host, _, port = address.rpartition(":")
    if not (0 < len(aet.strip()) <= 16 and host and port.isdecimal() and 0 < int(port) < 65536):
        raise UserError(f"--send-to '{text}': expected AET@HOST:PORT, such as PACS@10.0.0.5:104")
    return Peer(aet.strip(), host.strip("[]"), int(port), own)
