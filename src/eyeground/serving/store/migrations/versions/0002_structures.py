"""Which structures were drawn on a photograph; of those that are there already, none are."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("photos", sa.Column("structures", sa.Text(), nullable=True))
    op.execute("UPDATE photos SET structures = ''")
    waiting = sa.text("structures IS NULL")
    op.create_index("photos_to_draw", "photos", ["created"], sqlite_where=waiting, postgresql_where=waiting)
