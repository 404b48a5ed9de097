"""The last batches, for a page that lists them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.serving.batches import BatchView, batch_of
from eyeground.serving.store.tables import Batch


def latest_batches(session: Session, space: str | None = None, limit: int = 20) -> list[BatchView]:
    """How far the last batches are, the latest first.

    Args:
        session: Reading.
        space: Where the asker may look; None for everywhere.
        limit: How many at most.
    """
    asked = select(Batch.id).order_by(Batch.created.desc()).limit(limit)
    if space is not None:
        asked = asked.where(Batch.space == space)
    found = (batch_of(session, batch_id, space) for batch_id in session.scalars(asked))
    return [batch for batch in found if batch is not None]
