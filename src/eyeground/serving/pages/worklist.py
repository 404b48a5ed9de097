"""The worklist, its export, and the batches that photographs were sent in."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from eyeground.core.words import no_formula
from eyeground.serving.access import Actor
from eyeground.serving.batch_list import latest_batches
from eyeground.serving.batches import batch_of, cancel_batch
from eyeground.serving.findings import FindingView, finding_of, findings_of
from eyeground.serving.grading import grades_by_photo
from eyeground.serving.models_in_use import current_model
from eyeground.serving.pages.list_query import PAGE_ROWS, Address, ListAddress
from eyeground.serving.pages.rendering import render
from eyeground.serving.pages.visitors import Form, Reader, Running, Sender, wants_fragment
from eyeground.serving.service import Service
from eyeground.serving.store.deletion import delete_photos
from eyeground.serving.worklist import MOST_ROWS, URGENCY, cameras, worklist

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@pages.get("/")
def get_start(service: Running, actor: Reader) -> Response:
    """The worklist, or the upload while there is nothing to list."""
    with service.store.read() as session:
        is_empty = worklist(session, ListAddress().worklist_query(actor.sees)).total == 0
    return RedirectResponse("/upload" if is_empty else "/worklist", 303)


@pages.get("/worklist")
def get_worklist(request: Request, service: Running, actor: Reader, address: Address) -> Response:
    """The photographs, what needs action first."""
    with service.store.read() as session:
        model = current_model(session)
        shown = worklist(session, address.worklist_query(actor.sees))
        of_all_statuses = worklist(session, replace(address, statuses=()).worklist_query(actor.sees)).statuses
        batch = batch_of(session, address.batch, actor.sees) if address.batch else None
        known_cameras = cameras(session)
    return render(
        request,
        actor,
        "_worklist.html" if wants_fragment(request) else "worklist.html",
        address=address,
        shown=shown,
        counts={status: of_all_statuses.get(status, 0) for status in URGENCY},
        batch=batch,
        cameras=known_cameras,
        model_now=None if model is None else model.id,
        last_page=max(1, -(-shown.total // PAGE_ROWS)),
        first=(address.page - 1) * PAGE_ROWS,
    )


@pages.get("/worklist.csv")
def get_csv(service: Running, actor: Reader, address: Address) -> Response:
    """All photographs of the worklist with findings and grades, as a table."""
    return StreamingResponse(
        _csv_lines(service, actor, address), media_type="text/csv", headers=_as_file("worklist.csv")
    )


@pages.get("/worklist.json")
def get_json(service: Running, actor: Reader, address: Address) -> Response:
    """The same as JSON."""
    return JSONResponse(list(_records(service, actor, address)), headers=_as_file("worklist.json"))


@pages.get("/batches")
def get_batches(request: Request, service: Running, actor: Reader) -> Response:
    """The last batches, how far they are."""
    with service.store.read() as session:
        found = latest_batches(session, actor.sees, 50)
    return render(request, actor, "_batches.html" if wants_fragment(request) else "batches.html", batches=found)


@pages.post("/batches/{batch_id}/cancel")
def post_cancel(request: Request, service: Running, actor: Sender, batch_id: str, form: Form) -> Response:
    """Cancel what of a batch is not screened yet."""
    with service.store.read() as session:
        if batch_of(session, batch_id, actor.owns) is None:
            raise HTTPException(404)
    cancel_batch(service.store, service.folder, batch_id, actor.name)
    return RedirectResponse("/batches", 303)


@pages.post("/findings/{photo_id}/delete")
def post_delete(service: Running, actor: Sender, photo_id: str, form: Form) -> Response:
    """Delete a photograph and all about it; of people, admins may."""
    if not actor.may_delete:
        raise HTTPException(403, "Only an administrator deletes photographs.")
    with service.store.read() as session:
        if finding_of(session, photo_id, actor.owns) is None:
            raise HTTPException(404)
    delete_photos(service.store, service.folder, [photo_id], actor.name)
    return RedirectResponse("/worklist", 303)


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="eyeground-{name}"'}


def _records(service: Service, actor: Actor, address: ListAddress) -> Iterator[dict[str, object]]:
    query = replace(address.worklist_query(actor.sees), limit=MOST_ROWS, offset=0)
    while True:
        with service.store.read() as session:
            ids = [row.id for row in worklist(session, query).rows]
            found, grades = findings_of(session, ids), grades_by_photo(session, ids)
        for photo_id in ids:
            given = grades.get(photo_id, [])
            if (view := found.get(photo_id)) is not None:
                yield _record(view) | {
                    "grades": "; ".join(
                        f"{one.reader}: {one.grade}{f' ({one.label})' if one.label else ''}" for one in given
                    ),
                    "comments": "; ".join(one.comment for one in given if one.comment),
                }
        if len(ids) < query.limit:
            return
        query = replace(query, offset=query.offset + query.limit)


def _record(view: FindingView) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": view.id,
        "photo": view.name,
        "patient": view.patient,
        "eye": view.eye,
        "visit": None if view.visit is None else view.visit.isoformat(),
        "camera": view.camera,
        "uploaded": view.created.isoformat(),
        "screened": None if view.screened is None else view.screened.isoformat(),
        "status": view.status,
        "reason": view.reason,
        "suspected": "; ".join(view.suspected),
        "likely_grades": "; ".join(view.grades),
        "gradability": view.gradability,
        "unfamiliarity": view.unfamiliarity,
        "operating_point": view.operating_point,
        "model": view.model,
    }
    fields |= {f"probability_{output}": value for output, value in view.probabilities.items()}
    return fields | {f"threshold_{output}": value for output, value in view.thresholds.items()}


def _csv_lines(service: Service, actor: Actor, address: ListAddress) -> Iterator[str]:
    records = list(_records(service, actor, address))
    columns = list(dict.fromkeys(name for record in records for name in record))
    for cells in [columns, *([no_formula(record.get(name)) for name in columns] for record in records)]:
        line = io.StringIO()
        csv.writer(line).writerow(cells)
        yield line.getvalue()
