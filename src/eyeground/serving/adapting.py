"""Adapting the model to the clinic's own photographs, by what readers graded, while pages and screening go on.

What is learnt from is written down without names, and is removed with all copies of photographs once the model is made.
"""

import csv
import json
import os
import sys
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any, Literal

from sqlalchemy.orm import Session

from eyeground.core.files import locked, write_text
from eyeground.errors import UserError, unknown
from eyeground.serving import audit
from eyeground.serving.labels import labels_table
from eyeground.serving.model_choice import ADAPTED, choice, put_into_use
from eyeground.serving.service import Service
from eyeground.serving.store.folder import PHOTO, DataFolder
from eyeground.serving.store.tables import new_id, now

Kind = Literal["calibration", "probe", "classes"]
KINDS: dict[str, str] = {
    "calibration": "thresholds and calibration by the grades; the network stays as it is",
    "probe": "a new classifier of normal and abnormal on the network's features",
    "classes": "a new classifier of the clinic's own classes on the network's features",
}
REQUEST, STATE, MANIFEST, LOG, ERRORS, LOCK = (
    "request.json",
    "state.json",
    "manifest.csv",
    "log.txt",
    "errors.txt",
    "running.lock",
)
ABNORMAL, CLASS, NORMAL = "abnormal", "finding", "normal"
FEWEST_PATIENTS = 10


@dataclass(frozen=True)
class Labelled:
    """What readers graded, and what the model in use said of the same photographs.

    Attributes:
        photos, patients: Graded normal or abnormal.
        counts: Photographs by grade.
        patient_counts: Patients with a photograph of a grade, normal or abnormal.
        classes: Photographs by the clinic's own class; those graded normal without a class are `normal`.
        found, passed: Of the abnormal and of the normal ones that the model judged: called so, and how many there are.
        originals: Photographs whose file was kept; of the others the picture is learnt from.
        unnamed: Photographs without a patient, which count as patients of their own.
    """

    photos: int
    patients: int
    counts: dict[str, int]
    patient_counts: dict[str, int]
    classes: dict[str, int]
    found: tuple[int, int]
    passed: tuple[int, int]
    originals: int
    unnamed: int


@dataclass(frozen=True)
class Adapted:
    """An adaptation, running, done or failed.

    Attributes:
        state: `running`, `done`, `failed` or `stopped`.
        problem: Why it failed, in words.
        summary: Of the model that was made: `identity`, `origin`, `performance`, `before`, `metrics`, `thresholds`.
        log: What it said while it ran.
    """

    id: str
    kind: str
    name: str
    started: datetime
    state: str
    problem: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    log: str = ""


def labelled(session: Session, folder: DataFolder) -> Labelled:
    """What there is to learn from."""
    return _counted(labels_table(session, folder))


def _counted(rows: list[dict[str, Any]]) -> Labelled:
    judged = [row for row in rows if row["abnormal"] is not None]
    patients = {grade: {_patient(row) for row in judged if row["grade"] == grade} for grade in (NORMAL, ABNORMAL)}
    shared = [row for row in judged if row["status"] in (NORMAL, ABNORMAL)]
    ill, well = ([row for row in shared if row["grade"] == grade] for grade in (ABNORMAL, NORMAL))
    return Labelled(
        photos=len(judged),
        patients=len(set().union(*patients.values())),
        counts=dict(Counter(row["grade"] for row in rows)),
        patient_counts={grade: len(found) for grade, found in patients.items()},
        classes=dict(Counter(_class(row) for row in judged if _class(row))),
        found=(sum(row["status"] == ABNORMAL for row in ill), len(ill)),
        passed=(sum(row["status"] == NORMAL for row in well), len(well)),
        originals=sum(row["photo"] is not None for row in judged),
        unnamed=sum(row["patient"] is None for row in judged),
    )


def start(service: Service, kind: str, name: str, actor: str) -> str:
    """Start an adaptation in a process of its own; returns its id.

    Raises:
        UserError: If one runs already, the kind is not known, or there is too little to learn from.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if any(one.state == "running" for one in adaptations(service.folder)):
        raise UserError("an adaptation is running; wait until it is done")
    with service.store.read() as session:
        graded = labels_table(session, service.folder)
        _refuse_few(_counted(graded), kind)
        source = choice(session, service.folder, service.settings.bundle, service.settings.operating_point)
    rows = [row for row in graded if row["abnormal"] is not None]
    adapted_id = new_id()
    place = service.folder.path / ADAPTED / adapted_id
    place.mkdir(mode=0o700, parents=True)
    _write_manifest(place, service.folder, rows, kind)
    request = {"kind": kind, "name": _plain(name) or f"clinic-{now():%Y%m%d}", "started": now().isoformat()}
    write_text(place / REQUEST, json.dumps(request | {"source": source.bundle}))
    command = [sys.executable, "-P", "-m", "eyeground.serving.adapting_process", str(place)]
    with (place / ERRORS).open("wb") as errors:
        process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=errors, start_new_session=True)
    threading.Thread(target=process.wait, name="adaptation", daemon=True).start()
    with service.store.write() as session:
        audit.record(session, actor, "adaptation started", adapted=adapted_id, kind=kind, photos=len(rows))
    return adapted_id


def adaptations(folder: DataFolder) -> list[Adapted]:
    """All adaptations, the latest first, without their logs."""
    places = (folder.path / ADAPTED).glob("*/" + REQUEST)
    return sorted((_read(request.parent) for request in places), key=lambda one: one.started, reverse=True)


def adaptation(folder: DataFolder, adapted_id: str) -> Adapted | None:
    """One adaptation with its log; None if there is none."""
    place = folder.path / ADAPTED / adapted_id
    if not adapted_id.isalnum() or not (place / REQUEST).is_file():
        return None
    return _read(place, with_log=True)


def use(service: Service, adapted_id: str | None, actor: str) -> None:
    """Put an adapted model into use, or, with None, the one that the service was started with.

    Raises:
        UserError: If it is not done.
    """
    made = None if adapted_id is None else adaptation(service.folder, adapted_id)
    if adapted_id is not None and (made is None or made.state != "done"):
        raise UserError("this model is not made yet")
    identity = None if made is None else made.summary["identity"]
    with service.store.write() as session:
        put_into_use(session, adapted_id, actor, model=identity)


def write_state(place: Path, state: str, problem: str = "", summary: dict[str, Any] | None = None) -> None:
    """Note how an adaptation ended."""
    write_text(place / STATE, json.dumps({"state": state, "problem": problem, "summary": summary or {}}))


def _read(place: Path, with_log: bool = False) -> Adapted:
    request = json.loads((place / REQUEST).read_text(encoding="utf-8"))
    log = place / LOG
    shown = Adapted(
        id=place.name,
        kind=request["kind"],
        name=request["name"],
        started=datetime.fromisoformat(request["started"]),
        state="running",
        log=log.read_text(encoding="utf-8", errors="replace") if with_log and log.is_file() else "",
    )
    if (place / STATE).is_file():
        return Adapted(**asdict(shown) | json.loads((place / STATE).read_text(encoding="utf-8")))
    return shown if _runs(place, shown.started) else Adapted(**asdict(shown) | {"state": "stopped"})


def _runs(place: Path, started: datetime) -> bool:
    """Whether its process has the lock, or may not have taken it yet."""
    handle = locked(place / LOCK, os.O_RDWR | os.O_CREAT)
    if handle is None:
        return True
    os.close(handle)
    return (now() - started).total_seconds() < 30


def _refuse_few(there: Labelled, kind: str) -> None:
    few = min(there.patient_counts.get(grade, 0) for grade in (NORMAL, ABNORMAL))
    if few < FEWEST_PATIENTS:
        raise UserError(
            f"{FEWEST_PATIENTS} patients with a normal and {FEWEST_PATIENTS} with an abnormal photograph are needed; there are "
            f"{there.patient_counts.get(NORMAL, 0)} and {there.patient_counts.get(ABNORMAL, 0)}. Grade more"
        )
    if kind == "classes" and len(there.classes) < 2:
        raise UserError("classes of your own need two classes at least; give photographs a class where you grade them")


def _write_manifest(place: Path, folder: DataFolder, rows: list[dict[str, Any]], kind: str) -> None:
    """Photographs by id and patients by number: no name of either stays behind."""
    numbers: dict[str, str] = {}
    column = CLASS if kind == "classes" else ABNORMAL
    with (place / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["photo", "patient", "eye", column])
        for row in rows:
            path = Path(row["photo"]) if row["photo"] else folder.pictures(row["id"]) / PHOTO
            truth = _class(row) if kind == "classes" else row["abnormal"]
            if path.is_file() and truth not in (None, ""):
                patient = numbers.setdefault(_patient(row), f"patient {len(numbers) + 1}")
                table.writerow([os.path.relpath(path, place), patient, row["eye"] or "", truth])


def _patient(row: dict[str, Any]) -> str:
    return row["patient"] or f"photo {row['id']}"


def _class(row: dict[str, Any]) -> str:
    return row["label"] or (NORMAL if row["grade"] == NORMAL else "")


def _plain(name: str) -> str:
    return "".join(
        mark for mark in name.strip().replace(" ", "-") if mark.isascii() and (mark.isalnum() or mark in "._+-")
    )[:60]
