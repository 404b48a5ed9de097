"""What a worker does with an archive: each photograph in it is taken in as if it had been sent alone.

A killed worker unpacks again from the start; what was taken in already is known by its content.
"""

from collections import Counter
from typing import BinaryIO

from sqlalchemy import select

from eyeground.errors import UserError
from eyeground.screening.archives import archive_kind
from eyeground.screening.decoder_pool import Refused
from eyeground.screening.file_kinds import as_text
from eyeground.screening.photos import Gathering, PhotoFile
from eyeground.screening.unpacking import Unpacking, gather_archive, in_reading_order
from eyeground.serving import audit, queue
from eyeground.serving.intake import Refusal, Upload, accept
from eyeground.serving.queue import Claimed
from eyeground.serving.settings import Limits
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import Batch, Job

DAMAGED_TOO_OFTEN = "unpacking it stopped the program several times"


def unpack_archive(store: Store, folder: DataFolder, limits: Limits, job: Claimed, worker: str) -> None:
    """Take in the photographs of an archive, and note in its batch what was left out."""
    assert job.archive_of is not None
    with store.read() as session:
        batch = session.get_one(Batch, job.archive_of)
        space, priority = batch.space, session.scalar(select(Job.priority).where(Job.id == job.id)) or 0
    if job.attempts > queue.MOST_ATTEMPTS:
        problems = [DAMAGED_TOO_OFTEN]
    else:
        problems = _take_in(store, folder, limits, job.archive_of, space, priority)
    with store.write() as session:
        if queue.finish(session, job, worker):
            session.get_one(Batch, job.archive_of).problem = " ".join(problems) or None
            audit.record(session, audit.WORKER, "archive unpacked", batch=job.archive_of)
    folder.drop_upload(job.archive_of)


def _take_in(store: Store, folder: DataFolder, limits: Limits, batch_id: str, space: str, priority: int) -> list[str]:
    path = folder.upload(batch_id)
    kind = archive_kind(path)
    if kind is None:
        return ["The archive is gone or damaged."]
    gathering = Gathering(folder.path)
    gather_archive(gathering, path, kind, "archive")
    try:
        listing = gathering.listing("archive")
    except UserError as error:  # nothing in it is a photograph
        return [str(error)]
    photos = in_reading_order(listing.photos)
    problems = list(listing.nameless_notes)
    if len(photos) > limits.archive_files:
        problems.append(f"Only the first {limits.archive_files:,} photographs were taken.")
        photos = photos[: limits.archive_files]
    refused: Counter[str] = Counter()
    with Unpacking(folder.temporary / f"unpacked-{batch_id}") as unpacking:
        for photo, file in zip(photos, unpacking.files(photos), strict=True):
            if isinstance(file, Refused):
                refused[file.reason] += 1
            else:
                try:
                    with file.open("rb") as stream:
                        accept(store, folder, limits, _upload(photo, stream, space, batch_id, priority), bounded=False)
                except Refusal as refusal:
                    refused[refusal.reason] += 1
            unpacking.done()
    return problems + [f"{number} left out: {reason}." for reason, number in refused.items()]


def _upload(photo: PhotoFile, stream: BinaryIO, space: str, batch_id: str, priority: int) -> Upload:
    name = as_text(photo.name).removeprefix("archive/")
    return Upload(stream, name, space, audit.WORKER, priority, batch=batch_id)
