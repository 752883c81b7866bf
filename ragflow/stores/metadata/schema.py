"""Is the schema of a home the one this code works with, and if not, how does it become so?"""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table

from ragflow.core.commit_points import reached
from ragflow.errors import HomeError
from ragflow.stores.metadata.connections import fetch, transaction
from ragflow.stores.metadata.schedule_tables import schema
from ragflow.stores.metadata.tables import REVISIONS, TRIGGERS

#: Vectors of 768 and 1,024 halves leave a third or a half of the usual 4 KiB pages empty;
#: of these a twentieth at most.
PAGE_SIZE = 32 * 1024

#: What Alembic keeps, made as Alembic makes it.
_STAMP = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def is_current(connection: Connection, database: Path) -> bool:
    """Return whether the schema is the present one; False for an older one and for none.

    Raises `HomeError` for a database of something else, and for one of a newer ragflow.
    """
    tables = {name for (name,) in fetch(connection, "SELECT name FROM sqlite_master")}
    if not tables:
        return False
    if "alembic_version" not in tables:
        raise HomeError(
            f"{str(database)!r} is a database of something else",
            hint="choose another folder for the home",
        )
    revisions = [found for (found,) in fetch(connection, "SELECT version_num FROM alembic_version")]
    unknown = [found for found in revisions if found not in REVISIONS]
    if unknown:
        raise HomeError(
            f"{str(database)!r} was made by a newer version of ragflow (schema {unknown[0]!r})",
            hint="upgrade ragflow, or choose another home",
        )
    return revisions == [REVISIONS[-1]]


def make_current(connection: Connection, database: Path) -> None:
    """Create the tables or migrate them, in one transaction."""
    is_new = not fetch(connection, "SELECT name FROM sqlite_master LIMIT 1")
    if is_new:
        connection.exec_driver_sql(f"PRAGMA page_size={PAGE_SIZE}")
        # So that pages that are free can be given back a few at a time.
        connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    with transaction(connection, "IMMEDIATE"):
        if is_new:
            create(connection)
        elif not is_current(connection, database):
            migrate(connection)
        reached("make_current: written")
    reached("make_current: committed")


def create(connection: Connection) -> None:
    """Create every table as it is now; gives what all migrations together give, but faster."""
    schema.create_all(connection, checkfirst=False)
    for trigger in TRIGGERS:
        connection.exec_driver_sql(trigger)
    _STAMP.create(connection, checkfirst=False)
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (REVISIONS[-1],))


def migrate(connection: Connection) -> None:
    """Bring older tables up to date inside the transaction that is open."""
    # Alembic takes 0.3 s to import, and a home is migrated once.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "ragflow.stores.metadata:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
