"""`node` and `watch`: services that take photographs as they come, without torch."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

import typer

from eyeground.cli.options import JOBS
from eyeground.cli.printing import print_lines
from eyeground.cli.screen import BUNDLE

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
    operating_point: str | None = typer.Option(
        None, "--operating-point", help="Which of the bundle's thresholds decides, as `screen` takes it."
    ),
    segmenters: list[str] = typer.Option(
        [], "--segmenter", help="Also send a segmentation by this segmenter; repeat for more."
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
    from eyeground.serving.node import NodeSettings, run_node

    require_writable(data)
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
    )
    screener = load(bundle, operating_point=operating_point)
    print_lines(f"model {screener.bundle.identity}{'' if bundle else ', the default'}")
    run_node(settings, screener, [load_segmenter(one, threads=1) for one in segmenters], stop_at_signals())


def stop_at_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; lines of the service go to standard error from now on."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    return stop
