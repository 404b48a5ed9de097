"""What is let in: files that are photographs by their first bytes, within limits, each content once; never trusted further.

A photo is accepted only when its file and its row are on disk. The file is written before the row, so a kill between the two leaves a
file without a row, which `sweep` removes.
"""

import hashlib
import os
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from eyeground.core.words import EYES, meaning
from eyeground.imaging.limits import FIRST_BYTES, RefusedError, check_size, kind_of
from eyeground.screening.archives import DamagedArchiveError, archive_kind, entries
from eyeground.screening.file_kinds import as_text
from eyeground.serving import audit, models_in_use, queue
from eyeground.serving.headers import announced_size
from eyeground.serving.patients import patient_of
from eyeground.serving.settings import ROUTINE, Limits
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import CANCELLED, PENDING, Batch, Finding, Job, Photo, new_id

LONGEST_NAME = 255
_HEADER = 2**16  # bytes in which a photograph says how large it is
_PIECE = 2**20


class Refusal(Exception):
    """A file, or a request with it, that is not accepted.

    Attributes:
        status: Of the answer, as HTTP has them.
        reason: In a sentence, without the file's name.
        retry_after: Seconds after which it may be accepted; None for never.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


@dataclass(frozen=True)
class Upload:
    """A file that was sent, and what was said of it.

    Attributes:
        stream: Its content, from the beginning.
        name: As the sender calls it; shown, and never used as a path.
        space: Whose it is.
        actor: Who sent it, for the audit trail.
        priority: Of its job.
        patient, eye, visit, camera: Where they are known.
        batch: Of photographs that are sent together.
    """

    stream: BinaryIO
    name: str
    space: str
    actor: str
    priority: int = ROUTINE
    patient: str | None = None
    eye: str | None = None
    visit: date | None = None
    camera: str | None = None
    batch: str | None = None


@dataclass(frozen=True)
class Accepted:
    """A photo that is on disk, and whether its content was there before."""

    id: str
    known: bool


def accept(store: Store, folder: DataFolder, limits: Limits, upload: Upload, bounded: bool = True) -> Accepted:
    """Take a photograph; it will be screened, whatever happens to the program, once this returns.

    A content that is there already is not taken again. It is screened again only if it was cancelled, or if the model is another now.

    Raises:
        Refusal: If it is no photograph, too large, or there is no room.
    """
    size, content = _examine(upload.stream, limits.photo_bytes)
    eye = _eye(upload.eye)
    with store.read() as session:
        known = _known(session, upload.space, content)
        moves = known is not None and upload.batch not in (None, known.batch_id)
        if known is not None and not moves and _is_in_order(session, folder, known):
            return Accepted(known.id, known=True)
        if bounded:  # an archive that was accepted is taken whole
            refuse_where_full(session, folder, limits)
        _check_batch(session, upload)
        in_order = known is not None and _is_in_order(session, folder, known)
    photo_id = new_id() if known is None else known.id
    if not in_order and not folder.upload(photo_id).is_file():
        upload.stream.seek(0)
        folder.receive(upload.stream, photo_id)
    try:
        with store.write() as session:
            return _enter(session, upload, photo_id, content, size, eye, in_order)
    except IntegrityError:  # the same content came twice at the same moment
        with store.read() as session:
            first = _known(session, upload.space, content)
        if first is None:
            raise
        folder.drop_upload(photo_id)
        return Accepted(first.id, known=True)


def accept_archive(store: Store, folder: DataFolder, limits: Limits, upload: Upload) -> str:
    """Take a zip or tar archive; the worker unpacks it into a batch, whose id is returned.

    Raises:
        Refusal: If it is none, too large, damaged, or would unpack to more than is accepted.
    """
    size = upload.stream.seek(0, os.SEEK_END)
    upload.stream.seek(0)
    if size > limits.archive_bytes:
        raise Refusal(413, f"the archive has more than the {limits.archive_bytes:,} bytes accepted")
    with store.read() as session:
        refuse_where_full(session, folder, limits)
    batch_id = new_id()
    folder.receive(upload.stream, batch_id)
    try:
        _check_archive(folder.upload(batch_id), limits)
    except Refusal:
        folder.drop_upload(batch_id)
        raise
    with store.write() as session:
        session.add(Batch(id=batch_id, space=upload.space, name=shown_name(upload.name)[:200]))
        session.flush()
        session.add(Job(archive_of=batch_id, priority=upload.priority))
        audit.record(session, upload.actor, "archive uploaded", batch=batch_id)
    return batch_id


def _check_archive(path: Path, limits: Limits) -> None:
    """Refuse what says by itself that it is a bomb; a compressed tar tells only while the worker unpacks it."""
    kind = archive_kind(path)
    if kind is None:
        raise Refusal(415, "this is no archive; zip and tar (plain, gzip, bzip2, xz) are accepted")
    if kind != "zip":
        return
    try:
        sizes = [entry.size for entry in islice(entries(path, kind), limits.archive_files + 1)]
    except DamagedArchiveError as error:
        raise Refusal(422, f"the archive {error}") from error
    if len(sizes) > limits.archive_files:
        raise Refusal(413, f"the archive holds more than the {limits.archive_files:,} files accepted")
    if sum(sizes) > max(limits.free_expansion, limits.expansion * path.stat().st_size):
        raise Refusal(413, f"the archive would unpack to more than {limits.expansion} times its size")


def _enter(
    session: Session, upload: Upload, photo_id: str, content: str, size: int, eye: str | None, in_order: bool
) -> Accepted:
    photo = session.get(Photo, photo_id)
    if photo is not None:
        photo.batch_id = upload.batch or photo.batch_id
        if photo.state != PENDING and not in_order:
            photo.state = PENDING
            queue.enqueue(session, photo_id, upload.priority)
        return Accepted(photo_id, known=True)
    session.add(
        Photo(
            id=photo_id,
            space=upload.space,
            content=content,
            name=shown_name(upload.name),
            size=size,
            patient_id=patient_of(session, upload.patient),
            eye=eye,
            visit=upload.visit,
            camera=_line(upload.camera, 64),
            batch_id=upload.batch,
        )
    )
    session.flush()
    queue.enqueue(session, photo_id, upload.priority)
    audit.record(session, upload.actor, "uploaded", photo_id)
    return Accepted(photo_id, known=False)


def refuse_where_full(session: Session, folder: DataFolder, limits: Limits) -> None:
    """Refuse more work than the queue or the disk holds.

    Raises:
        Refusal: With the time after which to try again.
    """
    waiting = queue.waiting(session)
    if waiting >= limits.queue:
        speed = models_in_use.speed(session) or 1.0
        seconds = min(600, max(1, round(0.05 * waiting / speed)))
        raise Refusal(429, f"{waiting} photographs are waiting, and no more are accepted", seconds)
    if folder.free_bytes() < limits.free_bytes:
        raise Refusal(507, "the disk of the service is full", 600)


def _examine(stream: BinaryIO, most: int) -> tuple[int, str]:
    """Size and SHA-256 of a photograph."""
    beginning = stream.read(_HEADER)
    if not beginning:
        raise Refusal(422, "the file is empty")
    if kind_of(beginning[:FIRST_BYTES]) is None:
        raise Refusal(415, "this is no photograph; JPEG, PNG, TIFF, BMP, PPM and DICOM are accepted")
    try:
        if (announced := announced_size(beginning)) is not None:
            check_size(*announced)
    except RefusedError as error:
        raise Refusal(422, str(error)) from error
    digest, size, piece = hashlib.sha256(), 0, beginning
    while piece:
        digest.update(piece)
        size += len(piece)
        if size > most:
            raise Refusal(413, f"the file has more than the {most:,} bytes accepted")
        piece = stream.read(_PIECE)
    return size, digest.hexdigest()


def _known(session: Session, space: str, content: str) -> Photo | None:
    return session.scalar(select(Photo).where(Photo.space == space, Photo.content == content))


def _is_in_order(session: Session, folder: DataFolder, photo: Photo) -> bool:
    """Whether there is nothing to be done for a photo that is known."""
    if photo.state == CANCELLED:
        return False
    if photo.state == PENDING:
        return folder.upload(photo.id).is_file() or photo.kept
    model = models_in_use.current_model(session)
    if model is None:
        return True
    asked = select(Finding.id).where(Finding.photo_id == photo.id, Finding.model_id == model.id)
    return session.scalar(asked) is not None


def _check_batch(session: Session, upload: Upload) -> None:
    if upload.batch is None:
        return
    batch = session.get(Batch, upload.batch)
    if batch is None or batch.space != upload.space:
        raise Refusal(404, "there is no such batch")
    if batch.cancelled is not None:
        raise Refusal(409, "the batch was cancelled")


def _eye(given: str | None) -> str | None:
    if not given:
        return None
    eye = meaning("eye", given)
    if eye not in EYES:
        raise Refusal(422, "eye must be left or right")
    return eye


def shown_name(given: str) -> str:
    """A file's name as it is shown: its last part, what cannot be printed as an escape.

    >>> shown_name("../../etc/passwd"), shown_name("C:\\\\photos\\\\eye 1.jpg"), shown_name("a\\r\\nb.jpg")
    ('passwd', 'eye 1.jpg', 'a\\\\r\\\\nb.jpg')
    """
    last = PurePosixPath(given.replace("\\", "/")).name
    return _line(as_text(last), LONGEST_NAME) or "photo"


def _line(text: str | None, longest: int) -> str | None:
    shown = "".join(mark if mark.isprintable() else " " for mark in text or "")
    return shown.strip()[:longest] or None
