"""What readers say of photographs, and how often they agree with the model; an earlier grade is never overwritten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from eyeground.errors import unknown
from eyeground.serving import audit
from eyeground.serving.store.tables import Finding, Grade, Photo

GRADES = ("normal", "abnormal", "ungradable")
LONGEST_COMMENT = 4_000


@dataclass(frozen=True)
class GradeView:
    """A reader's grade; `label` is a class of the clinic's own, and `superseded` says whether the reader changed it later."""

    reader: str
    grade: str
    label: str
    comment: str
    created: datetime
    superseded: bool


@dataclass(frozen=True)
class Agreement:
    """Last grades beside findings.

    Attributes:
        counts: Photographs by the finding's status and the reader's grade.
        judged: Photographs that both model and reader called normal or abnormal; `agreed` are those with one word.
    """

    counts: dict[tuple[str, str], int]

    @property
    def judged(self) -> int:
        return sum(number for (status, grade), number in self.counts.items() if _are_judged(status, grade))

    @property
    def agreed(self) -> int:
        return sum(
            number for (status, grade), number in self.counts.items() if _are_judged(status, grade) and status == grade
        )


def save_grade(session: Session, photo_id: str, reader: str, grade: str, comment: str = "", label: str = "") -> None:
    """Store a reader's grade; it counts in place of an earlier one, which stays.

    Args:
        session: Writing.
        photo_id: Of the photo, which exists.
        reader: `Actor.name`.
        grade: One of `GRADES`.
        comment: Free text; it goes into no log and not into the audit trail.
        label: A class of the clinic's own, for adapting a model.

    Raises:
        UserError: If the grade is none of these.
    """
    if grade not in GRADES:
        raise unknown("grade", grade, GRADES)
    own = (Grade.photo_id == photo_id, Grade.reader == reader, Grade.superseded.is_(False))
    before = session.scalar(select(Grade).where(*own))
    new = Grade(
        photo_id=photo_id, reader=reader, grade=grade, label=label.strip()[:64], comment=comment[:LONGEST_COMMENT]
    )
    if before is not None and (before.grade, before.label, before.comment) == (new.grade, new.label, new.comment):
        return
    session.execute(update(Grade).where(*own).values(superseded=True))
    session.add(new)
    finding = session.scalar(select(Finding).join(Photo, Photo.finding_id == Finding.id).where(Photo.id == photo_id))
    audit.record(
        session,
        reader,
        "graded",
        photo_id,
        before=None if before is None else before.grade,
        grade=grade,
        model=None if finding is None else finding.row["model"],
        operating_point=None if finding is None else finding.row["operating_point"],
        status=None if finding is None else finding.status,
    )


def grades_of(session: Session, photo_id: str, earlier: bool = False) -> list[GradeView]:
    """The last grade of each reader, the latest first; with `earlier`, those that were changed too."""
    asked = select(Grade).where(Grade.photo_id == photo_id).order_by(Grade.id.desc())
    if not earlier:
        asked = asked.where(Grade.superseded.is_(False))
    return [_grade_view(grade) for grade in session.scalars(asked)]


def grades_by_photo(session: Session, photo_ids: Sequence[str]) -> dict[str, list[GradeView]]:
    """The last grades of several photographs, by their ids, in one query; none of those that nobody graded."""
    asked = select(Grade).where(Grade.photo_id.in_(photo_ids), Grade.superseded.is_(False)).order_by(Grade.id.desc())
    found: dict[str, list[GradeView]] = {}
    for grade in session.scalars(asked):
        found.setdefault(grade.photo_id, []).append(_grade_view(grade))
    return found


def known_labels(session: Session) -> list[str]:
    """The clinic's own classes that were given, for those who give the next."""
    asked = select(Grade.label).where(Grade.label != "", Grade.superseded.is_(False)).distinct().order_by(Grade.label)
    return list(session.scalars(asked.limit(200)))


def agreement(session: Session, since: datetime | None = None) -> Agreement:
    """How last grades and findings compare, of photographs since a time."""
    asked = (
        select(Finding.status, Grade.grade, func.count())
        .select_from(Grade)
        .join(Photo, Photo.id == Grade.photo_id)
        .join(Finding, Finding.id == Photo.finding_id)
        .where(Grade.superseded.is_(False))
        .group_by(Finding.status, Grade.grade)
    )
    if since is not None:
        asked = asked.where(Photo.created >= since)
    return Agreement({(status, grade): number for status, grade, number in session.execute(asked)})


def _grade_view(grade: Grade) -> GradeView:
    return GradeView(grade.reader, grade.grade, grade.label, grade.comment, grade.created, grade.superseded)


def _are_judged(status: str, grade: str) -> bool:
    return status in ("normal", "abnormal") and grade in ("normal", "abnormal")
