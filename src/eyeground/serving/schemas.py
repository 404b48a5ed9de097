"""The bodies of the API's answers, with examples."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from eyeground.serving.batches import BatchView
from eyeground.serving.findings import FindingView
from eyeground.serving.worklist import WorklistPage

Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$", examples=["5f1d0c2ab94b4f0c8a5e9d1c4f6b7a80"])]


class Answer(BaseModel):
    """What all answers share."""

    model_config = ConfigDict(frozen=True)


class Problem(Answer):
    """Why a request was refused."""

    detail: Any = Field(examples=["this is no photograph; JPEG, PNG, TIFF, BMP, PPM and DICOM are accepted"])


class AcceptedPhoto(Answer):
    """A photograph that is on disk and will be screened."""

    id: Id
    known: bool = Field(description="Whether the same content was there before.", examples=[False])
    finding: str = Field(
        description="Where its finding is.", examples=["/api/v1/findings/5f1d0c2ab94b4f0c8a5e9d1c4f6b7a80"]
    )


class FindingAnswer(Answer):
    """A photo's finding, or that there is none yet."""

    id: Id
    status: Literal[
        "pending", "cancelled", "normal", "abnormal", "ungradable", "unfamiliar", "unreadable", "undecided"
    ] = Field(description="`pending` until it is screened.", examples=["abnormal"])
    reason: str = Field(examples=["any abnormality: probability 0.91 reaches its threshold of 0.62"])
    suspected: list[str] = Field(examples=[["diabetic retinopathy, moderate or worse"]])
    grades: list[str] = Field(examples=[[]])
    reached: list[str] = Field(examples=[["abnormal"]])
    probabilities: dict[str, float] = Field(examples=[{"abnormal": 0.91, "glaucoma": 0.08}])
    thresholds: dict[str, float] = Field(examples=[{"abnormal": 0.62}])
    gradability: float | None = Field(examples=[0.97])
    unfamiliarity: float | None = Field(examples=[0.41])
    operating_point: str | None = Field(examples=["sensitivity=0.95"])
    model: str | None = Field(examples=["eyeground-mobilenetv2@0123456789ab"])
    patient: str | None = Field(examples=["P-0042"])
    eye: Literal["left", "right"] | None = Field(examples=["right"])
    visit: date | None = Field(examples=["2026-11-30"])
    camera: str | None = Field(examples=["CR-2"])
    batch: Id | None
    created: datetime
    screened: datetime | None
    before: int | None = Field(description="Jobs before this one, while it is pending.", examples=[None])


class GradeRequest(Answer):
    """What a reader says of a photo."""

    grade: Literal["normal", "abnormal", "ungradable"] = Field(examples=["abnormal"])
    label: str = Field("", max_length=64, description="A class of the clinic's own.", examples=["glaucoma"])
    comment: str = Field("", max_length=4000, examples=["notching at the lower rim"])


class ListedFinding(Answer):
    """A photo in a list."""

    id: Id
    status: str = Field(examples=["abnormal"])
    suspected: str | None = Field(examples=["glaucoma"])
    patient: str | None = Field(examples=["P-0042"])
    eye: str | None = Field(examples=["right"])
    visit: date | None = Field(examples=["2026-11-30"])
    camera: str | None = Field(examples=["CR-2"])
    created: datetime
    graded: bool = Field(examples=[False])


class WorklistAnswer(Answer):
    """A page of photographs, and how many there are in all, of each status."""

    findings: list[ListedFinding]
    total: int = Field(examples=[117])
    statuses: dict[str, int] = Field(examples=[{"normal": 100, "abnormal": 17}])


class BatchAnswer(Answer):
    """How far a batch is."""

    id: Id
    name: str = Field(examples=["Monday morning"])
    state: Literal["running", "done", "cancelled"] = Field(examples=["running"])
    photos: int = Field(examples=[120])
    pending: int = Field(examples=[20])
    cancelled: int = Field(examples=[0])
    statuses: dict[str, int] = Field(examples=[{"normal": 80, "abnormal": 17, "ungradable": 3}])
    unpacking: bool = Field(examples=[False])
    problem: str | None = Field(examples=[None])
    created: datetime


class Health(Answer):
    """That the server answers."""

    status: Literal["ok"] = Field(examples=["ok"])
    version: str = Field(examples=["0.2.0"])


class Readiness(Answer):
    """Whether photographs are being screened."""

    status: Literal["ready", "not ready"] = Field(examples=["ready"])
    problems: list[str] = Field(examples=[[]])
    model: str | None = Field(examples=["eyeground-mobilenetv2@0123456789ab"])


def finding_answer(view: FindingView) -> FindingAnswer:
    """A finding as the API gives it."""
    return FindingAnswer.model_validate({name: getattr(view, name) for name in FindingAnswer.model_fields})


def worklist_answer(page: WorklistPage) -> WorklistAnswer:
    """A worklist as the API gives it."""
    listed = [
        ListedFinding.model_validate({name: getattr(row, name) for name in ListedFinding.model_fields})
        for row in page.rows
    ]
    return WorklistAnswer(findings=listed, total=page.total, statuses=page.statuses)


def batch_answer(view: BatchView) -> BatchAnswer:
    """A batch as the API gives it."""
    return BatchAnswer.model_validate({name: getattr(view, name) for name in BatchAnswer.model_fields})
