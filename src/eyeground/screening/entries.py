"""The order of photographs and patients in a report: what needs action first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from eyeground.screening.decision import STATUSES, Rule, Status
from eyeground.screening.excerpt import Excerpt
from eyeground.screening.eye_results import RESULTS, UNKNOWN, Result, eye_result, patient_result
from eyeground.screening.ledger import Record
from eyeground.screening.rollup import height

MOST_OF_A_PATIENT = 12  # photographs, where not all can be shown
EYES = ("right", "left", UNKNOWN)  # as seen by someone who faces the patient


@dataclass(frozen=True, slots=True)
class Entry:
    """A photograph of the report.

    Attributes:
        place: Its row in results.csv, from 0.
        status: As screening found it.
        height: How far it lies above the threshold that its status rests on.
        eye: `left`, `right` or `unknown`.
        patient: The patient's own identifier; None if none is known.
    """

    place: int
    status: Status
    height: float
    eye: str
    patient: str | None

    @property
    def urgency(self) -> tuple[int, float, int]:
        """Sorts what needs action first, then what lies highest above its threshold."""
        return STATUSES.index(self.status), -self.height, self.place


@dataclass(frozen=True)
class Unit:
    """What a report keeps together: the photographs of a patient with their result, right eye first, or one photograph."""

    entries: tuple[Entry, ...]
    result: Result | None = None


def entries_of(records: Sequence[Record], rule: Rule) -> Iterator[Entry]:
    """What the order of a report depends on."""
    for place, record in enumerate(records):
        row = record.row
        patient = None if row.get("patient") in (None, "") else str(row["patient"])
        eye = row["eye"] if row.get("eye") in EYES else UNKNOWN
        yield Entry(place, row["status"], height(record, rule), eye, patient)


def excerpt_of(units: Sequence[Unit]) -> list[Unit]:
    """The units that a report shows which would be too long with all, in their order; of a patient the most urgent photographs."""
    excerpt: Excerpt[int] = Excerpt()
    short = [_shortened(unit) for unit in units]
    for place, unit in enumerate(short):
        excerpt.add(unit.result or unit.entries[0].status, _urgency(unit), str(unit.entries[0].place), place)
    return [short[place] for place in sorted(excerpt.chosen(lambda place: len(short[place].entries)))]


def _shortened(unit: Unit) -> Unit:
    if len(unit.entries) <= MOST_OF_A_PATIENT:
        return unit
    kept = set(sorted(unit.entries, key=lambda entry: entry.urgency)[:MOST_OF_A_PATIENT])
    return Unit(tuple(entry for entry in unit.entries if entry in kept), unit.result)


def units_of(entries: Sequence[Entry]) -> list[Unit]:
    """Patients by their result and their most urgent photograph, and then photographs without a patient."""
    known = sorted((entry for entry in entries if entry.patient is not None), key=lambda entry: entry.patient or "")
    patients = [_patient(list(of_patient)) for _, of_patient in groupby(known, key=lambda entry: entry.patient)]
    alone = [Unit((entry,)) for entry in entries if entry.patient is None]
    return [*sorted(patients, key=_urgency), *sorted(alone, key=_urgency)]


def _patient(entries: list[Entry]) -> Unit:
    ordered = sorted(entries, key=lambda entry: (EYES.index(entry.eye), entry.place))
    by_eye = groupby(ordered, key=lambda entry: entry.eye)
    return Unit(
        tuple(ordered), patient_result([eye_result(eye, [one.status for one in of_eye]) for eye, of_eye in by_eye])
    )


def _urgency(unit: Unit) -> tuple[object, ...]:
    first = min(entry.urgency for entry in unit.entries)
    return RESULTS.index(unit.result) if unit.result else 0, first
