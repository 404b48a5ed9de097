"""What runs in a reader's own process: one photograph in, its standard photo out, until the pipe closes.

A decoder fed with hostile bytes may crash, hang or ask for all memory. Here it can only take down a process
that holds nothing, under a memory limit, and `reading` replaces it. Requests are lines of JSON; a reply is a
line of JSON followed by raw pixels: nothing is pickled, so a reader that was taken over can send no code.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.errors import UserError
from eyeground.imaging.decode import UnreadablePhotoError, read_photo
from eyeground.imaging.gradability import assess
from eyeground.imaging.standard import StandardPhoto, standard_photo
from eyeground.recipe import Preprocessing


def main() -> None:
    """Serve requests on standard input until it closes."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not land among the replies
    cv2.setNumThreads(1)
    settings = json.loads(sys.stdin.buffer.readline())
    _limit_memory(settings["memory_limit"])
    preprocessing = Preprocessing.model_validate(settings["preprocessing"])
    _reply(replies, {"ready": True})
    for line in sys.stdin.buffer:
        _serve(Path(json.loads(line)), preprocessing, settings["picture_side"], replies)


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit; the decoder's own cap on pixels still holds
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _serve(path: Path, preprocessing: Preprocessing, picture_side: int, replies: BinaryIO) -> None:
    try:
        standard = standard_photo(path, preprocessing)
        gradability = assess(standard)
        picture = _picture(path, standard, picture_side)
    except UnreadablePhotoError as error:
        _reply(replies, {"refused": error.reason})
    except UserError as error:
        _reply(replies, {"refused": str(error).removeprefix(f"{path}: ")})
    except MemoryError:
        _reply(replies, {"refused": "decoding it takes more memory than a reader may use"})
    else:
        header = {
            "disc": asdict(standard.disc),
            "geometry": asdict(standard.geometry),
            "gradability": asdict(gradability),
        }
        _reply(replies, header, standard.pixels, picture)


def _picture(path: Path, standard: StandardPhoto, side: int) -> NDArray[np.uint8]:
    """The standard photo's square at a side fit for looking at: uint8 RGB (side, side, 3).

    Black outside the field of view, where some cameras print a name.
    """
    geometry = standard.geometry
    share = geometry.side / min(geometry.original_width, geometry.original_height)
    photo = read_photo(path, sufficient_side=max(1, round(side / share)))
    scale = photo.pixels.shape[1] / geometry.original_width
    left, top, across = (round(value * scale) for value in (geometry.left, geometry.top, geometry.side))
    height, width = photo.pixels.shape[:2]
    rows, columns = slice(max(0, top), min(height, top + across)), slice(max(0, left), min(width, left + across))
    seen = photo.pixels[rows, columns]
    square = np.zeros((across, across, 3), np.uint8)
    square[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = seen
    interpolation = cv2.INTER_AREA if across > side else cv2.INTER_CUBIC
    picture: NDArray[np.uint8] = cv2.resize(square, (side, side), interpolation=interpolation)
    picture[~standard.disc.moved(0, 0, side / geometry.standard_side).mask(side, side)] = 0
    return picture


def _reply(replies: BinaryIO, header: Mapping[str, object], *arrays: NDArray[np.uint8]) -> None:
    replies.write(json.dumps(header).encode() + b"\n")
    for array in arrays:
        replies.write(np.ascontiguousarray(array).data)
    replies.flush()


if __name__ == "__main__":
    main()
