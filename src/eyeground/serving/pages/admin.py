"""The page of administrators: people, keys, retention, deletion, and the audit trail."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from eyeground.serving import audit
from eyeground.serving.access import Actor
from eyeground.serving.keys import SCOPES, create_key, keys, revoke_key
from eyeground.serving.pages.rendering import render
from eyeground.serving.pages.visitors import Admin, Form, Running
from eyeground.serving.patients import find_patient
from eyeground.serving.people import FEWEST_CHARACTERS, ROLES, add_person, disable_person, people
from eyeground.serving.service import Service
from eyeground.serving.store.deletion import delete_expired, delete_patient

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

TRAIL_ROWS = 200


@pages.get("/admin")
def get_admin(
    request: Request, service: Running, actor: Admin, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Everything at a glance."""
    return _admin_page(request, service, actor, done=done if done.isdecimal() else "")


@pages.post("/admin/people")
def post_person(service: Running, actor: Admin, form: Form) -> Response:
    """Add someone, or give them another password or role."""
    with service.store.write() as session:
        add_person(session, form.get("name", "").strip(), form.get("password", ""), form.get("role", ""), actor.name)
    return RedirectResponse("/admin#people", 303)


@pages.post("/admin/people/remove")
def post_remove_person(service: Running, actor: Admin, form: Form) -> Response:
    """Let someone in no more."""
    name = form.get("name", "")
    if f"person:{name}" == actor.name:
        raise HTTPException(400, "You cannot remove your own account; another administrator can.")
    with service.store.write() as session:
        disable_person(session, name, actor.name)
    return RedirectResponse("/admin#people", 303)


@pages.post("/admin/keys")
def post_key(request: Request, service: Running, actor: Admin, form: Form) -> Response:
    """Make a key and show it, this once."""
    scopes = [scope for scope in SCOPES if form.get(f"scope_{scope}")]
    days = form.get("days", "365")
    if not scopes or not days.isdecimal() or not 1 <= int(days) <= 3650:
        raise HTTPException(400, "A key needs something that it may do, and 1 to 3650 days.")
    with service.store.write() as session:
        made = create_key(session, form.get("name", ""), scopes, actor.name, int(days))
    return _admin_page(request, service, actor, made=made)


@pages.post("/admin/keys/revoke")
def post_revoke(service: Running, actor: Admin, form: Form) -> Response:
    """Let a key count no more."""
    with service.store.write() as session:
        revoke_key(session, form.get("key", ""), actor.name)
    return RedirectResponse("/admin#keys", 303)


@pages.post("/admin/delete-patient")
def post_delete_patient(service: Running, actor: Admin, form: Form) -> Response:
    """Delete a patient with all photographs."""
    with service.store.read() as session:
        patient_id = find_patient(session, form.get("patient", ""))
    if patient_id is None:
        raise HTTPException(400, "There is no patient of this identifier.")
    count = delete_patient(service.store, service.folder, patient_id, actor.name)
    return RedirectResponse(f"/admin?done={count}#retention", 303)


@pages.post("/admin/delete-old")
def post_delete_old(service: Running, actor: Admin, form: Form) -> Response:
    """Delete photographs that are older than some days."""
    days = form.get("days", "")
    if not days.isdecimal() or not 1 <= int(days) <= 36_500:
        raise HTTPException(400, "Say after how many days, 1 or more.")
    with service.store.write() as session:
        audit.record(session, actor.name, "deletion by age", days=int(days))
    count = delete_expired(service.store, service.folder, int(days))
    return RedirectResponse(f"/admin?done={count}#retention", 303)


@pages.get("/admin/audit")
def get_audit(
    request: Request,
    service: Running,
    actor: Admin,
    photo: Annotated[str, Query(max_length=32)] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The audit trail, the latest first."""
    with service.store.read() as session:
        entries = audit.trail(session, photo or None, TRAIL_ROWS, before)
    return render(request, actor, "audit.html", entries=entries, photo=photo, more=len(entries) == TRAIL_ROWS)


def _admin_page(request: Request, service: Service, actor: Actor, made: str = "", done: str = "") -> Response:
    with service.store.read() as session:
        persons, all_keys = people(session), keys(session)
        entries = audit.trail(session, limit=12)
    return render(
        request,
        actor,
        "admin.html",
        persons=persons,
        keys=all_keys,
        scopes=SCOPES,
        roles=ROLES,
        fewest=FEWEST_CHARACTERS,
        entries=entries,
        settings=service.settings,
        free=service.folder.free_bytes(),
        data=service.folder.path,
        made=made,
        done=done,
    )
