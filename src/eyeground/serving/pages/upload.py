"""The page where photographs are sent; its script sends them to the API, one by one, and shows how far they are."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from eyeground.serving import models_in_use
from eyeground.serving.pages.rendering import render
from eyeground.serving.pages.visitors import Running, Sender
from eyeground.serving.worklist import cameras

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@pages.get("/upload")
def get_upload(request: Request, service: Running, actor: Sender) -> Response:
    """Where photographs are dropped."""
    with service.store.read() as session:
        known_cameras, speed = cameras(session), models_in_use.speed(session)
    return render(request, actor, "upload.html", cameras=known_cameras, limits=service.settings.limits, speed=speed)
