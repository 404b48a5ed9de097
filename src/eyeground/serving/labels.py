"""What readers graded, as a table: the labels by which a clinic calibrates or adapts a model to its own photographs."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import Finding, Grade, Patient, Photo

_TRUTH = {"normal": 0, "abnormal": 1}


def labels_table(session: Session, folder: DataFolder) -> list[dict[str, Any]]:
    """One row per graded photo, by the last grade of whoever graded last.

    Args:
        session: Reading.
        folder: Where the originals are.

    Returns:
        `id`; `photo`, the path of the original, None unless it was kept; `patient`, `eye`, `camera`; `grade`, and `abnormal`
        as 0 or 1, None of an ungradable one; `label`, the clinic's own class; `model`, `status`, and a column
        `probability_<output>` for each output.
    """
    asked = (
        select(Photo, Finding, Patient.identifier, Grade)
        .select_from(Grade)
        .join(Photo, Photo.id == Grade.photo_id)
        .join(Finding, Finding.id == Photo.finding_id)
        .outerjoin(Patient, Patient.id == Photo.patient_id)
        .where(Grade.superseded.is_(False))
        .order_by(Photo.created, Photo.id, Grade.id)
    )
    rows: dict[str, dict[str, Any]] = {}
    for photo, finding, patient, grade in session.execute(asked):
        probabilities = {name: cell for name, cell in finding.row.items() if name.startswith("probability_")}
        rows[photo.id] = {
            "id": photo.id,
            "photo": str(folder.original(photo.id)) if photo.kept else None,
            "patient": patient,
            "eye": photo.eye,
            "camera": photo.camera,
            "grade": grade.grade,
            "abnormal": _TRUTH.get(grade.grade),
            "label": grade.label or None,
            "model": finding.row["model"],
            "status": finding.status,
        } | probabilities
    return list(rows.values())
