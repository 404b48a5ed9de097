"""The audit trail: who did what, when, by which model; written in the transaction that does it, and never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.serving.store.tables import AuditEntry

WORKER, SYSTEM = "worker", "system"


@dataclass(frozen=True)
class AuditView:
    """One entry: `details` never hold a name of a file or patient, nor a comment; `id` grows."""

    id: int
    at: datetime
    actor: str
    action: str
    photo: str | None
    details: dict[str, Any]


def record(session: Session, actor: str, action: str, photo: str | None = None, **details: object) -> None:
    """Add an entry."""
    session.add(AuditEntry(actor=actor, action=action, photo=photo, details=details))


def trail(
    session: Session, photo_id: str | None = None, limit: int = 200, before: int | None = None
) -> list[AuditView]:
    """Entries, the latest first; of one photo, or of all."""
    asked = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if photo_id is not None:
        asked = asked.where(AuditEntry.photo == photo_id)
    if before is not None:
        asked = asked.where(AuditEntry.id < before)
    found: Sequence[AuditEntry] = session.scalars(asked).all()
    return [AuditView(entry.id, entry.at, entry.actor, entry.action, entry.photo, entry.details) for entry in found]
