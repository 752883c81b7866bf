"""The tables that say why: recipes of definitions, reasons of runs, owners that are gone.

They grow with what runs do, not with what is served; `prune` keeps the newest of each owner.
"""

from sqlalchemy import Column, Integer, LargeBinary, SmallInteger, Table, Text

from ragflow.stores.metadata.tables import schema

__all__ = ["departure", "reason", "recipe", "schema"]

#: What a definition of an end is made of; once, however many owners were served by it.
recipe = Table(
    "recipe",
    schema,
    Column("definition", Integer, primary_key=True, autoincrement=False),
    #: The run that wrote it down first.
    Column("run", Integer, nullable=False),
    #: Packed msgpack.
    Column("content", LargeBinary, nullable=False),
)

#: Why a run worked on an owner, and what it did; one row a run and owner, the newest stays.
reason = Table(
    "reason",
    schema,
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("cause", SmallInteger, nullable=False),
    #: Interned.
    Column("because", Integer),
    #: The worst of the states it came to at its ends; NULL where it has none.
    Column("state", SmallInteger),
    #: Calls that were made, and those that memos answered.
    Column("ran", Integer, nullable=False),
    Column("memoized", Integer, nullable=False),
    #: Rows written and deleted, at all ends.
    Column("upserted", Integer, nullable=False),
    Column("deleted", Integer, nullable=False),
    #: The key its content was known under before.
    Column("came_from", Text),
    sqlite_with_rowid=False,
)

#: Owners that are gone, and why: `seen` knows them no more, and their numbers may be others'.
departure = Table(
    "departure",
    schema,
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("cause", SmallInteger, nullable=False),
    #: The key that lists its content now.
    Column("moved_to", Text),
    sqlite_with_rowid=False,
)

#: What a document holds, by the token that it was opened with; the empty key is for how the
#: source was unpacked.
manifest = Table(
    "manifest",
    schema,
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("token", LargeBinary, nullable=False),
    #: msgpack of what it holds.
    Column("held", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
