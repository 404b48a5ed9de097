"""Which number a photograph and a patient have in a report, and in which order they stand there.

Numbers follow the results table, so that whoever holds the table finds the photograph or patient again, and no
other person does. The order is that of urgency. Of a photograph no more is held than that takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from eyeground.screening.decision import STATUSES, Status
from eyeground.screening.ledger import Record
from eyeground.screening.rollup import UNKNOWN, Rolled, eye_status, patient_status

EYES = ("right", "left")  # as they lie before whoever looks at the patient


@dataclass(frozen=True)
class Entry:
    """A photograph of the report.

    Attributes
    ----------
    number : int
        Its row in results.csv, from 1.
    status : str
        As screening found it.
    probability : float
        Of the output that its status rests on; 0 where there is none.
    eye : str or None
        `left` or `right`; None if not known.
    patient : str or None
        The patient's own identifier; None if none is known.
    patient_number : int
        The patient's place among all in results.csv, from 1; 0 if none is known.
    """

    number: int
    status: Status
    probability: float
    eye: str | None
    patient: str | None
    patient_number: int

    @property
    def rank(self) -> int:
        """Place of its status in the order of urgency."""
        return STATUSES.index(self.status)


def entries_of(records: Sequence[Record]) -> list[Entry]:
    """Number photographs by their place and patients by their first photograph."""
    numbers: dict[str, int] = {}
    entries = []
    for number, record in enumerate(records, 1):
        row = record.row
        patient = None if row.get("patient") in (None, "") else str(row["patient"])
        entries.append(
            Entry(
                number=number,
                status=row["status"],
                probability=row.get(f"probability_{record.output}") or 0.0,
                eye=row["eye"] if row.get("eye") in EYES else None,
                patient=patient,
                patient_number=0 if patient is None else numbers.setdefault(patient, len(numbers) + 1),
            )
        )
    return entries


def results_of(entries: Sequence[Entry]) -> dict[int, Rolled]:
    """The result of every patient by number, as `eyeground.screening.rollup` defines it."""
    known = sorted(
        (entry for entry in entries if entry.patient is not None),
        key=lambda entry: (entry.patient_number, entry.eye or UNKNOWN),
    )
    results = {}
    for patient, of_patient in groupby(known, key=lambda entry: entry.patient_number):
        by_eye = groupby(of_patient, key=lambda entry: entry.eye or UNKNOWN)
        results[patient] = patient_status([eye_status(eye, [one.status for one in of_eye]) for eye, of_eye in by_eye])
    return results


def in_order(entries: Sequence[Entry], by_patient: bool) -> list[Entry]:
    """What needs action first, and then the most probable; patients whole, right eye first, no patient last."""

    def urgency(entry: Entry) -> tuple[int, float]:
        return entry.rank, -entry.probability

    if not by_patient:
        return sorted(entries, key=lambda entry: (urgency(entry), entry.number))
    most_urgent: dict[int, tuple[int, float]] = {}
    for entry in entries:
        known = most_urgent.get(entry.patient_number, urgency(entry))
        most_urgent[entry.patient_number] = min(known, urgency(entry))

    def key(entry: Entry) -> tuple[object, ...]:
        place = EYES.index(entry.eye) if entry.eye in EYES else len(EYES)
        return entry.patient is None, most_urgent[entry.patient_number], entry.patient_number, place, entry.number

    return sorted(entries, key=key)
