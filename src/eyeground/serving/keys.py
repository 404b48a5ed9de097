"""API keys: for programs, each with what it may do, how often, and until when. Only a hash of the secret is kept.

A secret has 256 random bits, so a fast hash suffices; it is shown once, when it is made.
"""

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.errors import UserError, unknown
from eyeground.serving import audit
from eyeground.serving.store.tables import ApiKey, now

SCOPES = {
    "photos": "send photographs, and cancel and delete its own",
    "findings": "read findings of its own photographs",
    "all": "read and grade everybody's, not its own alone",
    "grades": "store readers' grades",
    "metrics": "read /metrics",
}
PER_MINUTE = 6000
_PREFIX = "eyeground"


@dataclass(frozen=True)
class KeyView:
    """A key as it is listed; its secret cannot be shown again."""

    id: str
    name: str
    scopes: tuple[str, ...]
    per_minute: int
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    @property
    def is_valid(self) -> bool:
        return self.revoked is None and (self.expires is None or self.expires > now())


def create_key(
    session: Session,
    name: str,
    scopes: list[str],
    actor: str,
    days: int | None = 365,
    per_minute: int = PER_MINUTE,
) -> str:
    """Make a key and return it: `eyeground_ID_SECRET`.

    Raises:
        UserError: If a scope is not known.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise unknown("scope", scope, SCOPES)
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    session.add(
        ApiKey(
            id=key_id,
            name=name[:64],
            secret_hash=_hash(secret),
            scopes=" ".join(scopes),
            per_minute=per_minute,
            expires=None if days is None else now() + timedelta(days=days),
        )
    )
    audit.record(session, actor, "key created", key=key_id, scopes=scopes)
    return f"{_PREFIX}_{key_id}_{secret}"


def revoke_key(session: Session, key_id: str, actor: str) -> None:
    """Let a key count no more.

    Raises:
        UserError: If there is none.
    """
    key = session.get(ApiKey, key_id)
    if key is None:
        raise UserError(f"there is no key '{key_id}'")
    key.revoked = key.revoked or now()
    audit.record(session, actor, "key revoked", key=key_id)


def keys(session: Session) -> list[KeyView]:
    """All keys, the latest first."""
    return [_view(key) for key in session.scalars(select(ApiKey).order_by(ApiKey.created.desc()))]


def check_key(session: Session, given: str) -> KeyView | None:
    """The key of this text, if it is one and valid."""
    prefix, _, rest = given.partition("_")
    key_id, _, secret = rest.partition("_")
    key = session.get(ApiKey, key_id[:12]) if prefix == _PREFIX else None
    matches = hmac.compare_digest(_hash(secret), key.secret_hash if key else _hash(""))
    if key is None or not secret or not matches:
        return None
    view = _view(key)
    return view if view.is_valid else None


def _view(key: ApiKey) -> KeyView:
    return KeyView(key.id, key.name, tuple(key.scopes.split()), key.per_minute, key.created, key.expires, key.revoked)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class Allowance:
    """How many requests each caller has left: a bucket that fills by `per_minute`, of at most a sixth of a minute's."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: str, per_minute: int) -> float:
        """Take one request; the seconds to wait where there is none left, else 0."""
        most, rate, at = max(1.0, per_minute / 6), per_minute / 60, time.monotonic()
        with self._lock:
            left, before = self._buckets.get(caller, (most, at))
            left = min(most, left + (at - before) * rate)
            if left < 1:
                return (1 - left) / rate
            if len(self._buckets) > 10_000:  # callers who come no more
                self._buckets.clear()
            self._buckets[caller] = (left - 1, at)
        return 0.0
