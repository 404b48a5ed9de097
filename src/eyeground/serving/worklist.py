"""The worklist: photographs with their findings, filtered, sorted and in pages, by the database alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, case, exists, func, select
from sqlalchemy.orm import Session

from eyeground.serving.store.tables import DONE, Finding, Grade, Patient, Photo

# What needs action first.
URGENCY = ("abnormal", "ungradable", "unfamiliar", "unreadable", "undecided", "pending", "normal", "cancelled")
Sort = Literal["urgency", "created", "patient", "name", "camera", "status"]
MOST_ROWS = 2_000

_STATUS = case((Photo.state == DONE, Finding.status), else_=Photo.state)
_GRADED = exists().where(Grade.photo_id == Photo.id, Grade.superseded.is_(False))
_LAST_GRADE = (
    select(Grade.grade)
    .where(Grade.photo_id == Photo.id, Grade.superseded.is_(False))
    .order_by(Grade.id.desc())
    .limit(1)
    .correlate(Photo)
    .scalar_subquery()
)


@dataclass(frozen=True)
class WorklistQuery:
    """Which photographs, in which order.

    Attributes:
        statuses: As in `FindingView.status`; all where empty.
        search: A part of the patient's identifier or of the file's name.
        patient_id, batch, camera, eye: Of the photo.
        since, until: Days of upload, both included.
        graded: Whether a reader has graded it.
        space: Where the asker may look; None for everywhere.
        sort, descending: The order; `urgency` puts first what needs action, then what lies highest above its threshold.
        limit, offset: The page.
    """

    statuses: tuple[str, ...] = ()
    search: str = ""
    patient_id: str | None = None
    batch: str | None = None
    camera: str | None = None
    eye: str | None = None
    since: date | None = None
    until: date | None = None
    graded: bool | None = None
    space: str | None = None
    sort: Sort = "urgency"
    descending: bool = False
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True)
class WorklistRow:
    """A photograph in the worklist; `height` is in logits above the threshold that its status rests on, `grade` the last reader's."""

    id: str
    status: str
    name: str
    patient: str | None
    patient_id: str | None
    eye: str | None
    visit: date | None
    camera: str | None
    batch: str | None
    created: datetime
    suspected: str | None
    reason: str
    height: float | None
    grade: str | None
    model_id: int | None

    @property
    def graded(self) -> bool:
        """Whether a reader has graded it."""
        return self.grade is not None


@dataclass(frozen=True)
class WorklistPage:
    """Some rows, how many there are in all, and how many of each status among those in all."""

    rows: tuple[WorklistRow, ...]
    total: int
    statuses: dict[str, int]


def worklist(session: Session, query: WorklistQuery) -> WorklistPage:
    """One page of the worklist."""
    counted = session.execute(_filtered(query, _STATUS, func.count()).group_by(_STATUS))
    statuses = {str(status): int(number) for status, number in counted}
    asked = (
        _filtered(query, Photo, Finding, Patient.identifier, _STATUS, _LAST_GRADE)
        .order_by(*_order(query))
        .limit(min(query.limit, MOST_ROWS))
        .offset(query.offset)
    )
    rows = tuple(_row(*found) for found in session.execute(asked))
    return WorklistPage(rows, sum(statuses.values()), statuses)


def neighbours(session: Session, query: WorklistQuery, photo_id: str) -> tuple[str | None, str | None]:
    """The photographs before and after one in a worklist's order, for the keyboard; None at its ends."""
    ordered = list(session.scalars(_filtered(query, Photo.id).order_by(*_order(query)).limit(100_000)))
    if photo_id not in ordered:
        return None, None
    place = ordered.index(photo_id)
    return (
        ordered[place - 1] if place else None,
        ordered[place + 1] if place + 1 < len(ordered) else None,
    )


def cameras(session: Session) -> list[str]:
    """All cameras that photographs name."""
    asked = select(Photo.camera).where(Photo.camera.is_not(None)).distinct().order_by(Photo.camera)
    return [camera for camera in session.scalars(asked) if camera is not None]


def _filtered(query: WorklistQuery, *columns: Any) -> Select[Any]:
    asked = (
        select(*columns)
        .select_from(Photo)
        .outerjoin(Finding, Finding.id == Photo.finding_id)
        .outerjoin(Patient, Patient.id == Photo.patient_id)
    )
    return asked.where(*_conditions(query))


def _conditions(query: WorklistQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.statuses:
        found.append(_STATUS.in_(query.statuses))
    if query.search:
        found.append(
            Patient.identifier.icontains(query.search, autoescape=True)
            | Photo.name.icontains(query.search, autoescape=True)
        )
    for column, value in (
        (Photo.patient_id, query.patient_id),
        (Photo.batch_id, query.batch),
        (Photo.camera, query.camera),
        (Photo.eye, query.eye),
        (Photo.space, query.space),
    ):
        if value is not None:
            found.append(column == value)
    if query.since is not None:
        found.append(Photo.created >= _midnight(query.since))
    if query.until is not None:
        found.append(Photo.created < _midnight(query.until + timedelta(days=1)))
    if query.graded is not None:
        found.append(_GRADED if query.graded else ~_GRADED)
    return found


def _midnight(day: date) -> datetime:
    """Its beginning, in the time zone of this machine."""
    return datetime.combine(day, time.min).astimezone()


def _order(query: WorklistQuery) -> Sequence[Any]:
    urgency = case({status: place for place, status in enumerate(URGENCY)}, value=_STATUS, else_=len(URGENCY))
    height = func.coalesce(Finding.height, -1e9).desc()
    columns: dict[str, Sequence[Any]] = {
        "urgency": (urgency, height),
        "created": (Photo.created,),
        "patient": (Patient.identifier.is_(None), Patient.identifier, Photo.eye.desc(), Photo.created),
        "name": (Photo.name,),
        "camera": (Photo.camera.is_(None), Photo.camera, Photo.created),
        "status": (_STATUS, height),
    }
    chosen = list(columns[query.sort])
    if query.descending:
        main = 1 if query.sort in ("patient", "camera") else 0
        chosen[main] = chosen[main].desc()
    return [*chosen, Photo.id]


def _row(photo: Photo, finding: Finding | None, identifier: str | None, status: str, grade: str | None) -> WorklistRow:
    done = finding is not None and photo.state == DONE
    return WorklistRow(
        id=photo.id,
        status=status,
        name=photo.name,
        patient=identifier,
        patient_id=photo.patient_id,
        eye=photo.eye,
        visit=photo.visit,
        camera=photo.camera,
        batch=photo.batch_id,
        created=photo.created,
        suspected=finding.suspected if finding is not None and done else None,
        reason=finding.row["reason"] if finding is not None and done else "",
        height=finding.height if finding is not None and done else None,
        grade=grade,
        model_id=finding.model_id if finding is not None and done else None,
    )
