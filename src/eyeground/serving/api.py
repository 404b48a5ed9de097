"""The REST API, /api/v1: photographs in, findings out, batches; and what watches the service: /health, /ready, /metrics."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, HTTPException, Path, Query, Response, UploadFile
from fastapi.responses import FileResponse

import eyeground
from eyeground.serving import metrics, models_in_use
from eyeground.serving.access import BEARER, Actor, requires
from eyeground.serving.batches import batch_of, cancel_batch, new_batch
from eyeground.serving.findings import finding_of
from eyeground.serving.grading import save_grade
from eyeground.serving.intake import Upload, accept, accept_archive
from eyeground.serving.schemas import (
    AcceptedPhoto,
    BatchAnswer,
    FindingAnswer,
    GradeRequest,
    Health,
    Problem,
    Readiness,
    WorklistAnswer,
    batch_answer,
    finding_answer,
    worklist_answer,
)
from eyeground.serving.service import Service, service_of
from eyeground.serving.settings import BULK, INTERACTIVE, ROUTINE
from eyeground.serving.store.deletion import delete_photos
from eyeground.serving.store.folder import PICTURES
from eyeground.serving.worklist import WorklistQuery, worklist

PHOTOS, ARCHIVES = "/api/v1/photos", "/api/v1/archives"
_PRIORITIES = {"interactive": INTERACTIVE, "routine": ROUTINE, "bulk": BULK}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": description}
    for status, description in {
        400: "Not readable",
        401: "No valid key or session",
        403: "Not allowed",
        421: "An unknown host name",
        422: "Not as described here",
        429: "Too many requests, or too many photographs wait; see Retry-After",
        503: "The store cannot be reached; see Retry-After",
    }.items()
}
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "There is none that you may see"}}
_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such batch"},
    409: {"model": Problem, "description": "The batch was cancelled"},
    408: {"model": Problem, "description": "The body came too slowly"},
    413: {"model": Problem, "description": "The file is too large"},
    415: {"model": Problem, "description": "The file is no photograph"},
    507: {"model": Problem, "description": "The disk is full"},
}

api = APIRouter(prefix="/api/v1", dependencies=[Depends(BEARER)], responses=_PROBLEMS)
status = APIRouter()

Running = Annotated[Service, Depends(service_of)]
Sender = Annotated[Actor, Depends(requires("photos"))]
Reader = Annotated[Actor, Depends(requires("findings"))]
Grader = Annotated[Actor, Depends(requires("grades"))]
ById = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["5f1d0c2ab94b4f0c8a5e9d1c4f6b7a80"])]


@api.post("/photos", status_code=202, responses=_REFUSED)
def post_photo(
    service: Running,
    actor: Sender,
    file: Annotated[UploadFile, File(description="JPEG, PNG, TIFF, BMP, PPM or DICOM.")],
    patient: Annotated[str | None, Form(max_length=128, description="The clinic's identifier, not a name.")] = None,
    eye: Annotated[Literal["left", "right"] | None, Form()] = None,
    visit: Annotated[date | None, Form(description="Day of the photograph.")] = None,
    camera: Annotated[str | None, Form(max_length=64)] = None,
    batch: Annotated[str | None, Form(pattern="^[0-9a-f]{32}$")] = None,
    priority: Annotated[Literal["interactive", "routine", "bulk"], Form()] = "routine",
) -> AcceptedPhoto:
    """Send a photograph. The same content gives the same id; it is on disk when this answers."""
    upload = Upload(
        stream=file.file,
        name=file.filename or "",
        space=actor.space,
        actor=actor.name,
        priority=_PRIORITIES[priority],
        patient=patient,
        eye=eye,
        visit=visit,
        camera=camera,
        batch=batch,
    )
    accepted = accept(service.store, service.folder, service.settings.limits, upload)
    return AcceptedPhoto(id=accepted.id, known=accepted.known, finding=f"/api/v1/findings/{accepted.id}")


@api.post("/archives", status_code=202, responses=_REFUSED)
def post_archive(
    service: Running,
    actor: Sender,
    file: Annotated[UploadFile, File(description="A zip or tar archive of photographs.")],
    priority: Annotated[Literal["interactive", "routine", "bulk"], Form()] = "bulk",
) -> BatchAnswer:
    """Send an archive of photographs: it becomes a batch, to which its photographs are added as they are unpacked."""
    upload = Upload(file.file, file.filename or "", actor.space, actor.name, _PRIORITIES[priority])
    batch_id = accept_archive(service.store, service.folder, service.settings.limits, upload)
    return _batch(service, actor, batch_id)


@api.get("/findings/{photo_id}", responses=_MISSING)
def get_finding(service: Running, actor: Reader, photo_id: ById) -> FindingAnswer:
    """The finding of a photograph; its status is `pending` until it is screened."""
    with service.store.read() as session:
        found = finding_of(session, photo_id, actor.sees)
    if found is None:
        raise HTTPException(404, "there is no such photograph")
    return finding_answer(found)


@api.get("/findings")
def get_findings(
    service: Running,
    actor: Reader,
    status: Annotated[list[str], Query(description="Only these.", examples=[["abnormal"]])] = [],  # noqa: B006 - FastAPI copies it
    batch: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
    since: Annotated[date | None, Query(description="Day of upload.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> WorklistAnswer:
    """The photographs that were sent, the oldest first."""
    query = WorklistQuery(
        statuses=tuple(status), batch=batch, since=since, space=actor.sees, sort="created", limit=limit, offset=offset
    )
    with service.store.read() as session:
        return worklist_answer(worklist(session, query))


@api.get("/findings/{photo_id}/pictures/{picture}", responses=_MISSING, response_class=FileResponse)
def get_picture(
    service: Running,
    actor: Reader,
    photo_id: ById,
    picture: Literal["photo", "evidence", "disc", "vessels", "lesions", "thumbnail"],
) -> FileResponse:
    """The photograph's square as JPEG; evidence, disc, vessels or lesions as a layer to lay over it, or a thumbnail (WebP)."""
    with service.store.read() as session:
        found = finding_of(session, photo_id, actor.sees)
    file = service.folder.pictures(photo_id) / PICTURES[picture]
    if found is None or not file.is_file():
        raise HTTPException(404, "there is no such picture")
    return FileResponse(file)


@api.put("/findings/{photo_id}/grade", responses=_MISSING, status_code=204)
def put_grade(service: Running, actor: Grader, photo_id: ById, grade: GradeRequest) -> None:
    """Store a reader's grade; an earlier one of the same reader stays in the history."""
    with service.store.write() as session:
        if finding_of(session, photo_id, actor.sees) is None:
            raise HTTPException(404, "there is no such photograph")
        save_grade(session, photo_id, actor.name, grade.grade, grade.comment, grade.label)


@api.delete("/photos/{photo_id}", responses=_MISSING, status_code=204)
def delete_photo(service: Running, actor: Sender, photo_id: ById) -> None:
    """Delete a photograph and all about it, for ever; of people, admins may."""
    if not actor.may_delete:
        raise HTTPException(403, "only an admin deletes photographs")
    with service.store.read() as session:
        if finding_of(session, photo_id, actor.owns) is None:
            raise HTTPException(404, "there is no such photograph")
    delete_photos(service.store, service.folder, [photo_id], actor.name)


@api.post("/batches", status_code=201)
def post_batch(service: Running, actor: Sender, name: Annotated[str, Form(max_length=200)] = "") -> BatchAnswer:
    """Open a batch, to which photographs are then sent."""
    with service.store.write() as session:
        batch_id = new_batch(session, actor.space, actor.name, name)
    return _batch(service, actor, batch_id)


@api.get("/batches/{batch_id}", responses=_MISSING)
def get_batch(service: Running, actor: Reader, batch_id: ById) -> BatchAnswer:
    """How far a batch is."""
    return _batch(service, actor, batch_id)


def _batch(service: Service, actor: Actor, batch_id: str) -> BatchAnswer:
    with service.store.read() as session:
        found = batch_of(session, batch_id, actor.sees)
    if found is None:
        raise HTTPException(404, "there is no such batch")
    return batch_answer(found)


@api.post("/batches/{batch_id}/cancel", responses=_MISSING)
def post_cancel(service: Running, actor: Sender, batch_id: ById) -> BatchAnswer:
    """Cancel what is not screened yet."""
    with service.store.read() as session:
        if batch_of(session, batch_id, actor.owns) is None:
            raise HTTPException(404, "there is no such batch")
    cancel_batch(service.store, service.folder, batch_id, actor.name)
    return _batch(service, actor, batch_id)


@status.get("/health")
def health() -> Health:
    """That the server answers."""
    return Health(status="ok", version=eyeground.__version__)


@status.get("/ready", responses={503: {"model": Readiness, "description": "Not ready"}})
def ready(service: Running, response: Response) -> Readiness:
    """Whether photographs are screened: the store answers, the worker lives, there is room."""
    problems = []
    with service.store.read() as session:
        if not models_in_use.worker_lives(session):
            problems.append("the worker does not run")
        model = models_in_use.current_model(session)
    if service.folder.free_bytes() < service.settings.limits.free_bytes:
        problems.append("the disk is full")
    response.status_code = 503 if problems else 200
    return Readiness(
        status="not ready" if problems else "ready", problems=problems, model=model.identity if model else None
    )


@status.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, 401: _PROBLEMS[401]})
def get_metrics(service: Running, actor: Annotated[Actor, Depends(requires("metrics"))]) -> Response:
    """Measures for Prometheus."""
    return Response(metrics.exposition(service.store), media_type="text/plain; version=0.0.4")
