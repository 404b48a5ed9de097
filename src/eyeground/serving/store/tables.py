"""The tables of the store, as SQLAlchemy models; a change here needs a migration in `migrations/versions`.

Times are UTC. Photographs, batches and patients have random ids, which say nothing and cannot be guessed.
"""

import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

# States of a photo. `pending` has a job, `done` a finding; a cancelled or refused one has neither.
PENDING, DONE, CANCELLED = "pending", "done", "cancelled"
# States of a job.
QUEUED, RUNNING = "queued", "running"
ID = String(32)
_NOT_DRAWN = text("structures IS NULL")


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC times, stored without a zone, which SQLite does not have."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A random id of 32 hexadecimal digits."""
    return uuid.uuid4().hex


class Table(DeclarativeBase):
    """What all tables share."""

    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON}  # noqa: RUF012 - as SQLAlchemy declares it


class Note(Table):
    """A fact about the store itself, such as the data folder that it belongs to."""

    __tablename__ = "notes"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class Model(Table):
    """A model at an operating point, with what people need to know of it."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("identity", "operating_point"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(String(200))
    operating_point: Mapped[str] = mapped_column(String(200))
    description: Mapped[dict[str, Any]]
    registered: Mapped[datetime] = mapped_column(default=now)


class Patient(Table):
    """A patient, by the identifier that the clinic gives; never a name."""

    __tablename__ = "patients"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    identifier: Mapped[str] = mapped_column(String(128), unique=True)
    created: Mapped[datetime] = mapped_column(default=now)


class Batch(Table):
    """Photographs that were sent together."""

    __tablename__ = "batches"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    space: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200), default="")
    created: Mapped[datetime] = mapped_column(default=now)
    cancelled: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(Text)  # why an archive, or a part of it, was not unpacked


class Photo(Table):
    """A photograph that was accepted; a content is there once in a space."""

    __tablename__ = "photos"
    __table_args__ = (
        UniqueConstraint("space", "content"),
        Index("photos_by_time", "created"),
        Index("photos_by_state", "state", "created"),
        Index("photos_to_draw", "created", sqlite_where=_NOT_DRAWN, postgresql_where=_NOT_DRAWN),
    )
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    space: Mapped[str] = mapped_column(String(64))  # whose it is: `clinic`, or an API key's
    content: Mapped[str] = mapped_column(String(64))  # SHA-256 of the file
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int]  # bytes
    state: Mapped[str] = mapped_column(String(16), default=PENDING)
    finding_id: Mapped[int | None]  # the last finding
    kept: Mapped[bool] = mapped_column(default=False)  # whether the original is
    patient_id: Mapped[str | None] = mapped_column(ForeignKey("patients.id"), index=True)
    eye: Mapped[str | None] = mapped_column(String(5))
    visit: Mapped[date | None]
    camera: Mapped[str | None] = mapped_column(String(64))
    structures: Mapped[str | None] = mapped_column(Text)  # see `layers.as_text`; NULL before they are drawn
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id"), index=True)
    created: Mapped[datetime] = mapped_column(default=now)


class Job(Table):
    """What is to be done: screen a photo, or unpack a batch's archive. It is gone when it is done."""

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_in_order", "state", "priority", "attempts", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[str | None] = mapped_column(ForeignKey("photos.id", ondelete="CASCADE"), unique=True)
    archive_of: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), unique=True)
    priority: Mapped[int] = mapped_column(default=0)  # higher first
    state: Mapped[str] = mapped_column(String(8), default=QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(ID)
    lease_until: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)


class Finding(Table):
    """What a model says of a photo; one for each photo and model."""

    __tablename__ = "findings"
    __table_args__ = (UniqueConstraint("photo_id", "model_id"), Index("findings_by_status", "status"))
    id: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[str] = mapped_column(ForeignKey("photos.id", ondelete="CASCADE"))
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    status: Mapped[str] = mapped_column(String(16))
    suspected: Mapped[str | None] = mapped_column(Text)
    height: Mapped[float | None]  # logits above the threshold that the status rests on
    output: Mapped[str | None] = mapped_column(String(200))
    scale: Mapped[float | None]  # logits at the ends of the evidence's colours
    row: Mapped[dict[str, Any]]  # as in the results table of a screening, without the photo's name
    created: Mapped[datetime] = mapped_column(default=now)


class Grade(Table):
    """What a reader says of a photo; the last of each reader counts, the earlier ones stay."""

    __tablename__ = "grades"
    id: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[str] = mapped_column(ForeignKey("photos.id", ondelete="CASCADE"), index=True)
    reader: Mapped[str] = mapped_column(String(80))
    grade: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(64), default="")  # a class of the clinic's own, for adapting a model
    comment: Mapped[str] = mapped_column(Text, default="")
    superseded: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)


class Person(Table):
    """Someone with a password, as reader or admin."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(8))
    password: Mapped[str] = mapped_column(String(255))  # argon2's encoded hash
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)


class LoginFailures(Table):
    """Failed log-ins for a name, whether anybody has it or not, under the name's hash."""

    __tablename__ = "login_failures"
    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    last: Mapped[datetime] = mapped_column(default=now)


class LoginSession(Table):
    """A person who is logged in, by the hash of the cookie."""

    __tablename__ = "login_sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    created: Mapped[datetime] = mapped_column(default=now)
    last_used: Mapped[datetime] = mapped_column(default=now)


class ApiKey(Table):
    """A program's key, by its hash."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(12), primary_key=True)  # the part of the key that is no secret
    name: Mapped[str] = mapped_column(String(64))
    secret_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(String(200))  # separated by blanks
    per_minute: Mapped[int]
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class AuditEntry(Table):
    """Who did what, when; without names of files and patients, and never removed by a deletion."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(40))
    photo: Mapped[str | None] = mapped_column(ID, index=True)
    details: Mapped[dict[str, Any]]


class WorkerBeat(Table):
    """The worker's sign of life."""

    __tablename__ = "worker_beats"
    id: Mapped[int] = mapped_column(primary_key=True)  # always 1
    at: Mapped[datetime]
    model_id: Mapped[int | None] = mapped_column(ForeignKey("models.id"))
    photos_per_second: Mapped[float | None]
