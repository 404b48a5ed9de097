"""Standard photos on disk, made once: lossless PNG files named by the SHA-256 of the photograph's file.

So a renamed photograph is found, a changed one is made again, parallel writers write the same bytes, and nothing needs
invalidating. Geometry and field of view are inside the PNG.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from eyeground.config.training_recipe import Preprocessing
from eyeground.core.files import replacing, sha256_of
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.imaging.decode import Pixels, UnreadablePhotoError
from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.isolation import CRASHED, each_isolated
from eyeground.imaging.packed import PackedPhoto, StandardFile
from eyeground.imaging.quality_measures import MEASURED_SIDE
from eyeground.imaging.standard import Geometry, StandardPhoto, standard_photo

_TEXT_KEY = "eyeground"
STANDARD = "standard-"  # what the names of folders of standard photos begin with


Made = TypeVar("Made")
Standard = TypeVar("Standard", bound=StandardFile)


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
    folder = folder_of_standard(cache_folder, preprocessing)
    _sweep(folder)
    prepared: list[Path | None] = [None] * len(paths)
    failures: dict[int, str] = {}
    make = partial(_make, preprocessing=preprocessing, folder=folder)
    made = each_isolated(make, [Path(path) for path in paths], jobs)
    for index, outcome in track(made, "preparing", len(paths)):
        prepared[index], failure = outcome or (None, CRASHED)
        if failure is not None:
            failures[index] = failure
    return Prepared(prepared, dict(sorted(failures.items())))


def folder_of_standard(cache_folder: Path, preprocessing: Preprocessing) -> Path:
    """The sub-folder of a cache that holds the standard photos of a preprocessing."""
    return Path(cache_folder) / f"{STANDARD}v{preprocessing.version}-{preprocessing.side}"


def prepared_to_assess(
    paths: Sequence[Path], standard: Sequence[Standard], preprocessing: Preprocessing, cache_folder: Path, jobs: int = 1
) -> Sequence[Standard | Path]:
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
    for left in folder.glob("*/.*.partial"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink()


def read_prepared(photo: StandardFile) -> Pixels:
    """Read the pixels of a cached or packed standard photo: `(side, side, 3)` uint8 RGB.

    Raises:
        UserError: If it is missing or damaged.
    """
    content = _content(photo)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB) if content else None
    if pixels is None:
        raise _damaged(photo)
    return np.asarray(pixels)


def read_prepared_standard(photo: StandardFile) -> StandardPhoto:
    """Read a cached or packed standard photo with its geometry and field of view.

    Raises:
        UserError: If it is missing or damaged.
    """
    return decoded(_content(photo), photo)


def decoded(content: bytes, photo: StandardFile) -> StandardPhoto:
    """A standard photo from its PNG; `photo` is named if that is damaged.

    Raises:
        UserError: If it is damaged.
    """
    try:
        with Image.open(BytesIO(content), formats=("PNG",)) as image:
            pixels = np.array(image)
            description = json.loads(getattr(image, "text", {})[_TEXT_KEY])
        return StandardPhoto(pixels, FieldOfView(**description["disc"]), Geometry(**description["geometry"]))
    except (OSError, SyntaxError, ValueError, KeyError, TypeError) as error:
        raise _damaged(photo) from error


def write_prepared(standard: StandardPhoto, png: Path) -> None:
    """Write a standard photo with its geometry and field of view as one PNG, atomically."""
    with replacing(png) as partial:
        partial.write_bytes(encoded(standard))


def encoded(standard: StandardPhoto) -> bytes:
    """A standard photo with its geometry and field of view as a PNG."""
    text = PngImagePlugin.PngInfo()
    text.add_text(_TEXT_KEY, json.dumps({"disc": asdict(standard.disc), "geometry": asdict(standard.geometry)}))
    stream = BytesIO()
    Image.fromarray(standard.pixels).save(stream, format="PNG", pnginfo=text, compress_level=1)
    return stream.getvalue()


def _content(photo: StandardFile) -> bytes:
    if isinstance(photo, PackedPhoto):
        return photo.content()
    try:
        return photo.read_bytes()
    except OSError as error:
        raise _damaged(photo) from error


def _damaged(photo: StandardFile) -> UserError:
    return UserError(f"{photo}: the cached standard photo is missing or damaged; prepare the photographs again")


def attempt(make: Callable[[Path], Made], path: Path) -> tuple[Made | None, str | None]:
    """What `make` gives for a photograph, or the reason why it is unreadable."""
    try:
        return make(path), None
    except UnreadablePhotoError as error:
        return None, error.reason
    except (MemoryError, cv2.error):
        return None, "making its standard photo takes more memory than there is"


def _make(path: Path, preprocessing: Preprocessing, folder: Path) -> tuple[Path | None, str | None]:
    return attempt(partial(_entry_of, preprocessing=preprocessing, folder=folder), path)


def _entry_of(path: Path, preprocessing: Preprocessing, folder: Path) -> Path:
    entry = _entry(path, folder)
    if entry is not None and _is_intact(entry):
        _touch(entry)
        return entry
    standard = standard_photo(path, preprocessing)
    if entry is None:
        raise _changed(path)
    write_prepared(standard, entry)
    return entry


def standard_png(path: Path, preprocessing: Preprocessing, cache_folder: Path) -> tuple[str, bytes]:
    """The SHA-256 of a photograph's file and its standard photo as a PNG: from the cache, to which nothing is added, or made.

    Raises:
        UnreadablePhotoError: If the file cannot be read as a photograph.
    """
    entry = _entry(path, folder_of_standard(cache_folder, preprocessing))
    if entry is not None and _is_intact(entry):
        return entry.stem, entry.read_bytes()
    content = encoded(standard_photo(path, preprocessing))
    if entry is None:
        raise _changed(path)
    return entry.stem, content


def _changed(path: Path) -> UnreadablePhotoError:
    return UnreadablePhotoError(path, "the file changed while it was read")


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


def _is_intact(png: Path) -> bool:
    """Whether a cached entry exists and its checksums hold."""
    try:
        with Image.open(png, formats=("PNG",)) as image:
            image.verify()
            return True
    except (OSError, SyntaxError, ValueError):
        return False
