"""Keeping a service tidy: uploads that a kill left, at its start; what is too old, every hour."""

import math
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, select

from eyeground.serving.people import LOCKED, LONGEST
from eyeground.serving.store.database import Store
from eyeground.serving.store.deletion import delete_expired
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import DONE, PENDING, Job, LoginFailures, LoginSession, Photo, now

OLD = timedelta(hours=1)


def sweep(store: Store, folder: DataFolder, older: timedelta = timedelta(0)) -> int:
    """Put uploads that a kill left where they belong, and remove those without a photo.

    Args:
        store, folder: Of the service.
        older: Age from which one counts as left; while uploads are accepted, a file is there before its row.

    Returns:
        How many were removed.
    """
    last = time.time() - older.total_seconds()
    left = [entry for entry in folder.incoming.iterdir() if _written(entry) <= last]
    with store.read() as session:
        waiting = set(session.scalars(select(Photo.id).where(Photo.state == PENDING)))
        kept = set(session.scalars(select(Photo.id).where(Photo.state == DONE, Photo.kept)))
        archives = set(session.scalars(select(Job.archive_of).where(Job.archive_of.is_not(None))))
    removed = 0
    for entry in left:
        if entry.name in kept:
            folder.keep(entry.name)
        elif entry.name not in waiting and entry.name not in archives:
            entry.unlink(missing_ok=True)
            removed += 1
    return removed


def _written(file: Path) -> float:
    """When a file was written; a worker may have removed it meanwhile."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def tidy(store: Store, folder: DataFolder, retention_days: int | None) -> int:
    """Delete photographs that are too old, and what is left of log-ins; returns how many photographs."""
    with store.write() as session:
        session.execute(delete(LoginSession).where(LoginSession.created < now() - LONGEST - timedelta(days=1)))
        session.execute(delete(LoginFailures).where(LoginFailures.last < now() - LOCKED - timedelta(days=1)))
    sweep(store, folder, OLD)
    return 0 if retention_days is None else delete_expired(store, folder, retention_days)
