"""The tables of a home.

State grows with the number of rows served, so what stands once a row is kept small: sources,
definitions and task names are interned, states are small integers, a served input that equals
the seen one is not written twice, and `held` and `done` are clustered by owner, so that one
owner's rows stand together and new ones are appended.

Instants are integers: microseconds since 1970, but seconds in `done` and days in `memo`.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

#: Revisions of the schema, oldest first; the last is the one this code works with.
REVISIONS = ("0001",)

schema = MetaData()

instance = Table(
    "instance",
    schema,
    Column("id", Integer, primary_key=True),
    Column("identity", LargeBinary, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

#: Numbers are never used twice: rows of `done` and `held` hang on them.
generation = Table(
    "generation",
    schema,
    Column("id", Integer, primary_key=True),
    Column("target", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("space", Text, nullable=False),
    Column("physical", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("published_at", BigInteger),
    UniqueConstraint("target", "place", "number"),
    UniqueConstraint("target", "physical"),
    sqlite_autoincrement=True,
)

#: Interned: the fingerprint of an end's definition (kind 0) or the name of a task (kind 1).
definition = Table(
    "definition",
    schema,
    Column("id", Integer, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("kind", "content"),
)

source_state = Table(
    "source_state",
    schema,
    Column("id", Integer, primary_key=True),
    Column("instance", Integer, nullable=False),
    Column("source", Text, nullable=False),
    #: Where it looked when it was last listed whole.
    Column("locator", Text),
    #: Where a source of changes goes on.
    Column("cursor", LargeBinary),
    Column("listed_at", BigInteger),
    UniqueConstraint("instance", "source"),
)

seen = Table(
    "seen",
    schema,
    Column("owner", Integer, primary_key=True),
    #: The row of `source_state`, which names the instance too.
    Column("source", Integer, nullable=False),
    Column("key", Text, nullable=False),
    #: Empty where the owner has to be read again whatever its token.
    Column("token", LargeBinary, nullable=False),
    #: Unknown until it was read; so is `input`.
    Column("content", LargeBinary),
    Column("input", LargeBinary),
    Column("metadata", LargeBinary),
    UniqueConstraint("source", "key"),
)

done = Table(
    "done",
    schema,
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("state", SmallInteger, nullable=False),
    #: NULL: not served.
    Column("served_definition", Integer),
    #: NULL while it is the input in `seen`; empty where it was served without being read.
    Column("served_input", LargeBinary),
    #: NULL while it is the content in `seen`.
    Column("served_content", LargeBinary),
    #: Both NULL where what was tried last is what is served.
    Column("tried_definition", Integer),
    Column("tried_input", LargeBinary),
    Column("reason", Text),
    Column("message", Text),
    Column("requirement", Text),
    Column("run", Integer, nullable=False),
    Column("tried_at", Integer, nullable=False),
    Index("done_requirement", "requirement", sqlite_where=text("requirement IS NOT NULL")),
    sqlite_with_rowid=False,
)

held = Table(
    "held",
    schema,
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("row", LargeBinary, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

#: The members of a group; a group is an owner.
member = Table(
    "member",
    schema,
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("member", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Index("member_of", "member"),
    sqlite_with_rowid=False,
)

intent = Table(
    "intent",
    schema,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("instance", Integer, nullable=False),
    #: msgpack of rows to upsert, rows to delete, and the owner of each row to upsert.
    Column("rows", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

memo = Table(
    "memo",
    schema,
    Column("id", Integer, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    #: 0 as it is and a checksum, 1 zlib, 2 digest of an artifact, 3 the same of zlib.
    Column("encoding", SmallInteger, nullable=False),
    Column("task", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

#: What workers hold: one hop of one owner, or one batch of parts.
assignment = Table(
    "assignment",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("task", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    #: msgpack of the calls it is made of.
    Column("calls", LargeBinary, nullable=False),
    Column("deaths", SmallInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Index("assignment_run", "run"),
)

run = Table(
    "run",
    schema,
    Column("id", Integer, primary_key=True),
    Column("instance", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("summary", Text),
    Column("error", Text),
    Index("run_instance", "instance"),
    sqlite_autoincrement=True,
)

task_total = Table(
    "task_total",
    schema,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("task", Text, primary_key=True),
    Column("ran", Integer, nullable=False),
    Column("memoized", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    sqlite_with_rowid=False,
)

attempt = Table(
    "attempt",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("task", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("part", Text),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("traceback", Text),
    Column("at", BigInteger, nullable=False),
    Index("attempt_run", "run"),
)

dead_letter = Table(
    "dead_letter",
    schema,
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("run", Integer, nullable=False),
    Column("task", Text),
    Column("part", Text),
    Column("reason", Text),
    Column("message", Text),
    Column("traceback", Text),
    #: What lets it be tried again: content, code, requirement or time.
    Column("release", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

#: What happened in the home, for people.
event = Table(
    "event",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer),
    Column("kind", Text, nullable=False),
    Column("detail", Text),
    Column("at", BigInteger, nullable=False),
    Index("event_run", "run"),
)
