"""Standard photos on disk, made once: lossless PNG files named by the SHA-256 of the photograph's file.

So a renamed photograph is found, a changed one is made again, parallel writers write the same bytes, and nothing needs
invalidating. Geometry and field of view are inside the PNG.
"""

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from eyeground.config.training_recipe import Preprocessing
from eyeground.core.files import replacing, sha256_of
from eyeground.core.machine import processes
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.imaging.decode import Pixels, UnreadablePhotoError
from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.quality_measures import MEASURED_SIDE
from eyeground.imaging.standard import Geometry, StandardPhoto, standard_photo

LONGEST_DECODE = 120  # seconds; a decoder that takes longer is stuck, and its process is ended
_CHUNK = 16  # photos per message to a worker process
_TEXT_KEY = "eyeground"
STANDARD = "standard-"  # what the names of folders of standard photos begin with


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made of a list of photographs.

    Attributes:
        paths: The cached standard photo of each photograph, None if it is unreadable.
        failures: The reason for each unreadable photograph, by its position.
    """

    paths: list[Path | None]
    failures: dict[int, str]


def prepare(paths: Sequence[Path], preprocessing: Preprocessing, cache_folder: Path, jobs: int = 1) -> Prepared:
    """Make the standard photo of every photograph that has none in the cache yet.

    A photograph that is unreadable or crashes its decoder is recorded, and the others are made.

    Args:
        paths: Photographs.
        preprocessing: How they are standardised; its version and side name the cache's sub-folder.
        cache_folder: Made if missing; may be shared by any number of runs at once.
        jobs: Worker processes.

    Raises:
        UserError: If the cache cannot be written, or `jobs` is below 1.
    """
    if jobs < 1:
        raise UserError(f"jobs is {jobs}; at least one process has to do the work")
    folder = Path(cache_folder) / f"{STANDARD}v{preprocessing.version}-{preprocessing.side}"
    _sweep(folder)
    prepared: list[Path | None] = [None] * len(paths)
    failures: dict[int, str] = {}
    work = [(index, Path(path)) for index, path in enumerate(paths)]
    for index, entry, failure in track(_in_processes(work, preprocessing, folder, jobs), "preparing", len(work)):
        prepared[index] = entry
        if failure is not None:
            failures[index] = failure
    return Prepared(prepared, dict(sorted(failures.items())))


def prepared_to_assess(
    paths: Sequence[Path], standard: Sequence[Path], preprocessing: Preprocessing, cache_folder: Path, jobs: int = 1
) -> Sequence[Path]:
    """Cached standard photos that are large enough for `gradability.assess`, one for each photograph.

    Args:
        paths: Readable photographs.
        standard: Their standard photos by `preprocessing`, which are returned if their side suffices.
        cache_folder: Where larger ones are kept otherwise.

    Raises:
        UserError: If a photograph cannot be read any more.
    """
    if preprocessing.side >= MEASURED_SIDE:
        return standard
    larger = prepare(paths, preprocessing.model_copy(update={"side": MEASURED_SIDE}), cache_folder, jobs)
    for index, reason in larger.failures.items():
        raise UserError(f"{paths[index]}: was readable before and is not now: {reason}")
    return [entry for entry in larger.paths if entry is not None]


def _sweep(folder: Path) -> None:
    """Remove files that killed writers left behind; no writer takes an hour for one photo."""
    for partial in folder.glob("*/.*.partial"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > 3600:
                partial.unlink()


def read_prepared(png: Path) -> Pixels:
    """Read the pixels of a cached standard photo: `(side, side, 3)` uint8 RGB.

    Raises:
        UserError: If the entry is missing or damaged.
    """
    # Bytes first: OpenCV alone would print a warning to the screen for a file that is missing.
    try:
        content = np.fromfile(png, dtype=np.uint8)
    except OSError as error:
        raise _damaged(png) from error
    pixels = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB) if len(content) else None
    if pixels is None:
        raise _damaged(png)
    return np.asarray(pixels)


def read_prepared_standard(png: Path) -> StandardPhoto:
    """Read a cached standard photo with its geometry and field of view.

    Raises:
        UserError: If the entry is missing or damaged.
    """
    try:
        with Image.open(png, formats=("PNG",)) as image:
            pixels = np.array(image)
            description = json.loads(getattr(image, "text", {})[_TEXT_KEY])
        return StandardPhoto(pixels, FieldOfView(**description["disc"]), Geometry(**description["geometry"]))
    except (OSError, SyntaxError, ValueError, KeyError, TypeError) as error:
        raise _damaged(png) from error


def write_prepared(standard: StandardPhoto, png: Path) -> None:
    """Write a standard photo with its geometry and field of view as one PNG, atomically."""
    text = PngImagePlugin.PngInfo()
    text.add_text(_TEXT_KEY, json.dumps({"disc": asdict(standard.disc), "geometry": asdict(standard.geometry)}))
    with replacing(png) as partial:
        Image.fromarray(standard.pixels).save(partial, format="PNG", pnginfo=text, compress_level=1)


def _damaged(png: Path) -> UserError:
    return UserError(f"{png}: the cached standard photo is missing or damaged; prepare the photographs again")


Work = tuple[int, Path]
Outcome = tuple[int, Path | None, str | None]


def _in_processes(work: list[Work], preprocessing: Preprocessing, folder: Path, jobs: int) -> Iterator[Outcome]:
    """Yield an outcome per photograph, in any order; those in work when a process died are tried one by one."""
    chunks = [work[start : start + _CHUNK] for start in range(0, len(work), _CHUNK)]
    while chunks:
        suspects: list[list[Work]] = []
        yield from _until_a_crash(chunks, suspects, preprocessing, folder, jobs)
        for chunk in suspects:
            for one in chunk:
                yield from _alone(one, preprocessing, folder)


def _until_a_crash(
    chunks: list[list[Work]], suspects: list[list[Work]], preprocessing: Preprocessing, folder: Path, jobs: int
) -> Iterator[Outcome]:
    """Work through `chunks` from the end; when a process dies, those in work become `suspects`."""
    with processes(jobs) as pool:
        running: dict[Future[list[Outcome]], list[Work]] = {}
        while (chunks and not suspects) or running:
            while chunks and not suspects and len(running) < 2 * jobs:
                chunk = chunks.pop()
                try:
                    running[pool.submit(_make_all, chunk, preprocessing, folder)] = chunk
                except BrokenProcessPool:
                    suspects.append(chunk)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                chunk = running.pop(future)
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    suspects.append(chunk)


def _alone(one: Work, preprocessing: Preprocessing, folder: Path) -> Iterator[Outcome]:
    with processes(1) as pool:
        try:
            yield from pool.submit(_make_all, [one], preprocessing, folder).result()
        except BrokenProcessPool:
            yield one[0], None, f"decoding it crashed, or took longer than {LONGEST_DECODE} s"


def _make_all(chunk: list[Work], preprocessing: Preprocessing, folder: Path) -> list[Outcome]:
    return [(index, *_make(path, preprocessing, folder)) for index, path in chunk]


def _make(path: Path, preprocessing: Preprocessing, folder: Path) -> tuple[Path | None, str | None]:
    _set_alarm(LONGEST_DECODE)
    try:
        entry = _entry(path, folder)
        if entry is not None and _is_intact(entry):
            _touch(entry)
            return entry, None
        standard = standard_photo(path, preprocessing)
        if entry is None:
            return None, "the file changed while it was read"
        write_prepared(standard, entry)
        return entry, None
    except UnreadablePhotoError as error:
        return None, error.reason
    except (MemoryError, cv2.error):
        return None, "making its standard photo takes more memory than there is"
    finally:
        _set_alarm(0)


def _touch(entry: Path) -> None:
    """Record the use of an entry for `shrink`; on many disks reading alone does not."""
    with suppress(OSError):  # another user's file
        os.utime(entry, ns=(time.time_ns(), entry.stat().st_mtime_ns))


def _entry(path: Path, folder: Path) -> Path | None:
    """Where the photograph's standard photo belongs; None where its content cannot be read."""
    try:
        digest = sha256_of(path) if path.is_file() else None
    except OSError:
        return None
    return folder / digest[:2] / f"{digest}.png" if digest else None


def _set_alarm(seconds: int) -> None:
    """The alarm ends the process, as nothing handles it; a decoder stuck in C code would ignore an exception."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def _is_intact(png: Path) -> bool:
    """Whether a cached entry exists and its checksums hold."""
    try:
        with Image.open(png, formats=("PNG",)) as image:
            image.verify()
            return True
    except (OSError, SyntaxError, ValueError):
        return False
