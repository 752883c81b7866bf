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
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")

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

#: Interned: the fingerprint of an end's definition (kind 0), the name of a task (kind 1), or
#: msgpack of what a reason says beside its cause (kind 2).
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

guarded = Table(
    "guarded",
    schema,
    Column("source", Integer, primary_key=True, autoincrement=False),
    #: How many of its documents had been read before deletions that are still to come.
    Column("number", Integer, nullable=False),
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
    #: Both NULL where what was tried last is what is served. A definition of 0 is any: what was
    #: discarded is not tried by another either.
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

#: What is remembered of calls, apart from the values: small, so that it is looked through often.
memo = Table(
    "memo",
    schema,
    Column("key", LargeBinary, primary_key=True),
    Column("id", Integer, nullable=False),
    #: As which bytes the value is kept; see `memo_values`.
    Column("encoding", SmallInteger, nullable=False),
    Column("task", Integer, nullable=False),
    #: When it was put, last of use, or let go by the last owner that was known to need it.
    Column("day", Integer, nullable=False),
    #: Bytes of what is kept.
    Column("size", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: By the number of their memo; appended, so that pages are full whatever the keys.
memo_value = Table(
    "memo_value",
    schema,
    Column("id", Integer, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

#: The calls that lead to what an owner has at a generation: their keys' first bytes, one after
#: the other, in order. Generation 0 is where they lead to a group.
reach = Table(
    "reach",
    schema,
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("calls", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

#: Calls that an owner of this key was made of before, while they are remembered.
former = Table(
    "former",
    schema,
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("calls", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

#: What workers hold: one hop of one owner, or one batch of parts.
assignment = Table(
    "assignment",
    schema,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("task", Text, nullable=False),
    #: msgpack of the calls it is made of: owner key and call of each.
    Column("calls", LargeBinary, nullable=False),
    #: Whether nothing else is open meanwhile.
    Column("alone", SmallInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: Calls that were open when something died, and have not succeeded since.
death = Table(
    "death",
    schema,
    Column("instance", Integer, primary_key=True, autoincrement=False),
    Column("call", LargeBinary, primary_key=True),
    #: The key of the owner it was for.
    Column("owner", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("alone", Integer, nullable=False),
    Column("company", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: Who may write for an instance; its row stays, so that epochs only grow.
lease = Table(
    "lease",
    schema,
    Column("instance", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    #: Whether the holder has the file lock too.
    Column("is_locked", SmallInteger, nullable=False),
    Column("taken_at", BigInteger, nullable=False),
    #: NULL once it was let go.
    Column("renewed_at", BigInteger),
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
    Index(
        "run_open", "instance", sqlite_where=text("state IN ('running', 'paused', 'cancelling')")
    ),
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

#: What other processes ask of a run.
control = Table(
    "control",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("control_run", "run"),
)

#: Keys that other processes ask a run to serve before all others, and what became of each.
wanted = Table(
    "wanted",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("answer", Text),
    Index("wanted_run", "run"),
)

attempt = Table(
    "attempt",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("task", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("part", Text),
    Column("number", Integer, nullable=False),
    #: error, timeout, died, limit or cancelled.
    Column("outcome", Text, nullable=False),
    Column("seconds", Float),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("traceback", Text),
    Column("at", BigInteger, nullable=False),
    Index("attempt_run", "run"),
)

#: What tasks logged and printed.
log = Table(
    "log",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("task", Text),
    Column("key", Text),
    Column("at", BigInteger, nullable=False),
    #: log, out or err.
    Column("stream", Text, nullable=False),
    Column("level", Text),
    Column("text", Text, nullable=False),
    Index("log_run", "run"),
)

#: What of `done` failed. Its facts are few and large, so they stand apart.
dead_letter = Table(
    "dead_letter",
    schema,
    Column("id", Integer, primary_key=True),
    Column("owner", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("run", Integer, nullable=False),
    #: The version token it was tried with; NULL where a home of the first version did not say.
    Column("token", LargeBinary),
    Column("task", Text),
    Column("part", Text),
    Column("call", LargeBinary),
    Column("reason", Text),
    Column("message", Text),
    Column("traceback", Text),
    #: What lets it be tried again: content, code, requirement:NAME or time.
    Column("release", Text, nullable=False),
    #: Runs that tried it, and those that failed by an error that may pass.
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("not_before", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Column("discarded_at", BigInteger),
    UniqueConstraint("owner", "generation"),
    sqlite_autoincrement=True,
)

#: What people, schedules and runs did. Rows are added; triggers refuse all else.
event = Table(
    "event",
    schema,
    Column("id", Integer, primary_key=True),
    Column("run", Integer),
    Column("actor", Text, nullable=False),
    #: What kind of thing and what was done: run.began.
    Column("action", Text, nullable=False),
    Column("object", Text),
    #: JSON.
    Column("detail", Text),
    Column("at", BigInteger, nullable=False),
    Index("event_run", "run"),
)

#: Make "never changed" true of whoever opens the database with other tools, too.
TRIGGERS = tuple(
    f"CREATE TRIGGER event_{verb} BEFORE {verb.upper()} ON event "
    "BEGIN SELECT RAISE(ABORT, 'events are never changed or deleted'); END"
    for verb in ("update", "delete")
)
