"""A hot folder: photographs that a camera exports are screened once they are complete. Nothing is moved or changed.

A file is complete when two looks find the same size and time, and it ends as its kind does. What was screened is in the output's
ledger, so that a restart goes on where it was.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from eyeground.errors import UserError
from eyeground.imaging.limits import FIRST_BYTES, kind_of
from eyeground.screening.batch import Screened
from eyeground.screening.photos import PhotoFile, list_photos

LOG = logging.getLogger("eyeground.watch")
_PATIENCE = 60.0  # seconds after its last change for which a file without an end is waited for
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_LAST_BYTES = 2**16  # some cameras write something behind the picture

Take = Callable[[PhotoFile], bool]


def watch(
    folder: Path, output_folder: Path, screen: Callable[[Take], Screened], stop: threading.Event, seconds: float
) -> None:
    """Screen the photographs of a folder as they are completed, until `stop` is set.

    Args:
        folder: Watched with all below it.
        output_folder: Of the screening; never searched.
        screen: Screens those photographs of the folder that it is told to take, and those that it has taken before.
        stop: Ends it after the screening that runs.
        seconds: Between two looks.

    Raises:
        UserError: If the folder is not there, or a screening cannot go on.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    before: dict[str, str] = {}
    taken: set[tuple[str, str]] = set()
    while not stop.is_set():
        now = _photographs(folder, output_folder)
        complete = {(name, stamp) for name, stamp in now.items() if before.get(name) == stamp and _has_end(Path(name))}
        new = complete - taken
        if new:
            taken.update(new)
            screened = screen(lambda photo: (photo.location, photo.stamp) in taken)
            LOG.info("screened %d photos, %s", len(new), screened.counts)
        before = now
        stop.wait(seconds)
    LOG.info("stopped")


def _photographs(folder: Path, output_folder: Path) -> dict[str, str]:
    """Path and stamp of each photograph; none while there is none."""
    try:
        return {photo.location: photo.stamp for photo in list_photos([folder], output_folder).photos}
    except UserError:
        return {}


def _has_end(path: Path) -> bool:
    """Whether a file ends as its kind does, or has been without an end for so long that it will get none."""
    try:
        status = path.stat()
        with path.open("rb") as stream:
            end = _ENDS.get(kind_of(stream.read(FIRST_BYTES)) or "", b"")
            stream.seek(max(0, status.st_size - _LAST_BYTES))
            return end in stream.read(_LAST_BYTES) or time.time() - status.st_mtime > _PATIENCE
    except OSError:
        return False
