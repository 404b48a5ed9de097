"""Photographs in whatever form a program has them, each with a name: paths, bytes, open files, Pillow images, pixels.

Encoded photographs are always decoded from a file, bytes from a private temporary one, so that the same limits and reasons hold for
every form.
"""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, TypeGuard, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyeground.config.training_recipe import Preprocessing
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError
from eyeground.imaging.decode import Pixels, UnreadablePhotoError, pixels_of
from eyeground.imaging.gradability import Gradability, standard_and_gradability
from eyeground.imaging.limits import MOST_BYTES, RefusedError, check_size
from eyeground.imaging.standard import StandardPhoto
from eyeground.screening.decoder_pool import NO_PICTURE, DecoderPool, DecoderSettings, ReadPhoto, Refused

BATCH_SIZE = 16
ACCEPTED = "a path, bytes, a file opened with 'rb', a Pillow image, or uint8 RGB pixels of shape (height, width, 3)"

Content = bytes | bytearray | memoryview
Photo = str | os.PathLike[str] | Content | BinaryIO | Image.Image | NDArray[np.uint8]
Photos = Photo | Iterable[Photo]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Examined:
    """A photograph that could be read: its name, its standard photo and how gradable it is."""

    name: str
    standard: StandardPhoto
    gradability: Gradability


@dataclass(frozen=True)
class Unread:
    """A photograph that could not be read: its name, and why, in a sentence without its path."""

    name: str
    reason: str


def is_one(photos: Photos) -> TypeGuard[Photo]:
    """Whether this is one photograph and not several; an array of shape (n, height, width, 3) is several."""
    if isinstance(photos, np.ndarray):
        return photos.ndim != 4
    return isinstance(photos, str | os.PathLike | Content | Image.Image) or hasattr(photos, "read")


def as_many(photos: Photos) -> Iterable[Photo]:
    """Photographs one by one, also where only one is given.

    Raises:
        UserError: If it is neither a photograph nor an iterable.
    """
    if is_one(photos):
        return [photos]
    if not isinstance(photos, Iterable):
        raise UserError(f"{type(photos).__name__} is no photograph; expected {ACCEPTED}, or any iterable of these")
    return cast(Iterable[Photo], photos)


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Lists of `BATCH_SIZE` items, the last one perhaps shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH_SIZE)):
        yield batch


def examine(photo: Photo, position: int, preprocessing: Preprocessing) -> Examined | Unread:
    """Make the standard photo of one photograph in this process.

    Args:
        photo: An array is uint8 RGB (h, w, 3).
        position: Its place among those given, from 1, which names a photo without a name.
        preprocessing: Of the standard photo.

    Raises:
        UserError: If it is no photograph.
    """
    name = _name(photo, position)
    try:
        source = _source(photo, position)
        if isinstance(source, bytes):
            with TemporaryDirectory(prefix="eyeground-") as folder:
                found = standard_and_gradability(_written(source, Path(folder) / "photo"), preprocessing)
        else:
            found = standard_and_gradability(source, preprocessing)
    except UnreadablePhotoError as error:
        return Unread(name, error.reason)
    except RefusedError as refusal:
        return Unread(name, str(refusal))
    return Examined(name, *found)


def read_ahead(
    photos: Iterable[Photo], preprocessing: Preprocessing, jobs: int | None
) -> Generator[Examined | Unread, None, None]:
    """Make standard photos in decoder processes, in order, a limited number of them in advance.

    Args:
        photos: As `examine` takes them.
        preprocessing: Of the standard photos.
        jobs: Decoder processes, each with limits of time and memory; by default one per usable core.

    Raises:
        UserError: If an item is no photograph, `jobs` is below 1, or a decoder process cannot be started.
    """
    jobs = usable_cores() if jobs is None else jobs
    if jobs < 1:
        raise UserError(f"jobs is {jobs}; at least one process has to read the photographs")
    # Name of each photo that is read ahead, and the file that may have been made of it.
    waiting: deque[tuple[str, Path]] = deque()

    def files(folder: Path) -> Iterator[Path | Refused]:
        for position, photo in enumerate(photos, start=1):
            made = folder / str(position)
            waiting.append((_name(photo, position), made))
            try:
                source = _source(photo, position)
                yield source if isinstance(source, Path) else _written(source, made)
            except RefusedError as refusal:
                yield Refused(str(refusal))

    with (
        TemporaryDirectory(prefix="eyeground-") as folder,
        DecoderPool(DecoderSettings(preprocessing, NO_PICTURE), jobs) as pool,
    ):
        for outcome in pool.read(files(Path(folder)), ahead=BATCH_SIZE + jobs):
            name, made = waiting.popleft()
            made.unlink(missing_ok=True)
            yield from_decoder(name, outcome)


def from_decoder(name: str, outcome: ReadPhoto | Refused) -> Examined | Unread:
    """The outcome of a decoder process, with the photograph's name."""
    if isinstance(outcome, Refused):
        return Unread(name, outcome.reason)
    return Examined(name, outcome.standard, outcome.gradability)


def _name(photo: Photo, position: int) -> str:
    """A path as it is given, or that of an open file or image; else the photograph's place."""
    if isinstance(photo, str | os.PathLike):
        return os.fspath(photo)
    name = getattr(photo, "filename" if isinstance(photo, Image.Image) else "name", None)
    return name if name and isinstance(name, str) else f"photo {position}"


def _source(photo: Photo, position: int) -> Path | bytes | Pixels:
    """A photograph as a path, the content of a file, or pixels.

    Raises:
        RefusedError: If it is a photograph that cannot be read.
        UserError: If it is no photograph at all.
    """
    if isinstance(photo, str | os.PathLike):
        return Path(photo)
    if isinstance(photo, Content):
        return _small_enough(bytes(photo))
    if isinstance(photo, Image.Image):
        return pixels_of(photo)
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
            raise UserError(
                f"photo {position}: expected uint8 RGB pixels of shape (height, width, 3), got {photo.dtype} {photo.shape}"
            )
        check_size(photo.shape[1], photo.shape[0])
        return np.ascontiguousarray(photo)
    if not hasattr(photo, "read"):
        raise UserError(f"photo {position}: {type(photo).__name__} is no photograph; expected {ACCEPTED}")
    try:
        content = photo.read(MOST_BYTES + 1)
    except OSError as error:
        raise RefusedError(f"cannot be read ({error.strerror or error})") from error
    if not isinstance(content, bytes):
        raise UserError(f"photo {position}: a file opened as text is no photograph; expected {ACCEPTED}")
    return _small_enough(content)


def _small_enough(content: bytes) -> bytes:
    if not content:
        raise RefusedError("the file is empty")
    if len(content) > MOST_BYTES:
        raise RefusedError(f"the file has more than the {MOST_BYTES // 2**20} MB accepted")
    return content


def _written(source: bytes | Pixels, file: Path) -> Path:
    """Write the content, or the pixels without loss, to a file."""
    try:
        if isinstance(source, bytes):
            file.write_bytes(source)
        else:
            Image.fromarray(source).save(file, format="TIFF")
    except OSError as error:
        raise UserError(f"{file.parent}: a photograph cannot be written here: {error.strerror or error}") from error
    return file
