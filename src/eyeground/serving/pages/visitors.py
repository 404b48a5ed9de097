"""Who opens a page, and whether a form is ours; who is not known is sent to the log-in, and comes back afterwards."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from eyeground.serving.access import CSRF_FIELD, CSRF_HEADER, Actor, find_actor, is_our_form, refuse_other_origins
from eyeground.serving.service import Service, service_of


class LoginNeededError(Exception):
    """A page that only those see who are known."""


def visitor_with(scope: str) -> Callable[[Request], Actor]:
    """A dependency: who asks, if they may do this."""

    def visitor(request: Request) -> Actor:
        actor = find_actor(request)
        if actor is None:
            raise LoginNeededError
        if scope not in actor.scopes:
            raise HTTPException(403, "Your account may not do this. Ask an administrator.")
        return actor

    return visitor


async def checked_form(request: Request) -> dict[str, str]:
    """The text fields of a form that one of our own pages sent.

    Raises:
        HTTPException: 403 for a form of another site, or of a page that is too old.
    """
    refuse_other_origins(request)
    form = await request.form()
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if not is_our_form(request, fields.get(CSRF_FIELD) or request.headers.get(CSRF_HEADER, "")):
        raise HTTPException(403, "The page is too old. Load it again, then repeat what you did.")
    return fields


def wants_fragment(request: Request) -> bool:
    """Whether a script asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


Running = Annotated[Service, Depends(service_of)]
Reader = Annotated[Actor, Depends(visitor_with("findings"))]
Sender = Annotated[Actor, Depends(visitor_with("photos"))]
Grader = Annotated[Actor, Depends(visitor_with("grades"))]
Admin = Annotated[Actor, Depends(visitor_with("admin"))]
Form = Annotated[dict[str, str], Depends(checked_form)]
