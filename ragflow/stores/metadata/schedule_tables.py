"""The tables of schedules and their fires."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from ragflow.stores.metadata.reason_tables import schema

__all__ = ["fire", "schedule", "schema"]

#: Rows stay when a schedule is defined no more, so that a name that comes back is the same one.
schedule = Table(
    "schedule",
    schema,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    #: pipeline, file or api; gone while it is not defined.
    Column("origin", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    #: JSON.
    Column("parameters", Text, nullable=False),
    #: JSON; NULL where it fires by hand alone.
    Column("spec", Text),
    #: The last instant that is accounted for.
    Column("cursor", BigInteger, nullable=False),
    Column("paused_at", BigInteger),
    sqlite_autoincrement=True,
)

#: What became of each fire. Of very many in a row that were missed or left out, one row.
fire = Table(
    "fire",
    schema,
    Column("id", Integer, primary_key=True),
    Column("schedule", Integer, nullable=False),
    Column("instant", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("run", Integer),
    Column("due", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("fire_instant", "schedule", "instant", unique=True, sqlite_where=text('"count" = 1')),
    Index("fire_queued", "due", sqlite_where=text("state = 'queued'")),
    Index("fire_run", "run"),
    sqlite_autoincrement=True,
)
