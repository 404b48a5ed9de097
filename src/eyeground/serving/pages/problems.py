"""Errors in words: as a page for people, as a line for a page's script, and as they were for programs."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from eyeground.errors import UserError
from eyeground.serving.logs import log_error
from eyeground.serving.pages.rendering import fill, query
from eyeground.serving.pages.visitors import LoginNeededError, wants_fragment

Handler = Callable[[Request, Any], Response | Awaitable[Response]]

_TITLES = {
    400: "This cannot be done",
    403: "Not allowed",
    404: "Not found",
    405: "Not found",
    408: "The connection is too slow",
    413: "Too large",
    422: "This cannot be done",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not available just now",
}
_WORDS = {
    404: "There is no such page, or what it showed was deleted.",
    405: "There is no such page.",
    413: "What was sent is larger than this service accepts. Photographs go to the page Upload, which takes large files.",
    422: "The address or the form holds something that is not understood.",
    429: "This is more than the service answers at once. Wait a moment and try again.",
    500: "The service could not answer, and noted it in its log. What was accepted is not lost. Try again; if it happens again, tell who "
    "looks after the service.",
    503: "The store cannot be reached. What was accepted is not lost. Try again in a moment.",
}
_OWN_WORDS = (400, 403, 408, 421)  # their detail was written for people


def install(app: FastAPI) -> None:
    """Have errors answered in words wherever a person asked, and as before elsewhere."""
    for kind in (HTTPException, RequestValidationError, DBAPIError):
        app.add_exception_handler(kind, _for_people(app.exception_handlers[kind]))
    app.add_exception_handler(LoginNeededError, _to_login)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(Exception, _unexpected)


def is_for_people(request: Request) -> bool:
    """Whether a person's browser, and no program, asked."""
    return (
        not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")
    ) or wants_fragment(request)


def problem(request: Request, status: int, detail: str, headers: Any = None) -> Response:
    """An error, for people as a page and for programs as JSON."""
    if is_for_people(request):
        return problem_page(request, status, detail, headers)
    return JSONResponse({"detail": detail}, status, headers)


def problem_page(request: Request, status: int, detail: str = "", headers: Any = None) -> Response:
    """An error in words."""
    sentence = detail if detail and status in _OWN_WORDS else _WORDS.get(status, detail or "This cannot be done.")
    template = "_problem.html" if wants_fragment(request) else "problem.html"
    body = fill(request, template, title=_TITLES.get(status, "This cannot be done"), sentence=sentence, status=status)
    return HTMLResponse(body, status, headers)


def _for_people(otherwise: Handler) -> Handler:
    async def handler(request: Request, error: Exception) -> Response:
        if not is_for_people(request):
            answered = otherwise(request, error)
            return await answered if isinstance(answered, Awaitable) else answered
        if isinstance(error, HTTPException):
            return problem_page(request, error.status_code, str(error.detail), error.headers)
        return problem_page(request, 422 if isinstance(error, RequestValidationError) else 503)

    return handler


def _to_login(request: Request, _: Exception) -> Response:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    login = f"/login{query(next=target if request.method == 'GET' and target != '/' else None)}"
    if wants_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    return RedirectResponse(login, 303)


def _user_error(request: Request, error: Exception) -> Response:
    return problem(request, 400, str(error))


def _unexpected(request: Request, error: Exception) -> Response:
    try:
        raise error
    except Exception:
        log_error("request failed")
    return problem(request, 500, "the service could not answer")
