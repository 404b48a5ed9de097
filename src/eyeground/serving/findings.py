"""Findings as pages and programs see them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from eyeground.serving import queue
from eyeground.serving.layers import from_text
from eyeground.serving.store.tables import DONE, PENDING, Finding, Model, Patient, Photo

# Made once, as programs ask again and again, and making a statement takes longer than running it.
_ALL = (
    select(Photo, Finding, Model, Patient.identifier)
    .outerjoin(Finding, Finding.id == Photo.finding_id)
    .outerjoin(Model, Model.id == Finding.model_id)
    .outerjoin(Patient, Patient.id == Photo.patient_id)
)
_FOUND = _ALL.where(Photo.id == bindparam("photo_id"))
_SEVERAL = _ALL.where(Photo.id.in_(bindparam("photo_ids", expanding=True)))
MEASURES = ("focus", "illumination", "contrast", "completeness")


@dataclass(frozen=True)
class FindingView:
    """A photo with its finding, if there is one.

    Attributes:
        id: Of the photo, and of its finding.
        status: `pending`, `cancelled`, or a finding's: `normal`, `abnormal`, `ungradable`, `unfamiliar`, `unreadable`.
        reason: Why, in words; of a photo that waits, how many come before it.
        suspected, grades: In clinical words; empty unless abnormal.
        reached: The deciding outputs that reached their threshold.
        probabilities, thresholds: By output; of an output that decides nothing there is no threshold.
        output: The one that the status rests on, and whose evidence the picture shows; `height`, in logits, is how far
            it lies above its threshold.
        quality: Focus, illumination, contrast, completeness.
        gradability: Probability that a grader would accept the photo.
        unfamiliarity: From 1 on it is unlike what the model was trained on.
        structures: That layers of the picture show, with their colours as HTML has them.
        scale: Logits at the ends of the evidence layer's colours.
        model_id, operating_point, model: What decided; `model_details` says where the thresholds come from, see
            `models_in_use.describe`.
        has_picture, has_evidence: Which pictures there are.
        before: Jobs before this one in the queue; None unless it waits.
    """

    id: str
    status: str
    name: str
    created: datetime
    reason: str = ""
    patient: str | None = None
    patient_id: str | None = None
    eye: str | None = None
    visit: date | None = None
    camera: str | None = None
    batch: str | None = None
    space: str = ""
    kept: bool = False
    screened: datetime | None = None
    suspected: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    probabilities: dict[str, float] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    output: str | None = None
    height: float | None = None
    quality: dict[str, float] = field(default_factory=dict)
    gradability: float | None = None
    unfamiliarity: float | None = None
    structures: dict[str, str] = field(default_factory=dict)
    scale: float | None = None
    model_id: int | None = None
    operating_point: str | None = None
    model: str | None = None
    model_details: dict[str, Any] = field(default_factory=dict)
    before: int | None = None

    @property
    def is_done(self) -> bool:
        return self.screened is not None

    @property
    def has_picture(self) -> bool:
        return self.is_done and self.status != "unreadable"

    @property
    def has_evidence(self) -> bool:
        return self.scale is not None


def finding_of(session: Session, photo_id: str, space: str | None = None) -> FindingView | None:
    """A photo with its last finding; None if there is none, or it is in another space.

    Args:
        session: Reading.
        photo_id: Of the photo.
        space: Where the asker may look; None for everywhere.
    """
    found = session.execute(_FOUND, {"photo_id": photo_id}).one_or_none()
    if found is None or (space is not None and found[0].space != space):
        return None
    before = queue.ahead_of(session, photo_id) if found[0].state == PENDING else None
    return _view(*found, before=before)


def findings_of(session: Session, photo_ids: Sequence[str]) -> dict[str, FindingView]:
    """The same of several photos, by their ids, in one query; of those that wait without how many come before."""
    return {found[0].id: _view(*found) for found in session.execute(_SEVERAL, {"photo_ids": list(photo_ids)})}


def _view(
    photo: Photo, finding: Finding | None, model: Model | None, patient: str | None, before: int | None = None
) -> FindingView:
    shared: dict[str, Any] = {
        "id": photo.id,
        "name": photo.name,
        "created": photo.created,
        "patient": patient,
        "patient_id": photo.patient_id,
        "eye": photo.eye,
        "visit": photo.visit,
        "camera": photo.camera,
        "batch": photo.batch_id,
        "space": photo.space,
        "kept": photo.kept,
    }
    if finding is not None and model is not None and photo.state == DONE:
        return FindingView(**shared, **_of_finding(finding, model), structures=from_text(photo.structures))
    reason = "" if before is None else f"{before} photographs come before this one"
    return FindingView(**shared, status=photo.state, reason=reason, before=before)


def _of_finding(finding: Finding, model: Model) -> dict[str, Any]:
    row = finding.row
    return {
        "status": finding.status,
        "reason": row["reason"],
        "screened": finding.created,
        "suspected": _several(row["suspected"]),
        "grades": _several(row["grades"]),
        "reached": _several(row["reached"]),
        "probabilities": _by_output(row, "probability_"),
        "thresholds": _by_output(row, "threshold_"),
        "output": finding.output,
        "height": finding.height,
        "quality": {measure: row[measure] for measure in MEASURES if row[measure] is not None},
        "gradability": row["gradability"],
        "unfamiliarity": row["unfamiliarity"],
        "scale": finding.scale,
        "model_id": model.id,
        "operating_point": row["operating_point"],
        "model": row["model"],
        "model_details": model.description,
    }


def _several(joined: str | None) -> tuple[str, ...]:
    return tuple(joined.split("; ")) if joined else ()


def _by_output(row: dict[str, Any], beginning: str) -> dict[str, float]:
    return {
        column.removeprefix(beginning): value
        for column, value in row.items()
        if column.startswith(beginning) and value is not None
    }
