"""`node` and `watch`: services that take photographs as they come, without torch."""

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import typer

from eyeground.cli.exports import DEIDENTIFY, DICOM_OUT, FHIR_OUT, FHIR_RELEASE, SEGMENTERS, exports_of
from eyeground.cli.options import JOBS
from eyeground.cli.printing import print_lines
from eyeground.cli.screen import BUNDLE, OPERATING_POINT
from eyeground.errors import UserError

TOKEN = "EYEGROUND_DICOMWEB_TOKEN"


def node(
    data: Path = typer.Option(..., "--data", help="Folder for what is in hand: accepted photos and unsent results."),
    aet: str = typer.Option("EYEGROUND", "--aet", help="Our application entity title, by which others must call us."),
    port: int = typer.Option(11112, "--port", min=1, max=65535, help="Port to listen on."),
    host: str = typer.Option(
        "127.0.0.1",
        "--host",
        help="Address to listen on. DICOM has no password: give an address of a network that only cameras and archive share.",
    ),
    send_to: list[str] = typer.Option(
        [], "--send-to", help="Archive that results are sent to by C-STORE, as AET@HOST:PORT; repeat for more."
    ),
    dicomweb: str | None = typer.Option(
        None,
        "--dicomweb",
        help="Root of a DICOMweb server, which is asked for new photos (QIDO-RS, WADO-RS) and gets their results (STOW-RS). A token "
        f"for it is read from {TOKEN}.",
    ),
    poll: float = typer.Option(30.0, "--poll", min=1.0, help="Seconds between two questions to the DICOMweb server."),
    bundle: str | None = BUNDLE,
    operating_point: str | None = OPERATING_POINT,
    segmenters: list[str] = typer.Option(
        [], "--segmenter", help="Also send a segmentation by this segmenter; repeat for more."
    ),
    fhir_out: Path | None = FHIR_OUT,
    fhir_release: str = FHIR_RELEASE,
    deidentify: Path | None = typer.Option(
        None,
        "--deidentify",
        help="Send results without their patient (Basic Profile of PS3.15), and the photo with them, as for a research archive. The file holds "
        "the secret key of the pseudonyms, and is made if missing. Not with --dicomweb, whose server has the patient.",
    ),
    jobs: int | None = JOBS,
) -> None:
    """Take DICOM photos from cameras or an archive, screen them, and send results into the same study, until it is stopped.

    A photo that was accepted is on disk, and is screened once, whatever is killed meanwhile. Without --send-to and --dicomweb, results
    stay in the data folder.

    For an archive: `eyeground node --data /var/lib/eyeground --host 10.0.0.7 --send-to PACS@10.0.0.5:104`

    For a DICOMweb server: `eyeground node --data /var/lib/eyeground --dicomweb https://pacs.example/dicom-web`
    """
    from eyeground.core.files import require_writable
    from eyeground.core.machine import save_address_space, usable_cores

    save_address_space()
    from eyeground.screening.runtime import load
    from eyeground.screening.segmenter import load_segmenter
    from eyeground.serving.dicom.send import Destination, peer_of
    from eyeground.serving.dicom.web import web_of
    from eyeground.serving.fhir.checks import require_library
    from eyeground.serving.fhir.resources import release_of
    from eyeground.serving.node import NodeSettings, run_node
    from eyeground.serving.pseudonyms import pseudonyms_of

    require_writable(data)
    if fhir_out is not None:
        require_library()
        require_writable(fhir_out)
    if deidentify is not None and dicomweb is not None:
        raise UserError("--deidentify goes with --send-to: the server of --dicomweb has the patient of each photo")
    destinations: list[Destination] = [peer_of(one, aet) for one in send_to]
    web = None if dicomweb is None else web_of(dicomweb, os.environ.get(TOKEN))
    settings = NodeSettings(
        data=data,
        aet=aet,
        host=host,
        port=port,
        destinations=(*destinations, *([web] if web else [])),
        web=web,
        poll_seconds=poll,
        jobs=jobs or usable_cores(),
        pseudonyms=None if deidentify is None else pseudonyms_of(deidentify),
        fhir_out=fhir_out,
        fhir_release=release_of(fhir_release),
    )
    screener = load(bundle, operating_point=operating_point)
    print_lines(f"model {screener.bundle.identity}{'' if bundle else ', the default'}")
    run_node(
        settings, screener, [load_segmenter(one, threads=1) for one in segmenters], stop_at_signals(threading.Event())
    )


def watch(
    folder: Path = typer.Argument(..., help="Folder that a camera exports into; watched with all below it."),
    output: Path = typer.Option(..., "-o", "--output", help="Folder for what `screen` writes there."),
    bundle: str | None = BUNDLE,
    operating_point: str | None = OPERATING_POINT,
    seconds: float = typer.Option(
        2.0,
        "--seconds",
        min=0.1,
        help="Seconds between two looks; a photo that did not change between them is complete.",
    ),
    report: bool = typer.Option(True, "--report/--no-report", help="Write report.html, or only tables."),
    identifiers: bool = typer.Option(
        False, "--identifiers", help="Show file names and patient identifiers in the report, as `screen` does."
    ),
    dicom_out: Path | None = DICOM_OUT,
    segmenters: list[str] = SEGMENTERS,
    fhir_out: Path | None = FHIR_OUT,
    fhir_release: str = FHIR_RELEASE,
    deidentify: Path | None = DEIDENTIFY,
    jobs: int | None = JOBS,
) -> None:
    """Screen the photos of a folder as a camera writes them, each once it is complete, until it is stopped. Nothing is moved.

    After a restart it goes on where it was.

    For a camera that exports files: `eyeground watch /srv/camera -o /srv/results`
    """
    from eyeground.core.machine import save_address_space

    save_address_space()
    from eyeground.screening.batch import screen as screen_photos
    from eyeground.screening.runtime import load
    from eyeground.serving.watch import watch as watch_folder

    screener = load(bundle, operating_point=operating_point)
    exports = exports_of(screener, dicom_out, segmenters, fhir_out, fhir_release, deidentify)
    print_lines(f"model {screener.bundle.identity}{'' if bundle else ', the default'}", f"watching {folder}")
    stop = stop_at_signals(threading.Event(), interrupting=True)
    with suppress(KeyboardInterrupt):  # as a screening that is interrupted goes on at the next start
        watch_folder(
            folder,
            output,
            lambda take: screen_photos(
                folder, screener, output, jobs, identifiers, report=report, exports=exports, take=take
            ),
            stop,
            seconds,
        )


def stop_at_signals(stop: threading.Event, interrupting: bool = False) -> threading.Event:
    """The event, set by SIGTERM and SIGINT; lines of the service go to standard error from now on.

    Args:
        stop: To be set.
        interrupting: Whether what runs is interrupted by a `KeyboardInterrupt`, and does not look at the event.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    def handle(*_: object) -> None:
        already = stop.is_set()
        stop.set()
        if interrupting and not already:
            raise KeyboardInterrupt

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, handle)
    return stop
