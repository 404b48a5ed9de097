"""Templates and assets of the pages; everything that a template shows is escaped, and a missing variable is an error."""

import hashlib
import math
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse

import eyeground
from eyeground.serving import models_in_use
from eyeground.serving.access import Actor, csrf_token, open_to_all
from eyeground.serving.pages import words
from eyeground.serving.service import service_of

_STATIC = Path(__file__).parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}

static = APIRouter(include_in_schema=False)


@static.get("/static/{name}")
def get_asset(name: str) -> FileResponse:
    """A style, script or picture of the pages, for as long as its address names this version of it."""
    if name not in _versions():
        raise HTTPException(404, "there is no such file")
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(_STATIC / name, media_type=_KINDS[Path(name).suffix], headers=kept)


def render(request: Request, actor: Actor | None, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page, with what every page shows: who is there, whether photographs are screened, and by which model."""
    service = service_of(request)
    with service.store.read() as session:
        model = models_in_use.current_model(session)
        shared = {
            "model": None if model is None else {"identity": model.identity, **model.description},
            "worker_lives": models_in_use.worker_lives(session),
            "is_open": open_to_all(session, service),
        }
    return HTMLResponse(fill(request, template, actor=actor, **shared, **context), status)


def fill(request: Request, template: str, **context: Any) -> str:
    """A template with the token of forms and the path that was asked for."""
    here = {"csrf": csrf_token(request), "path": request.url.path, "version": eyeground.__version__}
    return _templates().get_template(template).render(here | context)


def query(**values: object) -> str:
    """A query string of what is not empty, beginning with a question mark where there is anything.

    >>> query(status=["abnormal", "ungradable"], q="", page=None)
    '?status=abnormal&status=ungradable'
    """
    given = {name: value for name, value in values.items() if value not in (None, "", (), [])}
    return f"?{urlencode(given, doseq=True)}" if given else ""


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": percent,
        "day": day,
        "moment": moment,
        "number": "{:,}".format,
        "headline": words.headline,
    }
    environment.globals |= {"asset": _asset, "STATUSES": words.STATUSES, "RESULTS": words.RESULTS}
    return environment


def percent(share: float | None) -> str:
    """A share (0-1) for people.

    >>> percent(0.914), percent(0.0041), percent(None)
    ('91 %', '0.4 %', '–')
    """
    if share is None or math.isnan(share):
        return "–"
    return f"{100 * share:.1f} %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def day(value: date | datetime | None) -> str:
    """A day, in the time zone of this machine."""
    if value is None:
        return "–"
    return (value.astimezone() if isinstance(value, datetime) else value).strftime("%Y-%m-%d")


def moment(value: datetime | None) -> str:
    """A time of day with its day, in the time zone of this machine."""
    return "–" if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M")


def _asset(name: str) -> str:
    return f"/static/{name}?v={_versions()[name]}"


@cache
def _versions() -> dict[str, str]:
    files = (path for path in _STATIC.iterdir() if path.suffix in _KINDS)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}
