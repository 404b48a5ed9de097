"""Findings of a model that is not in use any more: how many there are, and screening their photographs again where files were kept.

A finding stays until the next one is there; both stay in the store.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, insert, literal, select
from sqlalchemy.orm import Session

from eyeground.serving import audit
from eyeground.serving.models_in_use import current_model
from eyeground.serving.settings import BULK
from eyeground.serving.store.tables import DONE, QUEUED, Finding, Job, Photo, now


def outdated(session: Session) -> tuple[int, int]:
    """Photographs whose finding is of an earlier model, and of how many of these the file was kept."""
    model = current_model(session)
    if model is None:
        return 0, 0
    asked = select(func.count(), func.count().filter(Photo.kept)).select_from(Photo).join(*_FINDING)
    found, kept = session.execute(asked.where(*_is_outdated(model.id))).one()
    return found, kept


def rescreen(session: Session, actor: str, photo_ids: Sequence[str] | None = None) -> int:
    """Have photographs screened again, after all others, where their finding is of an earlier model and their file was kept.

    Args:
        session: Writing.
        actor: For the audit trail.
        photo_ids: Some; None for all.

    Returns:
        How many.
    """
    model = current_model(session)
    if model is None:
        return 0
    wanted = select(Photo.id, literal(BULK), literal(QUEUED), literal(0), literal(now(), Job.created.type)).join(
        *_FINDING
    )
    wanted = wanted.where(*_is_outdated(model.id), Photo.kept, ~select(Job.id).where(Job.photo_id == Photo.id).exists())
    if photo_ids is not None:
        wanted = wanted.where(Photo.id.in_(photo_ids))
    columns = ["photo_id", "priority", "state", "attempts", "created"]
    made = session.execute(insert(Job).from_select(columns, wanted))
    count = int(made.rowcount)  # type: ignore[attr-defined]  # a statement that changes rows has it
    only = photo_ids[0] if photo_ids is not None and len(photo_ids) == 1 else None
    audit.record(session, actor, "screened again", only, photos=count, model=model.identity)
    return count


_FINDING = (Finding, Finding.id == Photo.finding_id)


def _is_outdated(model_id: int) -> tuple[ColumnElement[bool], ...]:
    return Photo.state == DONE, Finding.model_id != model_id
