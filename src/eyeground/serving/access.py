"""Who asks: a program by its key, a person by a session, or, while the service is open, whoever sits at this machine.

A browser sends cookies by itself, so whatever changes something must also come from our own pages (Origin) and name a token that
only they know.
"""

import hashlib
import hmac
import math
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from eyeground.serving.keys import check_key
from eyeground.serving.people import is_open, person_of, renew_session
from eyeground.serving.service import Service, service_of

SESSION, VISITOR = "eyeground_session", "eyeground_visitor"  # cookies
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf_token"
CLINIC = "clinic"  # the space of people
BEARER = HTTPBearer(auto_error=False, description="An API key: `eyeground_ID_SECRET`.")
PERSON_PER_MINUTE = 3000
_SAFE = ("GET", "HEAD", "OPTIONS")
_READER = frozenset({"photos", "findings", "grades", "all"})
_ADMIN = _READER | {"metrics", "admin"}


@dataclass(frozen=True)
class Actor:
    """Who asks.

    Attributes:
        name: For the audit trail: `person:NAME`, `key:ID` or `local`.
        space: Where what they send belongs.
        scopes: What they may do, see `keys.SCOPES`; an admin has `admin` too.
    """

    name: str
    space: str
    scopes: frozenset[str]

    @property
    def sees(self) -> str | None:
        """The space that they may look into; None for all."""
        return None if "all" in self.scopes else self.space

    @property
    def owns(self) -> str | None:
        """The space in which they cancel and delete; None for all."""
        return None if self.is_admin else self.space

    @property
    def is_admin(self) -> bool:
        return "admin" in self.scopes

    @property
    def may_delete(self) -> bool:
        """Programs delete what they sent; of people, who share everything, admins do."""
        return self.is_admin or self.space != CLINIC


LOCAL = Actor("local", CLINIC, _ADMIN)


def find_actor(request: Request) -> Actor | None:
    """Who asks; None for nobody that is known.

    Raises:
        HTTPException: 401 for a wrong key, 429 for one that asks too often.
    """
    service = service_of(request)
    given = request.headers.get("authorization")
    if given is not None:
        return _program(service, given)
    cookie = request.cookies.get(SESSION)
    with service.store.read() as session:
        person = person_of(session, cookie) if cookie else None
        local = person is None and service.settings.is_local and is_open(session)
    if person is None:
        return LOCAL if local else None
    renew_session(service.store, cookie or "")
    _allow(service, f"person:{person.name}", PERSON_PER_MINUTE)
    return Actor(f"person:{person.name}", CLINIC, _ADMIN if person.role == "admin" else _READER)


def _program(service: Service, given: str) -> Actor:
    scheme, _, text = given.partition(" ")
    with service.store.read() as session:
        key = check_key(session, text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise _unauthorized("the key is wrong, expired or revoked")
    _allow(service, f"key:{key.id}", key.per_minute)
    return Actor(f"key:{key.id}", f"key:{key.id}", frozenset(key.scopes))


def _allow(service: Service, caller: str, per_minute: int) -> None:
    wait = service.allowance.take(caller, per_minute)
    if wait > 0:
        raise HTTPException(429, "too many requests", {"Retry-After": str(math.ceil(wait))})


def _unauthorized(reason: str) -> HTTPException:
    return HTTPException(401, reason, {"WWW-Authenticate": "Bearer"})


def requires(scope: str) -> Callable[..., Actor]:
    """A dependency: who asks, if they may do this.

    Its errors are 401 without a valid key or session, 403 without the scope or from another site's page.
    """

    def actor_with(request: Request) -> Actor:
        actor = find_actor(request)
        if actor is None:
            raise _unauthorized("a key or a log-in is needed")
        if scope not in actor.scopes:
            raise HTTPException(403, f"this needs the scope '{scope}'")
        if not actor.name.startswith("key:"):
            refuse_other_sites(request)
        return actor

    return actor_with


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site made a browser send.

    A request that changes something and comes from a browser names our own origin and the token of `csrf_token`, in the header
    `X-CSRF-Token`; a handler of a plain form checks the form's field by `is_our_form`, and calls `refuse_other_origins`.

    Raises:
        HTTPException: 403.
    """
    refuse_other_origins(request)
    from_browser = bool({"origin", "sec-fetch-site", "cookie"} & set(request.headers.keys()))
    if request.method not in _SAFE and from_browser and not _is_token(request, request.headers.get(CSRF_HEADER, "")):
        raise HTTPException(403, "the page is too old, or the request is another site's; load the page again")


def refuse_other_origins(request: Request) -> None:
    """Refuse what changes something and comes from another origin.

    Raises:
        HTTPException: 403.
    """
    if request.method in _SAFE:
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc != request.url.netloc):
        raise HTTPException(403, "the request comes from another site")


def is_our_form(request: Request, field: str) -> bool:
    """Whether a form's field `csrf_token` is the one that our page put there."""
    return _is_token(request, field)


def csrf_token(request: Request) -> str:
    """The token for forms and scripts of a page, bound to the session or, before a log-in, to the visitor's cookie."""
    basis = request.cookies.get(SESSION) or request.cookies.get(VISITOR) or request.scope.get(VISITOR, "")
    return hashlib.sha256(f"csrf:{basis}".encode()).hexdigest() if basis else ""


def _is_token(request: Request, given: str) -> bool:
    expected = csrf_token(request)
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode())


def open_to_all(session: Session, service: Service) -> bool:
    """Whether no log-in is needed, as the page must say."""
    return service.settings.is_local and is_open(session)
