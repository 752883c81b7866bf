"""Leases, open assignments, deaths, controls, logs; dead letters and events that say more."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the new tables, and carry over what is in those that change."""
    _assignments()
    _leases()
    _history()
    _dead_letters()
    _events()


def _assignments() -> None:
    # Nothing was ever written to it.
    op.drop_index("assignment_run", "assignment")
    op.drop_table("assignment")
    op.create_table(
        "assignment",
        sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("calls", sa.LargeBinary, nullable=False),
        sa.Column("alone", sa.SmallInteger, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "death",
        sa.Column("instance", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("call", sa.LargeBinary, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("alone", sa.Integer, nullable=False),
        sa.Column("company", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _leases() -> None:
    op.create_table(
        "lease",
        sa.Column("instance", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("is_locked", sa.SmallInteger, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("renewed_at", sa.BigInteger),
    )
    op.create_table(
        "control",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Index("control_run", "run"),
    )


def _history() -> None:
    _put_aside("attempt", "attempt_run")
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("part", sa.Text),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("traceback", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Index("attempt_run", "run"),
    )
    op.execute(
        "INSERT INTO attempt SELECT id, run, task, key, part, 1, 'error', NULL, reason, message, "
        "traceback, at FROM attempt_before"
    )
    op.drop_table("attempt_before")
    op.create_table(
        "log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("task", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("level", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Index("log_run", "run"),
    )


def _dead_letters() -> None:
    _put_aside("dead_letter")
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("token", sa.LargeBinary),
        sa.Column("task", sa.Text),
        sa.Column("part", sa.Text),
        sa.Column("call", sa.LargeBinary),
        sa.Column("reason", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("traceback", sa.Text),
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("failed_at", sa.BigInteger, nullable=False),
        sa.Column("discarded_at", sa.BigInteger),
        sa.UniqueConstraint("owner", "generation"),
        sqlite_autoincrement=True,
    )
    # What was tried before may be tried once more: nobody counted by which errors it failed.
    op.execute(
        "INSERT INTO dead_letter (owner, generation, run, task, part, reason, message, "
        "traceback, release, attempts, tries, created_at, failed_at) "
        "SELECT b.owner, b.generation, b.run, b.task, b.part, b.reason, b.message, b.traceback, "
        "CASE b.release WHEN 'requirement' THEN 'requirement:' || coalesce(d.requirement, '') "
        "ELSE b.release END, b.attempts, 0, b.created_at, "
        "coalesce(d.tried_at * 1000000, b.created_at) "
        "FROM dead_letter_before AS b LEFT JOIN done AS d "
        "ON d.owner = b.owner AND d.generation = b.generation ORDER BY b.created_at, b.rowid"
    )
    op.drop_table("dead_letter_before")


def _events() -> None:
    _put_aside("event", "event_run")
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Index("event_run", "run"),
    )
    op.execute(
        "INSERT INTO event SELECT e.id, e.run, "
        "CASE e.kind WHEN 'run_began' THEN coalesce(e.detail, '') "
        "ELSE coalesce('run ' || e.run, '') END, "
        "replace(e.kind, 'run_', 'run.'), i.name, "
        "CASE e.kind WHEN 'run_ended' THEN json_object('state', e.detail) END, e.at "
        "FROM event_before AS e LEFT JOIN run AS r ON r.id = e.run "
        "LEFT JOIN instance AS i ON i.id = r.instance"
    )
    op.drop_table("event_before")
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER event_{verb} BEFORE {verb.upper()} ON event "
            "BEGIN SELECT RAISE(ABORT, 'events are never changed or deleted'); END"
        )


def _put_aside(table: str, *indexes: str) -> None:
    # An index keeps its name when its table gets another.
    for index in indexes:
        op.drop_index(index, table)
    op.rename_table(table, f"{table}_before")
