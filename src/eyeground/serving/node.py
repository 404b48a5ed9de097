"""A DICOM node: photographs come in by C-STORE or are fetched from a DICOMweb server, are screened, and their results go back.

Receiving, screening, sending and asking each have a thread, and meet in the `Stock` on disk alone: `accept` on one side, `waiting` and
`results` on the other. So a kill at any moment loses nothing, and a photograph is screened once.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from eyeground.core.files import write_text
from eyeground.errors import UserError
from eyeground.imaging.decode import UnreadablePhotoError
from eyeground.imaging.limits import RefusedError
from eyeground.screening.decision import NO_RULE
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings, ReadPhoto, Refused
from eyeground.screening.inputs import BATCH_SIZE, from_decoder
from eyeground.screening.pictures import PICTURE_SIDE
from eyeground.screening.runtime import Screener
from eyeground.screening.segmenter import Segmenter
from eyeground.serving.dicom.export import write_results
from eyeground.serving.dicom.receive import receiving
from eyeground.serving.dicom.send import Destination, NotSentError
from eyeground.serving.dicom.source import read_source
from eyeground.serving.dicom.stock import Stock
from eyeground.serving.dicom.web import Web
from eyeground.serving.fhir.export import from_dicom, write_bundle
from eyeground.serving.fhir.resources import Release
from eyeground.serving.pseudonyms import Pseudonyms
from eyeground.serving.result import MAKER, Result

LOG = logging.getLogger("eyeground.node")
_TALKATIVE = (
    "pynetdicom",
    "pydicom",
    "highdicom",
    "dicomweb_client",
    "urllib3",
)  # they log titles, UIDs, elements of patients
_SINCE = "since.txt"
_LOOK_AGAIN = 5.0  # seconds after which a folder is looked through without having been called
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0  # seconds before sending again


@dataclass(frozen=True)
class NodeSettings:
    """What a node does.

    Attributes:
        data: Folder of its own, for what is in hand.
        aet, host, port: Our title, and where it is heard.
        destinations: Where all results go; without one they stay in `data/results`.
        web: Server that is asked for new photographs; None for none.
        poll_seconds: How often it is asked.
        jobs: Decoder processes.
        pseudonyms: De-identify, and send the photograph itself as well; None to file results with the patient.
        fhir_out, fhir_release: Folder for a FHIR Bundle of each photograph, too; None for none.
    """

    data: Path
    aet: str
    host: str
    port: int
    destinations: tuple[Destination, ...] = ()
    web: Web | None = None
    poll_seconds: float = 30.0
    jobs: int = 1
    pseudonyms: Pseudonyms | None = None
    fhir_out: Path | None = None
    fhir_release: Release = "R4"


def run_node(
    settings: NodeSettings, screener: Screener, segmenters: Sequence[Segmenter], stop: threading.Event
) -> None:
    """Receive, screen and send until `stop` is set.

    Raises:
        UserError: If the model has no threshold, another node uses the folder, or nothing can be heard at the port.
    """
    if screener.rule.decision is None:
        raise UserError(f"{screener.bundle.identity}: {NO_RULE}")
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    with closing(Stock(settings.data)) as stock:
        arrived = threading.Event()
        sending = _beside(lambda: _send_all(stock, settings.destinations, stop), stop)
        asking = _beside(lambda: _fetch_all(settings, stock, arrived, stop), stop)
        with receiving(stock, settings.aet, settings.host, settings.port, arrived), sending, asking:
            LOG.info("listening as %s on %s:%d", settings.aet, settings.host, settings.port)
            _screen_all(settings, stock, screener, segmenters, arrived, stop)
    LOG.info("stopped; nothing that was accepted is lost")


@contextmanager
def _beside(work: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    """Do a work in a thread; whatever ends one of them, expected or not, ends all."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
            stop.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


def _screen_all(
    settings: NodeSettings,
    stock: Stock,
    screener: Screener,
    segmenters: Sequence[Segmenter],
    arrived: threading.Event,
    stop: threading.Event,
) -> None:
    decoding = DecoderSettings(screener.bundle.description.preprocessing, PICTURE_SIDE)
    with DecoderPool(decoding, settings.jobs) as pool:
        while not stop.is_set():
            arrived.clear()
            batch = stock.waiting(BATCH_SIZE)
            if not batch:
                _wait(arrived, stop)
                continue
            read = pool.read([file for _, file in batch], ahead=settings.jobs)
            for (key, file), outcome in zip(batch, read, strict=True):
                _screen_one(settings, stock, key, file, outcome, screener, segmenters)
                if stop.is_set():
                    return


def _screen_one(
    settings: NodeSettings,
    stock: Stock,
    key: str,
    file: Path,
    outcome: ReadPhoto | Refused,
    screener: Screener,
    segmenters: Sequence[Segmenter],
) -> None:
    """Screen a photograph and keep its objects; one of our own results is let go, as an archive may send it on to us."""
    try:
        source = read_source(file)
        if source.manufacturer == MAKER:
            stock.finish(key)
            return
        finding = screener.findings([from_decoder(key, outcome)])[0]
        picture = np.empty((0, 0, 3), np.uint8) if isinstance(outcome, Refused) else outcome.picture
        segmented = {} if finding.standard is None else {one.bundle.identity: one(file) for one in segmenters}
        result = Result(finding, screener.bundle, datetime.now(UTC), picture, segmented)
        if settings.fhir_out is not None:
            bundle = settings.fhir_out / f"{key}.json"
            write_bundle(bundle, from_dicom(source), result, settings.fhir_release, settings.pseudonyms)
        stock.add_results(key, lambda place: write_results(place, file, result, settings.pseudonyms))
    except (RefusedError, UnreadablePhotoError) as refusal:
        reason = refusal.reason if isinstance(refusal, UnreadablePhotoError) else refusal
        LOG.error("%s was set aside in `failed`: %s", key, reason)
        stock.set_aside(key)
        return
    LOG.info("screened %s: %s", key, finding.status)


def _send_all(stock: Stock, destinations: Sequence[Destination], stop: threading.Event) -> None:
    """Send results as they come; what a destination does not take is sent again after a while, ever longer."""
    pause = _FIRST_PAUSE
    while destinations and not stop.is_set():
        failure = _send_once(stock, destinations, stop)
        if failure is None:
            pause = _FIRST_PAUSE
        else:
            LOG.warning("not sent, again in %.0f s: %s", pause, failure)
        stop.wait(pause)
        pause = pause if failure is None else min(2 * pause, _LONGEST_PAUSE)


def _send_once(stock: Stock, destinations: Sequence[Destination], stop: threading.Event) -> NotSentError | None:
    """Send all results there are; a refused one does not keep the others, a silent destination does."""
    failure = None
    for key, files in stock.results():
        if stop.is_set():
            break
        try:
            for destination in destinations:
                destination.send(files)
        except NotSentError as error:
            failure = error
            if error.is_silent:
                break
        else:
            stock.finish(key)
            LOG.info("sent %s", key)
    return failure


def _fetch_all(settings: NodeSettings, stock: Stock, arrived: threading.Event, stop: threading.Event) -> None:
    """Ask the server for photographs of studies since the day on which this folder was first used."""
    if settings.web is None:
        return
    since = _first_day(settings.data)
    while not stop.is_set():
        try:
            if settings.web.fetch(stock, since):
                arrived.set()
        except NotSentError as error:
            LOG.warning("not fetched, again in %.0f s: %s", settings.poll_seconds, error)
        stop.wait(settings.poll_seconds)


def _first_day(data: Path) -> date:
    path = data / _SINCE
    if not path.exists():
        write_text(path, f"{datetime.now(UTC).date():%Y-%m-%d}\n")
    try:
        return date.fromisoformat(path.read_text("ascii").strip())
    except ValueError as error:
        raise UserError(f"{path}: expected a day such as 2026-01-31") from error


def _wait(arrived: threading.Event, stop: threading.Event) -> None:
    """Until something has arrived, or it is time to stop or to look again."""
    for _ in range(round(_LOOK_AGAIN / 0.2)):
        if stop.is_set() or arrived.wait(0.2):
            return
