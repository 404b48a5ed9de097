"""People with a password: readers and admins, their log-in, and its lock after wrong passwords."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from eyeground.errors import UserError, unknown
from eyeground.serving import audit
from eyeground.serving.store.database import Store
from eyeground.serving.store.tables import ApiKey, LoginFailures, LoginSession, Person, now

if TYPE_CHECKING:
    from argon2 import PasswordHasher

ROLES = ("reader", "admin")
_IS_CLOSED = select(select(Person.id).exists() | select(ApiKey.id).exists())
FEWEST_CHARACTERS = 10
MOST_FAILURES = 5
LOCKED = timedelta(minutes=15)
IDLE, LONGEST = timedelta(hours=8), timedelta(hours=24)  # after which a session ends


class LoginLockedError(Exception):
    """Too many wrong passwords for a name; `seconds` until the next may be tried."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong passwords; try again in {max(1, seconds // 60)} minutes")
        self.seconds = seconds


@dataclass(frozen=True)
class PersonView:
    """Someone with an account."""

    name: str
    role: str
    disabled: bool
    created: datetime


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    # RFC 9106's second choice, in 19 MB as OWASP has it: the server stays small when several log in at once.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _nobodys_password() -> str:
    return _hasher().hash(secrets.token_hex())


def add_person(session: Session, name: str, password: str, role: str, actor: str) -> None:
    """Add someone, or give them another password and role.

    Raises:
        UserError: If the role is not known, the name is empty, or the password is short.
    """
    if role not in ROLES:
        raise unknown("role", role, ROLES)
    if not name.strip() or not name.isprintable() or len(name) > 64:
        raise UserError("a name has 1 to 64 printable characters")
    if len(password) < FEWEST_CHARACTERS:
        raise UserError(f"a password has at least {FEWEST_CHARACTERS} characters")
    person = session.scalar(select(Person).where(Person.name == name))
    if person is None:
        session.add(Person(name=name, role=role, password=_hasher().hash(password)))
    else:
        person.role, person.password, person.disabled = role, _hasher().hash(password), False
        session.execute(delete(LoginSession).where(LoginSession.person_id == person.id))
    audit.record(session, actor, "account set", role=role)


def disable_person(session: Session, name: str, actor: str) -> None:
    """Let someone in no more; what they graded stays.

    Raises:
        UserError: If there is nobody of this name.
    """
    person = session.scalar(select(Person).where(Person.name == name))
    if person is None:
        raise UserError(f"there is no account '{name}'")
    person.disabled = True
    session.execute(delete(LoginSession).where(LoginSession.person_id == person.id))
    audit.record(session, actor, "account disabled")


def people(session: Session) -> list[PersonView]:
    """Everybody, by name."""
    return [_view(person) for person in session.scalars(select(Person).order_by(Person.name))]


def is_open(session: Session) -> bool:
    """Whether nobody has an account and no program a key, so that whoever sits at this machine may do all."""
    return not session.scalar(_IS_CLOSED)


def log_in(store: Store, name: str, password: str) -> str | None:
    """The cookie of a new session; None if name or password is wrong, which takes as long.

    Raises:
        LoginLockedError: After too many wrong passwords for this name, whether anybody has it or not.
    """
    from argon2.exceptions import VerificationError

    name_hash = _hash(name)
    with store.read() as session:
        _refuse_locked(session.get(LoginFailures, name_hash))
        person = session.scalar(select(Person).where(Person.name == name, Person.disabled.is_(False)))
    try:
        right = _hasher().verify(person.password if person else _nobodys_password(), password) and person is not None
    except VerificationError:
        right = False
    with store.write() as session:
        failures = session.get(LoginFailures, name_hash)
        _refuse_locked(failures)  # others may have tried while this one was verified
        if not right or person is None:
            _count_failure(session, failures, name_hash)
            return None
        if failures is not None:
            session.delete(failures)
        cookie = secrets.token_urlsafe(32)
        session.add(LoginSession(token_hash=_hash(cookie), person_id=person.id))
        audit.record(session, f"person:{person.name}", "logged in")
        return cookie


def _refuse_locked(failures: LoginFailures | None) -> None:
    if failures is not None and failures.count >= MOST_FAILURES:
        left = failures.last + LOCKED - now()
        if left > timedelta(0):
            raise LoginLockedError(int(left.total_seconds()) + 1)


def _count_failure(session: Session, failures: LoginFailures | None, name_hash: str) -> None:
    if failures is None:
        session.add(LoginFailures(name_hash=name_hash, count=1))
    else:
        is_old = now() - failures.last > LOCKED
        failures.count, failures.last = (1 if is_old else failures.count + 1), now()
    audit.record(session, "nobody", "log-in failed")


def log_out(session: Session, cookie: str) -> None:
    """End a session."""
    session.execute(delete(LoginSession).where(LoginSession.token_hash == _hash(cookie)))


def person_of(session: Session, cookie: str) -> PersonView | None:
    """Who a session's cookie belongs to, while it lasts."""
    asked = select(LoginSession, Person).join(Person).where(LoginSession.token_hash == _hash(cookie))
    found = session.execute(asked).one_or_none()
    if found is None:
        return None
    login, person = found
    if person.disabled or now() - login.last_used > IDLE or now() - login.created > LONGEST:
        return None
    return _view(person)


def renew_session(store: Store, cookie: str) -> None:
    """Note that a session was used; to the minute, so that most requests write nothing."""
    token_hash, minute = _hash(cookie), timedelta(minutes=1)
    with store.read() as session:
        login = session.get(LoginSession, token_hash)
        if login is None or now() - login.last_used < minute:
            return
    with store.write() as session:
        session.execute(update(LoginSession).where(LoginSession.token_hash == token_hash).values(last_used=now()))


def _view(person: Person) -> PersonView:
    return PersonView(person.name, person.role, person.disabled, person.created)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
