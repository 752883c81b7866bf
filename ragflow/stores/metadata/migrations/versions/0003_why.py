"""Recipes of definitions, and one reason for each owner that a run worked on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the new tables; what older runs did and why nobody wrote down."""
    _why()
    _memos()
    _wanted()


def _why() -> None:
    op.create_table(
        "recipe",
        sa.Column("definition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "reason",
        sa.Column("owner", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cause", sa.SmallInteger, nullable=False),
        sa.Column("because", sa.Integer),
        sa.Column("state", sa.SmallInteger),
        sa.Column("ran", sa.Integer, nullable=False),
        sa.Column("memoized", sa.Integer, nullable=False),
        sa.Column("upserted", sa.Integer, nullable=False),
        sa.Column("deleted", sa.Integer, nullable=False),
        sa.Column("came_from", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "departure",
        sa.Column("source", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cause", sa.SmallInteger, nullable=False),
        sa.Column("moved_to", sa.Text),
        sqlite_with_rowid=False,
    )


def _wanted() -> None:
    op.create_table(
        "wanted",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
    )
    op.create_index("wanted_run", "wanted", ["run"])


def _memos() -> None:
    """Part what memos say of themselves from their values, and make room for who needs them."""
    op.execute("CREATE TEMP TABLE old_memo AS SELECT * FROM memo")
    op.drop_table("memo")
    op.create_table(
        "memo",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("encoding", sa.SmallInteger, nullable=False),
        sa.Column("task", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "memo_value",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.execute(
        "INSERT INTO memo SELECT key, id, encoding, task, day, length(value) "
        "FROM old_memo ORDER BY key"
    )
    op.execute("INSERT INTO memo_value SELECT id, value FROM old_memo ORDER BY id")
    op.execute("DROP TABLE old_memo")
    op.create_table(
        "reach",
        sa.Column("owner", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("calls", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "former",
        sa.Column("source", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("calls", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
