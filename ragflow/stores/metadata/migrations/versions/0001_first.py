"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    _names()
    _ledgers()
    _work()
    _history()


def _names() -> None:
    op.create_table(
        "instance",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("identity", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "generation",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("physical", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("published_at", sa.BigInteger),
        sa.UniqueConstraint("target", "place", "number"),
        sa.UniqueConstraint("target", "physical"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "definition",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("kind", "content"),
    )
    op.create_table(
        "source_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("instance", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("locator", sa.Text),
        sa.Column("cursor", sa.LargeBinary),
        sa.Column("listed_at", sa.BigInteger),
        sa.UniqueConstraint("instance", "source"),
    )


def _ledgers() -> None:
    op.create_table(
        "seen",
        sa.Column("owner", sa.Integer, primary_key=True),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("input", sa.LargeBinary),
        sa.Column("metadata", sa.LargeBinary),
        sa.UniqueConstraint("source", "key"),
    )
    op.create_table(
        "done",
        sa.Column("owner", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("served_definition", sa.Integer),
        sa.Column("served_input", sa.LargeBinary),
        sa.Column("served_content", sa.LargeBinary),
        sa.Column("tried_definition", sa.Integer),
        sa.Column("tried_input", sa.LargeBinary),
        sa.Column("reason", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("requirement", sa.Text),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("tried_at", sa.Integer, nullable=False),
        sa.Index(
            "done_requirement", "requirement", sqlite_where=sa.text("requirement IS NOT NULL")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "held",
        sa.Column("owner", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("row", sa.LargeBinary, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member",
        sa.Column("owner", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("member", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Index("member_of", "member"),
        sqlite_with_rowid=False,
    )


def _work() -> None:
    op.create_table(
        "intent",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("instance", sa.Integer, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "memo",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("encoding", sa.SmallInteger, nullable=False),
        sa.Column("task", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("task", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("calls", sa.LargeBinary, nullable=False),
        sa.Column("deaths", sa.SmallInteger, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Index("assignment_run", "run"),
    )


def _history() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("instance", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("summary", sa.Text),
        sa.Column("error", sa.Text),
        sa.Index("run_instance", "instance"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "task_total",
        sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("ran", sa.Integer, nullable=False),
        sa.Column("memoized", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("part", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("traceback", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Index("attempt_run", "run"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("owner", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("task", sa.Text),
        sa.Column("part", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("traceback", sa.Text),
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Index("event_run", "run"),
    )
