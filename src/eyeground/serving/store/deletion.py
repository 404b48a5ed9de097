"""Deleting photographs and patients with all about them: rows, files, and what the database keeps of deleted rows."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from eyeground.serving import audit
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import Batch, Finding, Grade, Job, Patient, Photo, now

AT_ONCE = 500


def delete_photos(store: Store, folder: DataFolder, photo_ids: Sequence[str], actor: str) -> int:
    """Delete photographs with findings, grades, pictures and originals, and patients and batches that are left without any.

    The audit trail keeps that photographs of these ids were there and were deleted by whom; nothing else of them stays in the data
    folder.

    Returns:
        How many there were.
    """
    count = 0
    for start in range(0, len(photo_ids), AT_ONCE):
        some = photo_ids[start : start + AT_ONCE]
        with store.write() as session:
            found = session.execute(select(Photo.id, Photo.batch_id).where(Photo.id.in_(some))).all()
            there = [photo_id for photo_id, _ in found]
            for table in (Job, Finding, Grade):
                session.execute(delete(table).where(table.photo_id.in_(there)))
            session.execute(delete(Photo).where(Photo.id.in_(there)))
            _delete_left_over(session, {batch for _, batch in found if batch is not None})
            for photo_id in there:
                audit.record(session, actor, "deleted", photo_id)
        folder.remove(there)
        count += len(there)
    store.compact()
    return count


def delete_patient(store: Store, folder: DataFolder, patient_id: str, actor: str) -> int:
    """Delete a patient with all photographs; returns how many there were."""
    with store.read() as session:
        photo_ids = list(session.scalars(select(Photo.id).where(Photo.patient_id == patient_id)))
    return delete_photos(store, folder, photo_ids, actor)


def delete_expired(store: Store, folder: DataFolder, days: int) -> int:
    """Delete photographs that are older than so many days; returns how many there were."""
    with store.read() as session:
        too_old = Photo.created < now() - timedelta(days=days)
        photo_ids = list(session.scalars(select(Photo.id).where(too_old)))
    return delete_photos(store, folder, photo_ids, audit.SYSTEM) if photo_ids else 0


def _delete_left_over(session: Session, batches: set[str]) -> None:
    """Patients, and those of these batches, without a photograph; a batch's name may identify somebody too."""
    session.execute(delete(Patient).where(~select(Photo.id).where(Photo.patient_id == Patient.id).exists()))
    empty = ~select(Photo.id).where(Photo.batch_id == Batch.id).exists()
    session.execute(delete(Batch).where(Batch.id.in_(batches), empty))
