"""Schedules, and what became of each of their fires."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables; older homes kept no schedules."""
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("spec", sa.Text),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("paused_at", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "fire",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("schedule", sa.Integer, nullable=False),
        sa.Column("instant", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("run", sa.Integer),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "fire_instant",
        "fire",
        ["schedule", "instant"],
        unique=True,
        sqlite_where=sa.text('"count" = 1'),
    )
    op.create_index("fire_queued", "fire", ["due"], sqlite_where=sa.text("state = 'queued'"))
    op.create_index("fire_run", "fire", ["run"])
    is_open = "state IN ('running', 'paused', 'cancelling')"
    op.create_index("run_open", "run", ["instance"], sqlite_where=sa.text(is_open))
