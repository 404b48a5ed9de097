"""The queue of photographs to screen: durable, as it is a table, and in order of priority.

A worker leases a job and renews the lease; a job whose lease has ended is taken again. What a job did and its end are one transaction,
so a killed worker loses nothing and nothing is done twice.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from eyeground.serving.store.tables import (
    CANCELLED,
    PENDING,
    QUEUED,
    RUNNING,
    Batch,
    Job,
    Photo,
    now,
)

LEASE = timedelta(seconds=90)  # longer than the slowest photograph may take to decode
MOST_ATTEMPTS = 8
_OWN = aliased(Job)
_AHEAD = (
    select(func.count(Job.id))
    .select_from(_OWN)
    .outerjoin(Job, or_(Job.priority > _OWN.priority, (Job.priority == _OWN.priority) & (Job.id < _OWN.id)))
    .where(_OWN.photo_id == bindparam("photo_id"))
    .group_by(_OWN.id)
)


@dataclass(frozen=True)
class Claimed:
    """A job that a worker has: one of a photo, or one of an archive, `archive_of` a batch."""

    id: int
    attempts: int
    photo_id: str | None
    archive_of: str | None


def enqueue(session: Session, photo_id: str, priority: int) -> None:
    """Have a photo screened."""
    session.add(Job(photo_id=photo_id, priority=priority))


def waiting(session: Session) -> int:
    """How many jobs are not done."""
    return session.scalar(select(func.count()).select_from(Job)) or 0


def ahead_of(session: Session, photo_id: str) -> int | None:
    """How many jobs come before a photo's; None if it has none."""
    return session.execute(_AHEAD, {"photo_id": photo_id}).scalar_one_or_none()


def has_job(session: Session, photo_id: str) -> bool:
    """Whether a photo waits, or is being screened."""
    return session.scalar(select(Job.id).where(Job.photo_id == photo_id)) is not None


def has_work(session: Session) -> bool:
    """Whether any job can be claimed, asked without a lock."""
    return session.scalar(select(Job.id).where(_is_free()).limit(1)) is not None


def claim(session: Session, worker: str) -> Claimed | None:
    """Lease the next job: of the highest priority, then with the fewest attempts, then the oldest.

    A photograph that stops the worker so goes behind the others.
    """
    following = (
        select(Job.id)
        .where(_is_free())
        .order_by(Job.priority.desc(), Job.attempts, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = session.execute(
        update(Job)
        .where(Job.id == following)
        .values(state=RUNNING, worker=worker, lease_until=now() + LEASE, attempts=Job.attempts + 1)
        .returning(Job.id, Job.attempts, Job.photo_id, Job.archive_of)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if claimed is None else Claimed(*claimed)


def renew(session: Session, worker: str) -> None:
    """Renew the leases of all jobs that a worker has."""
    session.execute(
        update(Job).where(Job.worker == worker, Job.state == RUNNING).values(lease_until=now() + LEASE),
        execution_options={"synchronize_session": False},
    )


def finish(session: Session, job: Claimed, worker: str) -> bool:
    """End a job, in the transaction that writes what it did; False if it is no longer this worker's, so nothing may be written."""
    ended = session.execute(delete(Job).where(Job.id == job.id, Job.worker == worker, Job.state == RUNNING))
    return bool(ended.rowcount)  # type: ignore[attr-defined]  # a statement that changes rows has it


def put_back(session: Session, job: Claimed, worker: str, counted: bool) -> None:
    """Let a job that failed be claimed again; without counting the attempt where the photograph had no part in it."""
    session.execute(
        update(Job)
        .where(Job.id == job.id, Job.worker == worker)
        .values(state=QUEUED, worker=None, lease_until=None, attempts=Job.attempts - (0 if counted else 1)),
        execution_options={"synchronize_session": False},
    )


def release_all(session: Session) -> int:
    """Put back whatever is leased; for the one worker of a data folder, at its start. Returns how many jobs."""
    put_back = session.execute(
        update(Job).where(Job.state == RUNNING).values(state=QUEUED, worker=None, lease_until=None),
        execution_options={"synchronize_session": False},
    )
    return int(put_back.rowcount)  # type: ignore[attr-defined]  # as above


def cancel(session: Session, batch_id: str) -> list[str]:
    """Cancel a batch: its photographs that are not screened yet never will be. Returns their ids."""
    session.execute(update(Batch).where(Batch.id == batch_id, Batch.cancelled.is_(None)).values(cancelled=now()))
    pending = list(session.scalars(select(Photo.id).where(Photo.batch_id == batch_id, Photo.state == PENDING)))
    of_batch = select(Photo.id).where(Photo.batch_id == batch_id, Photo.state == PENDING)
    session.execute(
        delete(Job).where(or_(Job.archive_of == batch_id, Job.photo_id.in_(of_batch))),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(Photo).where(Photo.batch_id == batch_id, Photo.state == PENDING).values(state=CANCELLED),
        execution_options={"synchronize_session": False},
    )
    return pending


def _is_free() -> ColumnElement[bool]:
    return or_(Job.state == QUEUED, (Job.state == RUNNING) & (Job.lease_until < now()))
