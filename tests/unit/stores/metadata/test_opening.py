"""Opening a home, whatever lies in it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ragflow.errors import HomeError
from ragflow.stores.metadata import migrations
from ragflow.stores.metadata import schema as schema_module
from ragflow.stores.metadata.schema import PAGE_SIZE
from ragflow.stores.metadata.sqlite import open_store
from ragflow.stores.metadata.tables import REVISIONS, schema
from tests.unit.stores.metadata.desk import Desk, fp, listed

ROOT = Path(__file__).parents[4]


def made(make) -> list[tuple[str, str, str]]:
    """Return what a database holds after it was made in this way."""
    with sa.create_engine("sqlite://").connect() as connection:
        make(connection)
        found = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master")
        return sorted(map(tuple, found))


def test_migrations_and_a_fresh_start_give_the_same_schema_to_the_letter():
    assert made(schema_module.create) == made(schema_module.migrate)


def test_migrations_give_what_the_tables_say():
    with sa.create_engine("sqlite://").connect() as connection:
        schema_module.migrate(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema) == []
        assert context.get_current_revision() == REVISIONS[-1]


def test_every_revision_is_named_in_the_order_they_come():
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    found = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_the_tables_are_those_of_the_design():
    design = "instance generation definition seen done held member intent memo assignment run \
task_total attempt dead_letter event source_state lease death control log \
reason recipe departure memo_value reach former wanted guarded manifest schedule fire"
    assert set(schema.tables) == set(design.split())


def test_a_home_is_made_where_there_is_none(tmp_path):
    home = tmp_path / "not" / "there"
    store = open_store(home)
    assert store.instances() == []
    store.close()
    assert (home / "ragflow.db").is_file()
    assert not (home / "ragflow.db-wal").exists()


def test_a_new_home_has_the_settings_it_was_measured_with(store):
    assert store._connections.fetch("PRAGMA page_size") == [(PAGE_SIZE,)]
    assert store._connections.fetch("PRAGMA journal_mode") == [("wal",)]


def test_what_is_remembered_is_there_when_the_home_is_opened_again(store, opened):
    desk = Desk(store)
    desk.serve("a")
    store.close()
    again = opened()
    assert again.instances() == [desk.instance]
    listing = again.ledger.listing(desk.instance, "files", desk.ends())
    listing.add([listed("a")])
    assert listing.counts()["unchanged"] == 1
    listing.close()


def test_opening_imports_no_alembic_when_the_schema_is_current(home):
    text = """
import sys
import tempfile
from pathlib import Path
from ragflow.stores.metadata.schema import PAGE_SIZE
from ragflow.stores.metadata.sqlite import open_store
for _ in range(2):
    open_store(Path(sys.argv[1])).close()
assert "sqlalchemy" in sys.modules
sys.exit("alembic" in sys.modules or "sqlalchemy.orm" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", text, str(home)], cwd=ROOT, check=False)
    assert done.returncode == 0


def change(home: Path, statement: str) -> None:
    connection = sqlite3.connect(home / "ragflow.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_home_of_a_newer_version_is_left_alone(home):
    open_store(home).close()
    change(home, "UPDATE alembic_version SET version_num = '9999'")
    for read_only in (False, True):
        with pytest.raises(HomeError, match="made by a newer version of ragflow") as caught:
            open_store(home, read_only=read_only)
        assert "upgrade ragflow" in caught.value.hint


def test_a_home_of_an_older_version_is_migrated(home, monkeypatch):
    open_store(home).close()
    change(home, "DELETE FROM alembic_version")
    for (name,) in [(name,) for name in schema.tables]:
        change(home, f"DROP TABLE {name}")
    with pytest.raises(HomeError, match="older version"):
        open_store(home, read_only=True)
    store = open_store(home)
    assert store.instances() == []
    store.close()


def test_a_migration_that_fails_leaves_the_home_as_it_was(home, monkeypatch):
    open_store(home).close()
    change(home, "DELETE FROM alembic_version")
    change(home, "DROP TABLE event")
    before = tables(home)
    # Table `instance` is there already, so the first revision cannot be done again.
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        open_store(home)
    assert tables(home) == before


def tables(home: Path) -> list[str]:
    connection = sqlite3.connect(home / "ragflow.db")
    found = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    return found


def test_a_database_of_something_else_is_left_alone(home):
    home.mkdir()
    change(home, "CREATE TABLE contacts (name)")
    with pytest.raises(HomeError, match="database of something else"):
        open_store(home)
    assert tables(home) == ["contacts"]


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("content", [b"no database " * 1000, b"x" * 7])
def test_a_file_that_is_no_database_is_said_to_be_none(home, content, read_only):
    home.mkdir()
    (home / "ragflow.db").write_bytes(content)
    with pytest.raises(HomeError, match="damaged or is no database"):
        open_store(home, read_only=read_only)
    assert (home / "ragflow.db").read_bytes() == content


def test_a_damaged_database_is_said_to_be_damaged(home):
    store = open_store(home)
    Desk(store).serve(*(f"{number:05}" for number in range(3000)))
    store.close()
    database = home / "ragflow.db"
    data = bytearray(database.read_bytes())
    data[PAGE_SIZE * 5 :] = b"\xff" * len(data[PAGE_SIZE * 5 :])
    database.write_bytes(data)
    with pytest.raises(HomeError, match="damaged"):
        use(home)


def use(home: Path) -> None:
    store = open_store(home)
    try:
        desk = Desk(store)
        desk.compare(listed("a"))
        desk.serve("b")
    finally:
        store.close()


def test_a_home_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HomeError, match="cannot be made"):
        open_store(tmp_path / "file" / "home")
    with pytest.raises(HomeError, match="cannot be made"):
        open_store(tmp_path / "file")


@pytest.fixture
def unprivileged_home():
    """A home that is root's alone, and a process that is not root while the test runs."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    home = folder / "home"
    open_store(home).close()
    for path in (folder, home):
        path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield home
    os.seteuid(user)
    for path in (folder, home):
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_a_home_that_cannot_be_written_is_said_so(unprivileged_home):
    with pytest.raises(HomeError, match="cannot be opened") as caught:
        use(unprivileged_home)
    assert "permissions" in caught.value.hint
    with pytest.raises(HomeError, match="cannot be made"):
        open_store(unprivileged_home / "inner")
    store = open_store(unprivileged_home, read_only=True)
    assert store.instances() == []
    store.close()


def test_a_database_that_cannot_be_made_is_said_so(unprivileged_home):
    os.seteuid(os.getuid())
    (unprivileged_home / "ragflow.db").unlink()
    os.seteuid(65534 if os.getuid() == 0 else os.getuid())
    with pytest.raises(HomeError, match="cannot be opened"):
        open_store(unprivileged_home)


def test_a_home_left_by_a_crash_can_be_read(store, tmp_path):
    desk = Desk(store)
    desk.serve("a")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("ragflow.db", "ragflow.db-wal"):
        shutil.copy(tmp_path / "home" / name, copy)
    reader = open_store(copy, read_only=True)
    assert [view.key for view in reader.ledger.owners(desk.generation)] == ["a"]
    reader.close()


def test_reading_only_changes_nothing_and_sees_what_others_write(store, opened):
    desk = Desk(store)
    reader = opened(read_only=True)
    desk.serve("a")
    assert [view.key for view in reader.ledger.owners(desk.generation)] == ["a"]
    listing = reader.ledger.listing(desk.instance, "files", desk.ends())
    listing.add([listed("a")])
    assert listing.counts()["unchanged"] == 1
    listing.close()
    assert reader.instance("handbook", "handbook", {"collection": "handbook"}) == desk.instance
    assert reader.memos.get_many([fp("call")]) == {}
    for write in (
        lambda: reader.memos.put(fp("call"), b"", task="embed"),
        lambda: reader.instance("new", "new", {}),
        lambda: reader.ledger.commit(desk.instance, 1, [desk.served("b")], [], None),
        lambda: reader.hold(desk.instance, owner="me", wait=False),
    ):
        with pytest.raises(HomeError, match="reading"):
            write()


def test_reading_only_needs_a_home(home):
    with pytest.raises(HomeError, match="nothing in home"):
        open_store(home, read_only=True)
    assert not home.exists()


def test_a_copy_of_a_home_at_rest_can_be_read_from_a_folder_that_cannot_be_written(
    store, tmp_path, monkeypatch
):
    desk = Desk(store)
    desk.serve("a")
    store.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "home" / "ragflow.db", copy)
    monkeypatch.setattr("os.access", lambda path, mode, effective_ids: False)
    reader = open_store(copy, read_only=True)
    assert reader.instances() == [desk.instance]
    reader.close()
    assert [path.name for path in copy.iterdir()] == ["ragflow.db"]


def open_and_add(home: Path, number: int) -> int:
    store = open_store(home)
    try:
        desk = Desk(store, name=f"{number}")
        desk.serve("a", "b")
        return desk.instance.id
    finally:
        store.close()


def test_several_processes_may_make_and_use_one_home_at_once(home):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as processes:
        found = list(processes.map(open_and_add, [home] * 8, range(8)))
    assert len(set(found)) == 8
    store = open_store(home)
    assert len(store.instances()) == 8
    store.close()


@pytest.mark.parametrize("name", ["a?b#c%20d", "ü 日本", "with space", "mode=ro&x"])
def test_a_home_may_have_any_name(tmp_path, name):
    open_store(tmp_path / name).close()
    assert (tmp_path / name / "ragflow.db").is_file()
    open_store(tmp_path / name, read_only=True).close()
