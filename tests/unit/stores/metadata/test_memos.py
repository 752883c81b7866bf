"""What is remembered of calls."""

import os
import random
import struct
import threading
from pathlib import Path

import pytest

from ragflow.errors import HomeError
from ragflow.stores.metadata import memos as memos_module
from ragflow.stores.metadata.memos import SqliteMemos
from ragflow.stores.metadata.sqlite import open_store
from tests.unit.stores.metadata.desk import fp

TEXT = b"All work and no play makes Jack a dull boy. " * 40
NOISE = random.Random(1).randbytes(900)
VALUES = {
    "empty": b"",
    "one byte": b"\0",
    "text": TEXT,
    "noise": NOISE,
    "large text": random.Random(3).randbytes(60_000).hex().encode(),
    "large noise": random.Random(2).randbytes(100_000),
    "noisy only at first": NOISE + TEXT,
}


def rows(store) -> dict[bytes, tuple[int, int]]:
    found = store._connections.fetch("SELECT key, encoding, size FROM memo")
    return {key: (encoding, size) for key, encoding, size in found}


def artifacts(home: Path) -> list[Path]:
    return [path for path in (home / "artifacts").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_to_the_byte(store, opened, name):
    store.memos.put(fp("call"), VALUES[name], task="embed")
    assert store.memos.get_many([fp("call")]) == {fp("call"): VALUES[name]}
    store.flush()
    assert store.memos.get_many([fp("call")]) == {fp("call"): VALUES[name]}
    store.close()
    assert opened().memos.get_many([fp("call")]) == {fp("call"): VALUES[name]}


def test_values_are_kept_as_it_pays(store, home):
    for name, value in VALUES.items():
        store.memos.put(fp(name), value, task="extract")
    store.flush()
    kept = rows(store)
    assert kept[fp("text")][1] < 100
    assert kept[fp("noise")] == (0, len(NOISE) + 4)
    assert kept[fp("large text")] == (3, 20)
    assert kept[fp("large noise")] == (2, 20)
    assert len(artifacts(home)) == 2


def test_without_artifacts_large_values_stay_inside(tmp_path):
    store = open_store(tmp_path)
    for name, value in VALUES.items():
        store.memos.put(fp(name), value, task="extract")
    store.flush()
    assert store.memos.get_many([fp(name) for name in VALUES]) == {
        fp(name): value for name, value in VALUES.items()
    }
    store.close()


def test_what_was_never_put_is_missing(store):
    assert store.memos.get_many([]) == {}
    store.memos.put(fp("call"), b"value", task="embed")
    assert store.memos.get_many([fp("other"), fp("call"), fp("call")]) == {fp("call"): b"value"}


def test_what_is_put_last_counts(store):
    for value in (b"first", b"second"):
        store.memos.put(fp("call"), value, task="embed")
    assert store.memos.get_many([fp("call")]) == {fp("call"): b"second"}
    store.flush()
    store.memos.put(fp("call"), b"third", task="chunk")
    assert store.memos.get_many([fp("call")]) == {fp("call"): b"third"}
    store.flush()
    assert store.memos.get_many([fp("call")]) == {fp("call"): b"third"}
    assert len(rows(store)) == 1


def test_many_are_put_and_got_in_portions(store, monkeypatch):
    monkeypatch.setattr(memos_module, "PORTION_MEMOS", 100)
    wanted = {fp(str(number)): str(number).encode() for number in range(1234)}
    for key, value in wanted.items():
        store.memos.put(key, value, task="embed")
    assert store.memos.get_many(list(wanted)) == wanted
    store.flush()
    assert store.memos._portions == []
    assert store.memos.get_many(list(wanted)) == wanted


@pytest.mark.parametrize("name", ["large noise", "large text"])
@pytest.mark.parametrize("harm", ["gone", "cut", "changed"])
def test_an_artifact_that_is_gone_or_damaged_is_a_miss_and_can_be_put_again(
    store, home, name, harm
):
    store.memos.put(fp("call"), VALUES[name], task="extract")
    store.flush()
    (path,) = artifacts(home)
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        os.truncate(path, 100)
    else:
        path.write_bytes(b"x" * path.stat().st_size)
    assert store.memos.get_many([fp("call")]) == {}
    store.memos.put(fp("call"), VALUES[name], task="extract")
    store.flush()
    assert store.memos.get_many([fp("call")]) == {fp("call"): VALUES[name]}


@pytest.mark.parametrize("name", ["text", "noise", "one byte"])
def test_a_value_damaged_in_the_database_is_a_miss(store, name):
    store.memos.put(fp("call"), VALUES[name], task="extract")
    store.memos.put(fp("other"), b"whole", task="extract")
    store.flush()
    harm = "UPDATE memo_value SET value = CAST(x'7f' || substr(value, 2) AS BLOB) \
WHERE id = (SELECT id FROM memo WHERE key = ?)"
    store._writer.run(lambda connection: connection.exec_driver_sql(harm, (fp("call"),)).rowcount)
    assert store.memos.get_many([fp("call"), fp("other")]) == {fp("other"): b"whole"}


def test_values_are_seen_at_every_moment_on_their_way(store):
    """Puts in one thread, looks in another: nothing that was put is ever missed."""
    missed: list[bytes] = []
    latest: list[bytes] = []

    def look() -> None:
        while not latest or latest[-1] != b"end":
            if latest and not store.memos.get_many([latest[-1]]):
                missed.append(latest[-1])

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(2000):
        key = fp(str(number))
        store.memos.put(key, b"value", task="embed")
        latest.append(key)
        if number % 50 == 0:
            store.flush()
    latest.append(b"end")
    store.memos.put(b"end", b"value", task="embed")
    thread.join()
    assert missed == []


def test_artifacts_that_cannot_be_written_fail_the_next_write(store, home):
    (home / "artifacts").write_text("in the way")
    store.memos.put(fp("call"), VALUES["large noise"], task="extract")
    with pytest.raises(HomeError, match="cannot be written"):
        store.flush()
    with pytest.raises(HomeError, match="cannot be written"):
        store.memos.put(fp("other"), b"value", task="extract")


NUMBERS = random.Random(5)
HALVES = struct.pack("<384e", *(NUMBERS.gauss(0, 0.05) for _ in range(384)))


def test_halves_of_a_vector_take_less_than_they_have(store, opened):
    store.memos.put(fp("call"), HALVES, task="embed")
    store.flush()
    assert rows(store)[fp("call")][1] < 0.92 * len(HALVES)
    assert store.memos.get_many([fp("call")]) == {fp("call"): HALVES}


@pytest.mark.parametrize("place", [0, 5, 200, 500, -1])
def test_damaged_halves_are_a_miss(store, place):
    store.memos.put(fp("call"), HALVES, task="embed")
    store.flush()
    ((value,),) = store._connections.fetch("SELECT value FROM memo_value")
    harmed = bytearray(value)
    harmed[place] ^= 0x55
    harm = "UPDATE memo_value SET value = ?"
    store._writer.run(
        lambda connection: connection.exec_driver_sql(harm, (bytes(harmed),)).rowcount
    )
    assert store.memos.get_many([fp("call")]) == {}


@pytest.mark.parametrize("flushed", [False, True])
def test_what_repeats_its_base_is_kept_as_what_differs(store, opened, flushed):
    text = b"".join(f"Line {number}: {fp(str(number)).hex()}\n".encode() for number in range(90))
    cuts = b"|".join(text[at : at + 500] for at in range(0, len(text), 500))
    store.memos.put(fp("text"), text, task="extract")
    if flushed:
        store.flush()
    store.memos.put(fp("cuts"), cuts, task="chunk", base=fp("text"))
    store.flush()
    assert rows(store)[fp("cuts")] == (4, rows(store)[fp("cuts")][1])
    assert rows(store)[fp("cuts")][1] < 120
    assert store.memos.get_many([fp("cuts")]) == {fp("cuts"): cuts}
    store.close()
    assert opened().memos.get_many([fp("cuts"), fp("text")]) == {
        fp("cuts"): cuts,
        fp("text"): text,
    }


def test_what_differs_from_a_base_that_is_gone_is_a_miss(store):
    noise = random.Random(9).randbytes(2000).hex().encode()
    store.memos.put(fp("text"), noise, task="extract")
    store.memos.put(fp("cuts"), noise[:3000], task="chunk", base=fp("text"))
    store.flush()
    assert rows(store)[fp("cuts")][0] == 4
    store._writer.run(
        lambda connection: (
            connection.exec_driver_sql("DELETE FROM memo WHERE key = ?", (fp("text"),)).rowcount
        )
    )
    assert store.memos.get_many([fp("cuts")]) == {}
    store.memos.put(fp("cuts"), noise[:3000], task="chunk", base=fp("text"))
    store.flush()
    assert store.memos.get_many([fp("cuts")]) == {fp("cuts"): noise[:3000]}


def test_a_base_that_became_another_value_is_noticed(store):
    noise = random.Random(9).randbytes(2000).hex().encode()
    store.memos.put(fp("text"), noise, task="extract")
    store.memos.put(fp("cuts"), noise[:3000], task="chunk", base=fp("text"))
    store.flush()
    store.memos.put(fp("text"), noise[::-1], task="extract")
    store.flush()
    assert store.memos.get_many([fp("cuts")]) == {}


def test_no_value_is_left_of_a_memo_that_was_put_again(store):
    for value in (TEXT, NOISE, HALVES):
        store.memos.put(fp("call"), value, task="embed")
        store.flush()
    assert len(store._connections.fetch("SELECT id FROM memo_value")) == 1


def test_a_memo_that_is_used_after_a_week_is_told_so(store, clock):
    def days() -> list[int]:
        return [day for (day,) in store._connections.fetch("SELECT day FROM memo ORDER BY key")]

    store.memos.put(fp("call"), b"value", task="embed")
    store.flush()
    first = days()[0]
    clock.sleep(6 * 86_400)
    store.memos.get_many([fp("call")])
    store.flush()
    assert days() == [first]
    clock.sleep(86_400)
    store.memos.get_many([fp("call")])
    store.flush()
    assert days() == [first + 7]


def test_an_artifact_that_is_swept_on_its_way_is_put_again(store, home, monkeypatch):
    """Looked at before the memo is written, and removed, for nothing referred to it."""
    real = SqliteMemos.write

    def swept(self, connection, rows, values):
        for path in artifacts(home):
            path.unlink()
        real(self, connection, rows, values)

    monkeypatch.setattr(SqliteMemos, "write", swept)
    store.memos.put(fp("call"), VALUES["large noise"], task="extract")
    store.flush()
    assert store.memos.get_many([fp("call")]) == {fp("call"): VALUES["large noise"]}


def test_a_store_open_for_reading_tells_nobody_that_a_memo_was_used(store, clock, opened):
    store.memos.put(fp("call"), b"value", task="embed")
    store.close()
    clock.sleep(30 * 86_400)
    assert opened(read_only=True).memos.get_many([fp("call")]) == {fp("call"): b"value"}
