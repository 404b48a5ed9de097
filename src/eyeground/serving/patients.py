"""Patients and their visits: photographs of one patient, day by day."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.core.words import identifier
from eyeground.serving import audit
from eyeground.serving.store.tables import Patient, Photo
from eyeground.serving.worklist import MOST_ROWS, WorklistQuery, WorklistRow, worklist

LONGEST = 128


@dataclass(frozen=True)
class Visit:
    """The photographs of a patient on one day: that of the photograph where it is known, else of its upload."""

    day: date
    photos: tuple[WorklistRow, ...]


def patient_of(session: Session, given: str | None) -> str | None:
    """The id of the patient with an identifier, added where it is new; None for an empty one."""
    shown = identifier("".join(mark if mark.isprintable() else " " for mark in given or ""))[:LONGEST]
    if not shown:
        return None
    known = session.scalar(select(Patient).where(Patient.identifier == shown))
    if known is None:
        known = Patient(identifier=shown)
        session.add(known)
        session.flush()
    return known.id


def find_patient(session: Session, given: str) -> str | None:
    """The id of the patient with an identifier; None if there is none."""
    return session.scalar(select(Patient.id).where(Patient.identifier == identifier(given)))


def visits_of(session: Session, patient_id: str, space: str | None = None) -> list[Visit]:
    """The visits of a patient, the latest first; right eyes before left ones, as one faces the patient."""
    query = WorklistQuery(patient_id=patient_id, space=space, sort="created", limit=MOST_ROWS)
    rows = sorted(worklist(session, query).rows, key=lambda row: (_day(row), row.eye == "left", row.created))
    return [Visit(day, tuple(photos)) for day, photos in groupby(rows, key=_day)][::-1]


def assign_patient(
    session: Session, photo_id: str, actor: str, patient: str | None, eye: str | None, visit: date | None
) -> None:
    """Correct whose photo it is, which eye, and of which day."""
    photo = session.get_one(Photo, photo_id)
    photo.patient_id, photo.eye, photo.visit = patient_of(session, patient), eye, visit
    audit.record(session, actor, "assigned", photo_id, eye=eye)


def day_of(text: str | None) -> date | None:
    """A date of the form YYYY-MM-DD; None of anything else."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _day(row: WorklistRow) -> date:
    return row.visit or row.created.astimezone().date()
