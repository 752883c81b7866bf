"""A home of an older version keeps what it remembers when it is opened."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from ragflow.core.records import EndNow, FailedAttempt, HeldRow, Listed
from ragflow.core.states import Change, OwnerState, RunState
from ragflow.stores.metadata.encoding import pack
from ragflow.stores.metadata.sqlite import open_store

T0 = 1_767_225_600_000_000  # 2026-01-01

#: What a home of the first version remembers: four owners of one source at one generation,
#: served, failed for a time, held back, and waiting for a program; one run that ended and one
#: that was cut off while it wrote.
ROWS = {
    "instance": [(1, b"i" * 20, "handbook", "handbook", "{}", T0)],
    "generation": [(1, "chroma", "handbook", 1, "{}", "handbook-1-x", "published", T0, T0)],
    "definition": [(1, 0, b"d" * 20), (2, 1, b"embed")],
    "source_state": [(1, 1, "files", '{"folder":"docs"}', None, T0)],
    "seen": [
        (number, 1, key, b"t1", key.encode() * 20, key.encode() * 20, None)
        for number, key in enumerate("abcd", 1)
    ],
    "done": [
        (1, 1, 0, 1, None, None, None, None, None, None, None, 1, 1_767_225_600),
        (2, 1, 2, None, None, None, 1, b"b" * 20, "timeout", "slow", None, 1, 1_767_225_601),
        (3, 1, 3, None, None, None, 1, b"c" * 20, "broken", "no PDF", None, 1, 1_767_225_602),
        (4, 1, 3, None, None, None, 1, b"d" * 20, "x", "y", "program:p", 1, 1_767_225_603),
    ],
    "held": [(1, 1, b"r" * 16, b"v" * 20, b"p" * 20)],
    "memo": [(1, b"m" * 20, 0, 2, 20_000, b"value" + crc32(b"value").to_bytes(4, "big"))],
    "intent": [(1, 1, 1, pack(([b"s" * 16], [], [("files", "a")], [0])), T0)],
    "run": [
        (1, 1, "succeeded_with_failures", "command", "{}", T0, T0 + 9, '{"n":1}', None),
        (2, 1, "running", "schedule", "{}", T0 + 10, None, None, None),
    ],
    "task_total": [(1, "embed", 4, 0, 3, 1.5)],
    "attempt": [(5, 1, "extract", "b", "page 3", "timeout", "slow", "Traceback …", T0 + 5)],
    "dead_letter": [
        (2, 1, 1, "extract", "page 3", "timeout", "slow", "Traceback …", "time", 2, T0 - 7),
        (3, 1, 1, "extract", None, "broken", "no PDF", None, "content", 1, T0),
        (4, 1, 1, "extract", None, "x", "y", None, "requirement", 1, T0),
    ],
    "event": [
        (1, 1, "run_began", "command", T0),
        (2, 1, "run_ended", "succeeded_with_failures", T0 + 9),
        (3, 2, "run_began", "schedule", T0 + 10),
    ],
}


@pytest.fixture
def old_home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    with sa.create_engine(f"sqlite:///{home / 'ragflow.db'}").begin() as connection:
        config = Config()
        config.set_main_option("script_location", "ragflow.stores.metadata:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    database = sqlite3.connect(home / "ragflow.db")
    for table, rows in ROWS.items():
        for row in rows:
            database.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
    database.commit()
    database.close()
    return home


def test_a_home_of_the_first_version_keeps_all_it_remembers(old_home):
    store = open_store(old_home)
    (instance,) = store.instances()
    ends = [EndNow("chroma:handbook", 1, b"d" * 20)]

    def compare() -> tuple[dict[str, int], dict[str, Change]]:
        listing = store.ledger.listing(instance, "files", ends)
        listing.add([Listed(key, b"t1") for key in "abcd"])
        found = (dict(listing.counts()), {one.key: one.change for one in listing.changes()})
        listing.close()
        return found

    counts, changes = compare()
    assert (counts["unchanged"], counts["held_back"], changes) == (3, 2, {"b": Change.STALE})
    assert store.ledger.held(1, [1]) == {
        1: {(b"r" * 16).hex(): HeldRow("72" * 16, *[letter * 20 for letter in (b"v", b"p")])}
    }
    assert store.ledger.locator(instance, "files") == {"folder": "docs"}
    assert store.memos.get_many([b"m" * 20]) == {b"m" * 20: b"value"}
    assert store.ledger.requirements(instance) == ["program:p"]
    assert store.ledger.recover(instance) == 1
    assert compare()[1] == {"a": Change.STALE, "b": Change.STALE}
    store.close()


def test_dead_letters_of_the_first_version_can_be_listed_replayed_and_discarded(old_home):
    store = open_store(old_home)
    found = [
        (one.key, one.release, one.attempts, one.tries, one.not_before, one.message)
        for one in store.dead_letters.list()
    ]
    assert found == [
        ("b", "time", 2, 0, None, "slow"),
        ("c", "content", 1, 0, None, "no PDF"),
        ("d", "requirement:program:p", 1, 0, None, "y"),
    ]
    first = store.dead_letters.list()[0]
    assert first.failed_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert first.created_at < datetime(2026, 1, 1, tzinfo=UTC)
    assert first.traceback == "Traceback …"
    store.dead_letters.discard([first.id], actor="mika")
    store.dead_letters.replay(actor="mika")
    states = {one.key: one.state for one in store.ledger.owners(1)}
    assert states == {
        "a": OwnerState.SUCCEEDED,
        "b": OwnerState.HELD_BACK,
        "c": OwnerState.FAILED,
        "d": OwnerState.FAILED,
    }
    store.close()


def test_what_the_first_version_could_not_read_is_discarded(old_home):
    database = sqlite3.connect(old_home / "ragflow.db")
    # Never read, and read before it changed.
    database.execute("UPDATE seen SET token = x'', content = NULL, input = NULL WHERE key = 'b'")
    database.execute("UPDATE done SET tried_input = NULL WHERE owner IN (2, 3)")
    database.commit()
    database.close()
    store = open_store(old_home)
    (instance,) = store.instances()

    def changes(tokens: dict[str, bytes]) -> dict[str, Change]:
        listing = store.ledger.listing(instance, "files", [EndNow("chroma:handbook", 1, b"d" * 20)])
        listing.add([Listed(key, token) for key, token in tokens.items()])
        found = {one.key: one.change for one in listing.changes()}
        listing.close()
        return found

    tokens = {"b": b"t2", "c": b"t2", "d": b"t1"}
    assert changes(tokens) == {"b": Change.MODIFIED, "c": Change.MODIFIED}
    numbers = [one.id for one in store.dead_letters.list() if one.key in "bcd"]
    store.dead_letters.discard(numbers, actor="mika")
    assert changes(tokens) == {}
    # What it was served from is back; and what was read knows what it was tried with.
    assert changes({"c": b"t1", "d": b"t2"}) == {"c": Change.STALE, "d": Change.MODIFIED}
    store.close()


def test_runs_attempts_and_events_of_the_first_version_are_history(old_home):
    store = open_store(old_home)
    assert [(run.id, run.state) for run in store.runs.recent()] == [
        (2, RunState.RUNNING),
        (1, RunState.SUCCEEDED_WITH_FAILURES),
    ]
    assert store.runs.attempts(1) == [
        FailedAttempt(
            run=1,
            task="extract",
            key="b",
            part="page 3",
            reason="timeout",
            message="slow",
            traceback="Traceback …",
            at=datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC),
        )
    ]
    assert [
        (one.id, one.actor, one.action, one.object, one.run, one.detail)
        for one in reversed(store.audit.list())
    ] == [
        (1, "command", "run.began", "handbook", 1, {}),
        (2, "run 1", "run.ended", "handbook", 1, {"state": "succeeded_with_failures"}),
        (3, "schedule", "run.began", "handbook", 2, {}),
    ]
    (instance,) = store.instances()
    with store.hold(instance, owner="me", wait=False) as lease:
        assert lease.epoch == 1
        run = store.leased(lease).runs.begin(instance, {}, trigger="command")
        assert (run, store.runs.get(2).state) == (3, RunState.FAILED)
    store.close()


def test_an_upgrade_is_done_once(old_home):
    for _ in range(2):
        store = open_store(old_home)
        assert len(store.dead_letters.list()) == 3
        store.close()
    reader = open_store(old_home, read_only=True)
    assert len(reader.audit.list()) == 3
    reader.close()
