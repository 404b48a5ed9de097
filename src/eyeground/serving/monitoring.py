"""Counts per week and camera, by which a clinic notices that its photographs, or the model's answers, have changed."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.serving.store.tables import DONE, Finding, Grade, Photo, now


@dataclass(frozen=True)
class WeekCounts:
    """The photographs of one week and camera.

    Attributes:
        monday: First day of the week, in the time zone of this machine.
        camera: Empty where none is known.
        statuses: Photographs per status.
        graded, agreed: Those that a reader called normal or abnormal too, and with the model's word.
    """

    monday: date
    camera: str
    statuses: dict[str, int] = field(default_factory=dict)
    graded: int = 0
    agreed: int = 0

    @property
    def photos(self) -> int:
        return sum(self.statuses.values())

    def share(self, status: str) -> float:
        """Of the photographs (0-1), those with a status."""
        return self.statuses.get(status, 0) / self.photos if self.photos else 0.0


def weekly_counts(session: Session, weeks: int = 26, space: str | None = None) -> list[WeekCounts]:
    """Counts of the last weeks, the oldest first, then by camera.

    Args:
        session: Reading.
        weeks: How many, this one included.
        space: Of the photographs; None for all.
    """
    asked = select(Photo.id, Photo.created, Photo.camera, Finding.status).join(Finding, Finding.id == Photo.finding_id)
    asked = asked.where(Photo.state == DONE, Photo.created >= now() - timedelta(weeks=weeks))
    if space is not None:
        asked = asked.where(Photo.space == space)
    places: dict[str, tuple[date, str]] = {}
    found: dict[tuple[date, str], Counter[str]] = {}
    status_of: dict[str, str] = {}
    for photo_id, created, camera, status in session.execute(asked):
        place = places[photo_id] = (_monday(created), camera or "")
        found.setdefault(place, Counter())[status] += 1
        status_of[photo_id] = status
    graded, agreed = Counter[tuple[date, str]](), Counter[tuple[date, str]]()
    judged = ("normal", "abnormal")
    grades = select(Grade.photo_id, Grade.grade).where(Grade.superseded.is_(False), Grade.grade.in_(judged))
    for photo_id, grade in session.execute(grades):
        if status_of.get(photo_id) in judged:
            graded[places[photo_id]] += 1
            agreed[places[photo_id]] += status_of[photo_id] == grade
    return [
        WeekCounts(monday, camera, dict(found[monday, camera]), graded[monday, camera], agreed[monday, camera])
        for monday, camera in sorted(found)
    ]


def _monday(time: datetime) -> date:
    day = time.astimezone().date()
    return day - timedelta(days=day.weekday())
