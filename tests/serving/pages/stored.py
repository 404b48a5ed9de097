"""Findings and grades in a store, without a photograph or a model."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from eyeground.serving.findings import MEASURES
from eyeground.serving.grading import save_grade
from eyeground.serving.patients import patient_of
from eyeground.serving.store.tables import DONE, Finding, Model, Photo, WorkerBeat, now


def add_model(session: Session, identity: str) -> int:
    """The model in use, which is not loaded."""
    described = {"operating_point": "youden", "digest": "0", "origin": "", "performance": "", "outputs": {}}
    model = Model(identity=identity, operating_point="youden", description=described)
    session.add(model)
    session.flush()
    session.add(WorkerBeat(id=1, at=now(), model_id=model.id))
    return model.id


def add_finding(session: Session, model_id: int, status: str, **fields: Any) -> str:
    """A screened photo; fields are `name`, `camera`, `days` ago, `patient`, `grade`, `label`, and of the row."""
    name, days = fields.pop("name", "eye.jpg"), fields.pop("days", 0)
    grade, label, camera = fields.pop("grade", None), fields.pop("label", ""), fields.pop("camera", None)
    photo = Photo(
        space="clinic",
        content=f"{name} {days} {fields}",
        name=name,
        size=1,
        camera=camera,
        patient_id=patient_of(session, fields.pop("patient", None)),
        state=DONE,
        created=now() - timedelta(days=days),
    )
    session.add(photo)
    session.flush()
    row = dict.fromkeys((*MEASURES, "suspected", "grades", "reached", "gradability", "unfamiliarity"))
    row |= {"status": status, "reason": "", "model": "tiny@0", "operating_point": "youden", **fields}
    finding = Finding(photo_id=photo.id, model_id=model_id, status=status, row=row)
    session.add(finding)
    session.flush()
    photo.finding_id = finding.id
    if grade is not None:
        save_grade(session, photo.id, "person:Ada", grade, label=label)
    return photo.id
