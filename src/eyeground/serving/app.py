"""The application: API and pages over one service, behind the guard."""

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError

import eyeground
from eyeground.serving import api
from eyeground.serving.guard import OVERHEAD, Guard
from eyeground.serving.intake import Refusal
from eyeground.serving.logs import log_error
from eyeground.serving.pages.install import install_pages
from eyeground.serving.service import Service, attach

_RETRY = {"Retry-After": "5"}
_Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


def create_app(service: Service) -> FastAPI:
    """The application of a service; the worker is started elsewhere."""
    app = FastAPI(
        title="eyeground",
        version=eyeground.__version__,
        summary="Screening of fundus photographs. Research use only. Not a medical device.",
        docs_url=None,  # its page asks other servers for scripts
        redoc_url=None,
    )
    attach(app, service)
    app.include_router(api.status)
    app.include_router(api.api)
    app.add_exception_handler(Refusal, cast(_Handler, _refused))
    app.add_exception_handler(DBAPIError, _store_is_away)
    app.add_exception_handler(NoConnectionError, _store_is_away)
    install_pages(app)
    limits = service.settings.limits
    bodies = {api.PHOTOS: limits.photo_bytes + OVERHEAD, api.ARCHIVES: limits.archive_bytes + OVERHEAD}
    app.add_middleware(Guard, settings=service.settings, body_limits=bodies)
    return app


def _refused(_: Request, refusal: Refusal) -> Response:
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return JSONResponse({"detail": refusal.reason}, refusal.status, headers)


def _store_is_away(_: Request, error: Exception) -> Response:
    log_error("store not reached", kind=type(error).__name__)
    return JSONResponse({"detail": "the store cannot be reached"}, 503, _RETRY)
