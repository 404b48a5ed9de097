"""Bringing a database's tables up to date, by Alembic; and the mark that says to which data folder it belongs."""

from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from eyeground.errors import UserError
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import Note, new_id

HEAD = "0002"
MIGRATIONS = Path(__file__).parent / "migrations"
_MARK = "store-id"


def migrate(store: Store, folder: DataFolder) -> None:
    """Make or renew the tables.

    Raises:
        UserError: If the database cannot be reached, is of a later version, or belongs to another data folder.
    """
    try:
        found = version_of(store)
        if found != HEAD:
            upgrade(store, found)
        _refuse_other_folder(store, folder)
    except DBAPIError as error:
        raise UserError(f"--database: cannot be used ({type(error.orig).__name__})") from error


def version_of(store: Store) -> str | None:
    """The version of the tables that are there; None where there are none."""
    with store.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(store: Store, found: str | None) -> None:
    """Run the migrations that are missing."""
    from alembic import command
    from alembic.config import Config

    if found is not None and found > HEAD:
        raise UserError("the store was written by a later version of eyeground; install that one")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store.engine.connect().execution_options(eyeground_writes=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _refuse_other_folder(store: Store, folder: DataFolder) -> None:
    """A database and a folder of files belong together."""
    mark = folder.path / _MARK
    with store.write() as session:
        noted = session.get(Note, _MARK)
        own = mark.read_text(encoding="ascii").strip() if mark.is_file() else None
        if noted is None:
            own = own or new_id()
            session.add(Note(name=_MARK, text=own))
        elif own is not None and own != noted.text:
            raise UserError(f"{folder.path}: the database belongs to another data folder; name that one with --data")
        mark.write_text((noted.text if noted else own or "") + "\n", encoding="ascii")
