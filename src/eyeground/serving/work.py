"""What a worker does with one job: screen a photo and store its finding, or unpack an archive.

The finding is the same as that of `eyeground screen`: the same decoder process, network and rule.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.imaging.decode import opened
from eyeground.imaging.dicom_identity import Identity, read_identity
from eyeground.imaging.limits import FIRST_BYTES, RefusedError, kind_of
from eyeground.screening.decision import margin
from eyeground.screening.decoder_pool import DecoderPool, ReadPhoto, Refused
from eyeground.screening.finding import Finding
from eyeground.screening.inputs import from_decoder
from eyeground.screening.runtime import Screener
from eyeground.serving import audit, queue
from eyeground.serving.patients import day_of, patient_of
from eyeground.serving.pictures import save_pictures
from eyeground.serving.queue import Claimed
from eyeground.serving.settings import Limits
from eyeground.serving.store import tables
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import DONE, Photo
from eyeground.serving.unpack import unpack_archive

STOPPED_TOO_OFTEN = "screening it stopped the program several times"
GONE = "the file is missing"
SHOWS_STRUCTURES = ("normal", "abnormal", "unfamiliar")  # on what is ungradable none can be relied on
NAMELESS = ""  # a finding's row is stored without the photo's name


class WritingError(Exception):
    """The store or the disk did not take a result; the photograph has no part in it."""


@dataclass(frozen=True)
class Bench:
    """What a worker has at hand.

    Attributes:
        store, folder: Of the service.
        screener, model_id: The model, and its row in the store.
        pool: Decoder processes.
        worker: The worker's id.
        keep_originals: Whether files stay.
        limits: Of what archives may hold.
    """

    store: Store
    folder: DataFolder
    screener: Screener
    model_id: int
    pool: DecoderPool
    worker: str
    keep_originals: bool
    limits: Limits


def do(bench: Bench, job: Claimed) -> None:
    """Do a job, of a photo or of an archive.

    Raises:
        WritingError: If the result could not be written.
    """
    if job.archive_of is not None:
        unpack_archive(bench.store, bench.folder, bench.limits, job, bench.worker)
    else:
        screen_photo(bench, job)


def screen_photo(bench: Bench, job: Claimed) -> bool:
    """Screen a photo and store its finding; False if the job was no longer ours, so that nothing was stored.

    Raises:
        WritingError: If the result could not be written.
    """
    assert job.photo_id is not None
    path = bench.folder.upload(job.photo_id)
    identity = Identity()
    outcome: ReadPhoto | Refused
    if job.attempts > queue.MOST_ATTEMPTS:
        outcome = Refused(STOPPED_TOO_OFTEN)
    elif not path.is_file():
        original = bench.folder.original(job.photo_id)
        path, outcome = original, _read(bench, original) if original.is_file() else Refused(GONE)
    else:
        outcome = _read(bench, path)
    if isinstance(outcome, ReadPhoto):
        identity = _identity_of(path)
    finding = bench.screener.findings([from_decoder(NAMELESS, outcome)])[0]
    try:
        if isinstance(outcome, ReadPhoto):
            save_pictures(bench.folder, job.photo_id, finding, outcome.picture)
        with bench.store.write() as session:
            ours = queue.finish(session, job, bench.worker)
            if ours:
                _store(session, bench, job.photo_id, finding, identity)
        if not ours:
            _clean_up_after(bench, job.photo_id)
        elif bench.keep_originals and bench.folder.upload(job.photo_id).is_file():
            bench.folder.keep(job.photo_id)
        elif not bench.keep_originals:
            bench.folder.drop_upload(job.photo_id)
    except Exception as error:
        raise WritingError from error
    return ours


def _read(bench: Bench, path: Path) -> ReadPhoto | Refused:
    return next(bench.pool.read([path], ahead=1))


def _identity_of(path: Path) -> Identity:
    """Patient, eye, date and camera of a DICOM object; of another file, nothing."""
    with suppress(RefusedError, OSError), opened(path) as stream:
        if kind_of(stream.read(FIRST_BYTES)) == "DICOM":
            return read_identity(stream)
    return Identity()


def _store(session: Session, bench: Bench, photo_id: str, finding: Finding, identity: Identity) -> None:
    photo = session.get_one(Photo, photo_id)
    row = finding.as_row()
    del row["photo"]
    stored = session.scalar(
        select(tables.Finding).where(tables.Finding.photo_id == photo_id, tables.Finding.model_id == bench.model_id)
    )
    if stored is None:
        stored = tables.Finding(
            photo_id=photo_id,
            model_id=bench.model_id,
            status=finding.status,
            suspected="; ".join(finding.suspected) or None,
            height=_height(finding),
            output=finding.output,
            scale=None if finding.evidence is None else finding.scale(),
            row=row,
        )
        session.add(stored)
        session.flush()
        rule = finding.rule.decision
        audit.record(
            session,
            audit.WORKER,
            "screened",
            photo_id,
            model=finding.model,
            operating_point=rule.rule if rule else None,
            status=finding.status,
        )
    photo.state, photo.finding_id, photo.kept = DONE, stored.id, photo.kept or bench.keep_originals
    if finding.status not in SHOWS_STRUCTURES:
        photo.structures = ""
    photo.patient_id = photo.patient_id or patient_of(session, identity.patient)
    photo.eye = photo.eye or identity.eye
    photo.visit = photo.visit or day_of(identity.study_date)
    photo.camera = photo.camera or identity.device


def _height(finding: Finding) -> float | None:
    """How far the output that the status rests on lies above its threshold, in logits, towards disease."""
    output = finding.output
    if output is None or output not in finding.rule.thresholds:
        return None
    above = margin(finding.probabilities[output], finding.rule.thresholds[output])
    return -above if output in finding.rule.healthy else above


def _clean_up_after(bench: Bench, photo_id: str) -> None:
    """Remove what was written for a photo that was deleted or cancelled meanwhile; one that another lease does keeps all."""
    with bench.store.read() as session:
        photo = session.get(Photo, photo_id)
        if photo is None or photo.state == tables.CANCELLED:
            bench.folder.remove([photo_id])
