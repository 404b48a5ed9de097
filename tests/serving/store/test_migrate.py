"""Migrations make the tables that the models declare, on both databases, and refuse what does not belong together."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from eyeground.errors import UserError
from eyeground.serving.store.database import Store, open_database
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.migrate import HEAD, MIGRATIONS, migrate, version_of
from eyeground.serving.store.tables import Note, Table


def test_the_migrations_make_the_declared_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Table.metadata)
    assert found == []
    assert version_of(store) == HEAD
    assert sorted(path.stem[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))[-1] == HEAD


def test_migrating_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    migrate(store, DataFolder(tmp_path / "clinic"))
    with store.read() as session:
        assert session.query(Note).count() == 1


def test_a_database_of_another_folder_is_refused(store: Store, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "other")
    other.path.mkdir()
    (other.path / "store-id").write_text("another\n")
    with pytest.raises(UserError, match="belongs to another data folder"):
        migrate(store, other)


def test_a_store_of_a_later_version_is_refused(store: Store, tmp_path: Path) -> None:
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UserError, match="later version"):
        migrate(store, DataFolder(tmp_path / "clinic"))


@pytest.mark.parametrize("url", ["mysql://a/b", "nonsense", "oracle://x/y"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="--database"):
        open_database(url)


def test_a_database_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    store = open_database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(UserError, match="cannot be used"):
        migrate(store, DataFolder(tmp_path))
