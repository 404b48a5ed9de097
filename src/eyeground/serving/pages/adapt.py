"""The page on which a clinic makes the model its own: what readers graded becomes thresholds, or a classifier, of the site."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from eyeground.core.proportions import wilson_interval
from eyeground.serving.adapting import (
    FEWEST_PATIENTS,
    KINDS,
    adaptation,
    adaptations,
    labelled,
    start,
    use,
)
from eyeground.serving.model_choice import adapted_in_use
from eyeground.serving.pages.rendering import render
from eyeground.serving.pages.visitors import Admin, Form, Reader, Running, wants_fragment
from eyeground.serving.rescreening import outdated, rescreen

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Share = tuple[int, int, float, float]


@pages.get("/adapt")
def get_adapt(request: Request, service: Running, actor: Reader) -> Response:
    """What there is to learn from, and what was learnt."""
    with service.store.read() as session:
        there, in_use = labelled(session, service.folder), adapted_in_use(session)
        earlier, with_file = outdated(session)
    return render(
        request,
        actor,
        "adapt.html",
        there=there,
        found=_share(there.found),
        passed=_share(there.passed),
        fewest=FEWEST_PATIENTS,
        kinds=KINDS,
        made=adaptations(service.folder),
        in_use=in_use,
        earlier=earlier,
        with_file=with_file,
    )


@pages.post("/adapt/rescreen")
def post_rescreen(service: Running, actor: Admin, form: Form) -> Response:
    """Have all photographs whose finding is of an earlier model screened again."""
    with service.store.write() as session:
        rescreen(session, actor.name)
    return RedirectResponse("/adapt#made-title", 303)


@pages.post("/adapt")
def post_adapt(service: Running, actor: Admin, form: Form) -> Response:
    """Start an adaptation."""
    adapted_id = start(service, form.get("kind", ""), form.get("name", ""), actor.name)
    return RedirectResponse(f"/adapt/{adapted_id}", 303)


@pages.post("/adapt/use")
def post_use(service: Running, actor: Admin, form: Form) -> Response:
    """Put a model into use."""
    use(service, form.get("adapted") or None, actor.name)
    return RedirectResponse("/adapt", 303)


@pages.get("/adapt/{adapted_id}")
def get_adapted(request: Request, service: Running, actor: Reader, adapted_id: str) -> Response:
    """How far an adaptation is, and what was made."""
    made = adaptation(service.folder, adapted_id)
    if made is None:
        raise HTTPException(404)
    with service.store.read() as session:
        in_use = adapted_in_use(session)
    template = "_adapted.html" if wants_fragment(request) else "adapted.html"
    return render(request, actor, template, made=made, in_use=in_use, kinds=KINDS)


def _share(counts: tuple[int, int]) -> Share | None:
    count, total = counts
    return (count, total, *wilson_interval(count, total)) if total else None
