"""The program of a decoder process: one photograph in, its standard photo out, until the pipe closes.

A decoder that crashes, hangs or takes all memory on hostile bytes ends only this process, which `decoder_pool` replaces. A request is a
line of JSON, a reply a line of JSON and raw pixels: nothing is pickled, so a process that was taken over can send no code.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from eyeground.errors import UserError
from eyeground.imaging.decode import Pixels, UnreadablePhotoError
from eyeground.imaging.gradability import assess
from eyeground.imaging.quality_measures import MEASURED_SIDE
from eyeground.imaging.standard import StandardPhoto, read_square, read_standard

LEAST_SHARPNESS = 0.6  # decoded pixels per pixel of the picture, below which decoding again is worth its time
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_MOST_PRINTED = 16 * 2**20  # bytes that libraries may print to a file, for all photographs together
_GRACE = 5  # seconds beyond the limit after which a process ends itself, if the pool has not


def main() -> None:
    """Serve requests on standard input until it closes."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not land among the replies
    cv2.setNumThreads(1)
    settings = json.loads(sys.stdin.buffer.readline())
    _end_with(settings["parent"])
    _limit_resources(settings["memory_limit"])
    _reply(replies, {"ready": True})
    for line in sys.stdin.buffer:
        _set_alarm(int(settings["seconds"]) + _GRACE)
        reply = answer(Path(json.loads(line)), settings["side"], settings["picture_side"])
        _set_alarm(0)  # the caller may be slow to take the reply
        _reply(replies, *reply)


def answer(path: Path, side: int, picture_side: int) -> tuple[Mapping[str, object], *tuple[Pixels, ...]]:
    """The reply to the request for one photograph.

    Args:
        path: The photograph.
        side, picture_side: Of the standard photo and of the picture for people, in pixels; 0 for no picture.

    Returns:
        `disc`, `geometry` and `gradability` by their fields; or `refused`, the reason.
        Unless refused, the standard photo's pixels and the picture: uint8 RGB (side, side, 3), black outside the disc.
    """
    try:
        standard, square = read_standard(path, side)
        judged = standard
        if side < MEASURED_SIDE:  # then the picture is made of the larger square
            judged, square = read_standard(path, MEASURED_SIDE)
            if _size(judged) != _size(standard):
                raise UnreadablePhotoError(path, "the file changed while it was read")
        gradability = assess(judged)
        picture = _picture(path, standard, square, picture_side) if picture_side else np.empty((0, 0, 3), np.uint8)
    except UnreadablePhotoError as error:
        return ({"refused": error.reason},)
    except UserError as error:
        return ({"refused": str(error).removeprefix(f"{path}: ")},)
    except (MemoryError, cv2.error):
        return ({"refused": "decoding it takes more memory than a decoder may use"},)
    header = {
        "disc": asdict(standard.disc),
        "geometry": asdict(standard.geometry),
        "gradability": asdict(gradability),
    }
    return header, standard.pixels, picture


def _size(standard: StandardPhoto) -> tuple[int, int]:
    return standard.geometry.original_width, standard.geometry.original_height


def _end_with(parent: int) -> None:
    """Have the system end this process when its parent dies, which a stuck decoder would not notice.

    Only Linux can; elsewhere the end of the pipe or the alarm ends it.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        sys.exit()


def _limit_resources(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the decoder's own cap on pixels still holds
        return
    for which, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, _MOST_PRINTED)):
        limits = resource.getrlimit(which)
        set_already = [value for value in limits if value != resource.RLIM_INFINITY]
        resource.setrlimit(which, (min([limit, *set_already]), limits[1]))


def _set_alarm(seconds: int) -> None:
    """The alarm ends the process, as nothing handles it."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def _picture(path: Path, standard: StandardPhoto, square: Pixels, side: int) -> Pixels:
    """The standard photo's square at a side for people: uint8 RGB (side, side, 3).

    Black outside the field of view, where some cameras print a name. The photograph is decoded again only where it
    was decoded much too small for this.
    """
    if len(square) < min(LEAST_SHARPNESS * side, standard.geometry.side):
        square = read_square(path, standard.geometry, side)
    interpolation = cv2.INTER_AREA if len(square) > side else cv2.INTER_CUBIC
    picture: Pixels = cv2.resize(square, (side, side), interpolation=interpolation)
    visible = standard.disc.moved(0, 0, side / standard.geometry.standard_side).mask(side, side)
    return np.asarray(cv2.bitwise_and(picture, picture, mask=visible.view(np.uint8)))


def _reply(replies: BinaryIO, header: Mapping[str, object], *arrays: Pixels) -> None:
    replies.write(json.dumps(header).encode() + b"\n")
    for array in arrays:
        replies.write(np.ascontiguousarray(array).data)
    replies.flush()


if __name__ == "__main__":
    main()
