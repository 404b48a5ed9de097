"""The database behind the store: transactions for reading and for writing, on SQLite (WAL) and PostgreSQL.

A writing transaction of SQLite takes the lock at its start, so that it never fails half-way because another process writes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import Session

from eyeground.errors import UserError

BUSY_SECONDS = 60.0
_WRITES = "eyeground_writes"
# An error's text would quote patients' identifiers.
_SHARED: dict[str, Any] = {"pool_size": 10, "max_overflow": 40, "hide_parameters": True}


@dataclass(frozen=True)
class Store:
    """An open database; any number of threads may use it.

    Attributes:
        engine: SQLAlchemy's.
    """

    engine: Engine

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end, or rolled back on an exception."""
        with self.engine.connect() as connection:
            writing = connection.execution_options(**{_WRITES: True})
            with Session(writing, expire_on_commit=False) as session, session.begin():
                yield session

    def compact(self) -> None:
        """Let what was deleted vanish from the files of the database too.

        SQLite: deleted cells are zeroed when they are deleted (secure_delete); here the write-ahead log, which holds the
        pages as they were, is emptied. PostgreSQL: the tables are vacuumed.
        """
        with self.engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.execute(text("PRAGMA wal_checkpoint(TRUNCATE)" if self.is_sqlite else "VACUUM"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(url: str) -> Store:
    """Open a database, which need not have tables yet.

    Args:
        url: `sqlite:///path`, or `postgresql://user@host/name`.

    Raises:
        UserError: If the URL is none, or of another kind of database.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise UserError(f"--database: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")
        if parsed.get_backend_name() == "sqlite":
            return Store(_sqlite_engine(parsed))
        return Store(create_engine(parsed, pool_pre_ping=True, **_SHARED))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise UserError(f"--database: {type(error).__name__}; expected postgresql://user@host/name") from error


def _sqlite_engine(url: Any) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **_SHARED)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin as we say, below
        for setting in (
            "journal_mode=WAL",
            "synchronous=FULL",  # uploads are removed once their finding is committed
            "foreign_keys=ON",
            "secure_delete=ON",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {setting}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")

    return engine
