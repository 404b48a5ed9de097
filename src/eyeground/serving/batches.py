"""Batches: photographs that were sent together, how far they are, and their end."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from eyeground.serving import audit, queue
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import DONE, Batch, Finding, Job, Photo


@dataclass(frozen=True)
class BatchView:
    """How far a batch is.

    Attributes:
        photos: All, by now; more may come while `unpacking`.
        pending, cancelled: Of these.
        statuses: Photographs per status of those that are done.
        problem: Why an archive, or a part of it, was left out.
    """

    id: str
    name: str
    created: datetime
    photos: int = 0
    pending: int = 0
    cancelled: int = 0
    unpacking: bool = False
    was_cancelled: bool = False
    problem: str | None = None
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return sum(self.statuses.values())

    @property
    def state(self) -> str:
        """`cancelled`, `running` or `done`."""
        if self.was_cancelled:
            return "cancelled"
        return "running" if self.pending or self.unpacking else "done"


def new_batch(session: Session, space: str, actor: str, name: str = "") -> str:
    """The id of a new batch."""
    batch = Batch(space=space, name=name[:200])
    session.add(batch)
    session.flush()
    audit.record(session, actor, "batch opened", batch=batch.id)
    return batch.id


def batch_of(session: Session, batch_id: str, space: str | None = None) -> BatchView | None:
    """How far a batch is; None if there is none, or it is in another space."""
    batch = session.get(Batch, batch_id)
    if batch is None or (space is not None and batch.space != space):
        return None
    status = case((Photo.state == DONE, Finding.status), else_=Photo.state)
    counted = session.execute(
        select(status, func.count())
        .select_from(Photo)
        .outerjoin(Finding, Finding.id == Photo.finding_id)
        .where(Photo.batch_id == batch_id)
        .group_by(status)
    )
    counts = {str(name): int(number) for name, number in counted}
    unpacking = session.scalar(select(Job.id).where(Job.archive_of == batch_id)) is not None
    return BatchView(
        id=batch.id,
        name=batch.name,
        created=batch.created,
        photos=sum(counts.values()),
        pending=counts.pop("pending", 0),
        cancelled=counts.pop("cancelled", 0),
        unpacking=unpacking,
        was_cancelled=batch.cancelled is not None,
        problem=batch.problem,
        statuses=counts,
    )


def cancel_batch(store: Store, folder: DataFolder, batch_id: str, actor: str) -> int:
    """Cancel what is not screened yet, and remove its uploads; returns how many photographs."""
    with store.write() as session:
        cancelled = queue.cancel(session, batch_id)
        audit.record(session, actor, "batch cancelled", batch=batch_id, photos=len(cancelled))
    for upload in (batch_id, *cancelled):
        folder.drop_upload(upload)
    return len(cancelled)
