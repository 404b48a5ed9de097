"""The DICOMweb side of a node: asks for new photographs (QIDO-RS), takes them (WADO-RS), and sends results back (STOW-RS)."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eyeground.errors import UserError
from eyeground.imaging.limits import MOST_BYTES, RefusedError
from eyeground.serving.dicom.receive import PHOTOGRAPHS
from eyeground.serving.dicom.send import NotSentError
from eyeground.serving.dicom.source import UID, read_source
from eyeground.serving.dicom.stock import Stock

LOG = logging.getLogger("eyeground.node")
_MODALITY = "OP"  # of series that are asked for; our own results are SR, OT, DOC and SEG
_PAGE = 100  # of answers at once
_SECONDS = 60.0
_SOP_CLASS, _INSTANCE, _SERIES, _STUDY = "00080016", "00080018", "0020000E", "0020000D"
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_PIECE = 2**16


@dataclass(frozen=True)
class Web:
    """A DICOMweb server.

    Attributes:
        url: Root of its services, such as `https://pacs.example/dicom-web`.
        token: Sent as a bearer token; None for none.
    """

    url: str
    token: str | None = None

    def send(self, files: Sequence[Path]) -> None:
        """See `eyeground.serving.dicom.send.Destination.send`."""
        from pydicom import dcmread

        try:
            answer = self._client().store_instances([dcmread(file) for file in files])
        except OSError as error:  # of `requests`, also what its server answers
            silent = getattr(error, "response", None) is None
            why = f"the DICOMweb server does not take the results ({type(error).__name__})"
            raise NotSentError(why, is_silent=silent) from error
        if answer.get("FailedSOPSequence"):
            raise NotSentError(f"the DICOMweb server refuses {len(answer.FailedSOPSequence)} of {len(files)} results")

    def fetch(self, stock: Stock, since: date) -> int:
        """Take all photographs of studies since a day that are not known yet.

        Returns:
            How many were taken.

        Raises:
            NotSentError: If the server does not answer; what was taken before stays.
        """
        client, taken = self._client(), 0
        try:
            for study, series in self._series(client, since):
                for instance in self._instances(client, study, series):
                    if study and series and instance and not stock.knows(instance):
                        taken += self._take(stock, study, series, instance)
        except OSError as error:
            raise NotSentError(f"the DICOMweb server does not answer ({type(error).__name__})") from error
        return taken

    def _client(self) -> Any:
        from dicomweb_client.api import DICOMwebClient

        client = DICOMwebClient(self.url, session=self._session())
        client.set_http_retry_params(retry=False)
        return client

    def _session(self) -> Any:
        """A session that gives up on a server which does not answer; without it, one is waited for without end."""
        import requests
        from requests.adapters import HTTPAdapter

        class Patient(HTTPAdapter):
            def send(self, *args: Any, **options: Any) -> Any:
                return super().send(*args, **options | {"timeout": _SECONDS})

        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, Patient())
        if self.token:
            session.headers["Authorization"] = f"Bearer {self.token}"
        return session

    def _series(self, client: Any, since: date) -> Iterator[tuple[str, str]]:
        wanted = {"Modality": _MODALITY, "StudyDate": f"{since:%Y%m%d}-"}
        for found in _pages(lambda offset: client.search_for_series(search_filters=wanted, limit=_PAGE, offset=offset)):
            yield _value(found, _STUDY), _value(found, _SERIES)

    def _instances(self, client: Any, study: str, series: str) -> Iterator[str]:
        found = _pages(lambda offset: client.search_for_instances(study, series, limit=_PAGE, offset=offset))
        return (_value(one, _INSTANCE) for one in found if _value(one, _SOP_CLASS) in PHOTOGRAPHS)

    def _take(self, stock: Stock, study: str, series: str, instance: str) -> bool:
        """Take one photograph; False, and a line in the log, if it is not to be had."""
        url = f"{self.url}/studies/{study}/series/{series}/instances/{instance}"
        file = stock.incoming / "fetched.dcm"
        try:
            with self._session() as session, session.get(url, headers={"Accept": _AS_STORED}, stream=True) as answer:
                answer.raise_for_status()
                file.write_bytes(_single_part(answer))
            if read_source(file).instance != instance:
                raise RefusedError("it is another than was asked for")
            LOG.info("fetched %s", stock.accept(file, instance))
        except RefusedError as refusal:
            LOG.warning("refused an object: %s", refusal)
            return False
        finally:
            file.unlink(missing_ok=True)
        return True


def web_of(url: str, token: str | None) -> Web:
    """Check the address of a DICOMweb server.

    Raises:
        UserError: If it is none, carries a password, or a token would be sent to another machine unencrypted.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"--dicomweb '{url}': expected the root of the services, such as https://pacs.example/dicom-web"
        )
    if parts.username or parts.password:
        raise UserError(
            "--dicomweb: leave user and password out of the address; give a token in EYEGROUND_DICOMWEB_TOKEN"
        )
    if token and parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UserError("--dicomweb: a token goes to another machine over https only")
    return Web(url.rstrip("/"), token)


def _pages(search: Callable[[int], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """All answers of a search, page by page; a server that knows no pages gives all at once."""
    offset = 0
    while page := search(offset):
        yield from page
        offset += len(page)
        if len(page) != _PAGE:
            return


def _value(found: dict[str, Any], tag: str) -> str:
    """A UID of an answer; what is none is empty, so that no address is made of it."""
    value = (found.get(tag, {}).get("Value") or [""])[0]
    return value if isinstance(value, str) and UID.fullmatch(value) else ""


def _single_part(answer: Any) -> bytes:
    """The content of a multipart answer with one part, read up to the largest object accepted.

    Raises:
        RefusedError: If it is larger, or is not of that form.
    """
    content = bytearray()
    for piece in answer.iter_content(_PIECE):
        content += piece
        if len(content) > MOST_BYTES:
            raise RefusedError(f"it is larger than the {MOST_BYTES // 2**20} MB accepted")
    boundary = re.search(r'boundary="?([^";]+)', answer.headers.get("Content-Type", ""))
    if boundary is None:
        return bytes(content)
    begin, end = content.find(b"\r\n\r\n"), content.rfind(f"\r\n--{boundary[1]}".encode())
    if begin < 0 or end < begin:
        raise RefusedError("the server's answer is cut short")
    return bytes(content[begin + 4 : end])
