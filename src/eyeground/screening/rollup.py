"""From photographs to eyes to patients: what is to be done with whom, and which photograph says so.

**An eye** is `abnormal` if any of its photographs is; else `normal` if any of its photographs is, whatever the others
are: one photograph that could be judged is an answer. If none could be judged (ungradable, unreadable, unfamiliar),
it is `retake`.

**A patient** is `abnormal` if any eye is, whatever the other; `normal` if all photographed eyes are; `retake` if no eye
has an answer; and `incomplete` if one eye is normal and another has no answer, for which it must be photographed
again. An abnormal patient may have an eye without an answer, too: the column `retake` names it in any case. An eye of
which the manifest names no photograph is not asked for: whether it was forgotten, or is not there, no table knows.

**Photographs of a patient without an eye** form one group, called `unknown`. They may be of either eye or both, so one
that was judged normal is no answer for one that could not be judged: such a group is `incomplete`. Photographs
without a patient are in neither table.

The photograph that decides is, of those that could be judged and have the status, the one that lies highest above
its threshold, and of those that could not be judged, the first by name. The worst comes first:
abnormal > retake > incomplete > normal.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from eyeground.files import replacing
from eyeground.progress import track
from eyeground.screening.ledger import Record
from eyeground.screening.results import Finished

EYES, PATIENTS = "eyes.csv", "patients.csv"
UNKNOWN = "unknown"
JUDGED = ("abnormal", "normal")  # every other status says that the photograph gives no answer
PROBABILITY, THRESHOLD = "probability_", "threshold_"

Rolled = Literal["abnormal", "retake", "incomplete", "normal"]
WORST_FIRST: tuple[Rolled, ...] = ("abnormal", "retake", "incomplete", "normal")


@dataclass(frozen=True)
class Eye:
    """The photographs of one eye of one patient, and what they come to.

    Attributes
    ----------
    eye : str
        `left`, `right` or `unknown`.
    status : str
        See the head of this module; `incomplete` only if the eye is unknown.
    records : tuple of Record
        Its photographs, sorted by name.
    deciding : Record
        The one that the status rests on.
    """

    eye: str
    status: Rolled
    records: tuple[Record, ...]
    deciding: Record


def eye_of(eye: str, records: Sequence[Record], healthy: frozenset[str]) -> Eye:
    """Roll the photographs of one eye up.

    Parameters
    ----------
    eye : str
        `left`, `right` or `unknown`.
    records : sequence of Record
        At least one, sorted by name.
    healthy : frozenset of str
        Outputs that are the probability of health, of which low is abnormal.
    """
    status = eye_status(eye, [record.row["status"] for record in records])
    if status in JUDGED:
        of_status = [record for record in records if record.row["status"] == status]
        return Eye(eye, status, tuple(records), max(of_status, key=lambda record: _height(record, healthy)))
    unjudged = next(record for record in records if record.row["status"] not in JUDGED)
    return Eye(eye, status, tuple(records), unjudged)


def patient_of(eyes: Sequence[Eye]) -> tuple[Rolled, Eye]:
    """What a patient's eyes come to, and the eye that decides; see the head of this module."""
    worst = min(eyes, key=lambda eye: WORST_FIRST.index(eye.status))
    return patient_status([eye.status for eye in eyes]), worst


def eye_status(eye: str, statuses: Sequence[str]) -> Rolled:
    """What the statuses of an eye's photographs come to; `eye` is `left`, `right` or `unknown`."""
    if "abnormal" in statuses:
        return "abnormal"
    if "normal" not in statuses:
        return "retake"
    return "incomplete" if eye == UNKNOWN and not set(statuses) <= set(JUDGED) else "normal"


def patient_status(eyes: Sequence[Rolled]) -> Rolled:
    """What the statuses of a patient's eyes come to."""
    worst = min(eyes, key=WORST_FIRST.index)
    return "incomplete" if worst == "retake" and set(eyes) != {"retake"} else worst


def write_rollup(folder: Path, finished: Finished, healthy: frozenset[str]) -> dict[str, int]:
    """Write `eyes.csv` and `patients.csv` of the photographs that have a patient, or remove those of an earlier screening.

    One patient's photographs are held at a time.

    Returns
    -------
    dict of str to int
        Patients per status; empty if no photograph has a patient.

    Raises
    ------
    UserError
        If a table cannot be written.
    """
    order = sorted(
        (place for place, photo in enumerate(finished.photos) if photo.patient is not None),
        key=lambda place: (finished.photos[place].patient, finished.photos[place].eye or UNKNOWN, place),
    )
    if not order:
        for name in (EYES, PATIENTS):
            (folder / name).unlink(missing_ok=True)
        return {}
    counts: Counter[str] = Counter()
    records = track((finished[place] for place in order), "rolling up", total=len(order))
    with _table(folder / EYES) as add_eye, _table(folder / PATIENTS) as add_patient:
        for patient, eyes in _patients(records, healthy):
            for eye in eyes:
                add_eye({"patient": patient, "eye": eye.eye, "status": eye.status, **_common([eye], eye)})
            status, deciding = patient_of(eyes)
            shown = {
                "eyes": " ".join(eye.eye for eye in eyes),
                "retake": " ".join(eye.eye for eye in eyes if eye.status in ("retake", "incomplete")),
            }
            add_patient({"patient": patient, "status": status, **shown, **_common(eyes, deciding)})
            counts[status] += 1
    return dict(counts)


@contextmanager
def _table(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A CSV that takes row after row and is in its place once all are there; the first row names the columns."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")

        def add(row: dict[str, Any]) -> None:
            if stream.tell() == 0:
                writer.writerow(row)
            writer.writerow(row.values())

        yield add


def _patients(records: Iterator[Record], healthy: frozenset[str]) -> Iterator[tuple[str, list[Eye]]]:
    """Patients with their eyes, of records sorted by patient and eye."""
    for patient, of_patient in groupby(records, key=lambda record: str(record.row["patient"])):
        by_eye = groupby(of_patient, key=lambda record: record.row["eye"] or UNKNOWN)
        yield patient, [eye_of(eye, list(of_eye), healthy) for eye, of_eye in by_eye]


def _common(eyes: Sequence[Eye], deciding: Eye) -> dict[str, Any]:
    """What a row says of its photographs: how many, which one decides, the highest probabilities of those judged."""
    records = [record for eye in eyes for record in eye.records]
    judged = [record.row for record in records if record.row["status"] in JUDGED]
    highest = {
        column: max((row[column] for row in judged), default=None)
        for column in records[0].row
        if column.startswith(PROBABILITY)
    }
    return {
        "photos": len(records),
        "gradable": len(judged),
        "photo": deciding.deciding.row["photo"],
        "reason": deciding.deciding.row["reason"],
        **highest,
    }


def _height(record: Record, healthy: frozenset[str]) -> float:
    """How far the output that a status rests on lies above its threshold, on the side of disease."""
    height: float = record.row[f"{PROBABILITY}{record.output}"] - record.row[f"{THRESHOLD}{record.output}"]
    return -height if record.output in healthy else height
