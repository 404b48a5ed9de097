"""Which number a photograph and a patient have in a report, and in which order they stand there.

Numbers follow the results table, so that whoever holds the table finds the photograph or patient again, and no
other person does. The order is that of urgency.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eyeground.screening.decision import STATUSES
from eyeground.screening.ledger import Record

EYES = ("right", "left")  # as they lie before whoever looks at the patient


@dataclass(frozen=True)
class Entry:
    """A photograph of the report.

    Attributes
    ----------
    record : Record
        What screening found.
    number : int
        Its row in results.csv, from 1.
    patient : str or None
        The patient's own identifier; None if none is known.
    patient_number : int
        The patient's place among all in results.csv, from 1; 0 if none is known.
    """

    record: Record
    number: int
    patient: str | None
    patient_number: int

    @property
    def rank(self) -> int:
        """Place of its status in the order of urgency."""
        return STATUSES.index(self.record.row["status"])

    @property
    def probability(self) -> float:
        """Of the output that its status rests on; 0 where there is none."""
        return self.record.row.get(f"probability_{self.record.output}") or 0.0


def entries_of(records: Sequence[Record]) -> list[Entry]:
    """Number photographs by their place and patients by their first photograph."""
    numbers: dict[str, int] = {}
    entries = []
    for number, record in enumerate(records, 1):
        value = record.row.get("patient")
        patient = None if value in (None, "") else str(value)
        known = 0 if patient is None else numbers.setdefault(patient, len(numbers) + 1)
        entries.append(Entry(record, number, patient, known))
    return entries


def results_of(entries: Sequence[Entry]) -> dict[int, str]:
    """The result of every patient by number: the most urgent status among the photographs."""
    ranks: dict[int, int] = {}
    for entry in entries:
        if entry.patient is not None:
            ranks[entry.patient_number] = min(entry.rank, ranks.get(entry.patient_number, entry.rank))
    return {patient: STATUSES[rank] for patient, rank in ranks.items()}


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
        eye = entry.record.row.get("eye")
        place = EYES.index(eye) if eye in EYES else len(EYES)
        return entry.patient is None, most_urgent[entry.patient_number], entry.patient_number, place, entry.number

    return sorted(entries, key=key)
