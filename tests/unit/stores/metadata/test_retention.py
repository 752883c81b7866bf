"""A database that shrinks while it is used, and artifacts nobody refers to."""

import random
from datetime import timedelta

import pytest

from ragflow.core.retained import Amount
from ragflow.stores.metadata import compaction, retention
from tests.unit.stores.metadata.desk import fp

KEEP = timedelta(days=30)


def put(store, count: int, size: int = 3000) -> dict[bytes, bytes]:
    source = random.Random(count)
    values = {fp(str(number)): source.randbytes(size) for number in range(count)}
    for key, value in values.items():
        store.memos.put(key, value, task="embed")
    store.flush()
    return values


def reach(store, keys) -> None:
    calls = b"".join(sorted(key[:5] for key in keys))
    store._writer.run(
        lambda connection: (
            connection.exec_driver_sql("INSERT INTO reach VALUES (1, 1, ?)", (calls,)).rowcount
        )
    )


@pytest.mark.parametrize("small", [True, False])
def test_what_is_scattered_is_moved_together_and_the_file_shrinks(
    store, home, clock, monkeypatch, small
):
    if not small:
        monkeypatch.setattr(compaction, "_SMALL", 0)
    values = put(store, 2000)
    kept = dict(list(values.items())[::10])
    reach(store, kept)
    store.retention.prune(KEEP)
    before = (home / "ragflow.db").stat().st_size
    clock.sleep(31 * 86_400)
    pruned = store.retention.prune(KEEP)
    assert {task: amount.number for task, amount in pruned.memos.items()} == {"embed": 1800}
    after = (home / "ragflow.db").stat().st_size
    assert pruned.shrunk == before - after
    assert after < 0.35 * before
    assert store.memos.get_many(list(values)) == kept


def test_while_another_process_runs_the_database_is_not_written_anew(store, clock, monkeypatch):
    """Who writes would wait for that; memos are moved a few at a time instead."""
    values = put(store, 100)
    reach(store, list(values)[::10])
    clock.sleep(31 * 86_400)
    instance = store.instance("handbook", "handbook", {})
    monkeypatch.setattr(retention, "rewrite", lambda _: pytest.fail("it was written anew"))
    with store.hold(instance, owner="a run", wait=False):
        pid = "UPDATE lease SET pid = 1"
        store._writer.run(lambda connection: connection.exec_driver_sql(pid).rowcount)
        found = store.retention.prune(KEEP)
    assert found.memos["embed"].number == 90
    assert found.shrunk > 0


def test_memos_moved_meanwhile_are_those_that_are_there(store, clock, monkeypatch):
    """One is put again, and one removed, between the look and the move."""
    monkeypatch.setattr(compaction, "_SMALL", 0)
    values = put(store, 100)
    kept = dict(list(values.items())[::10])
    reach(store, kept)
    clock.sleep(31 * 86_400)
    first, second, *_ = kept
    real = compaction._move

    def move(writer, memos):
        store.memos.put(first, b"again", task="embed")
        store.flush()
        writer.run(
            lambda connection: (
                connection.exec_driver_sql("DELETE FROM memo WHERE key = ?", (second,)).rowcount
            )
        )
        real(writer, memos)

    monkeypatch.setattr(compaction, "_move", move)
    store.retention.prune(KEEP)
    del kept[second]
    assert store.memos.get_many(list(values)) == {**kept, first: b"again"}


def test_a_memo_put_again_between_the_look_and_the_removal_stays(store, clock, monkeypatch):
    values = put(store, 3)
    clock.sleep(31 * 86_400)
    key = next(iter(values))
    real = store.retention._drop

    def drop(portion, limit, windows):
        store.memos.put(key, b"again", task="embed")
        store.flush()
        return real(portion, limit, windows)

    monkeypatch.setattr(store.retention, "_drop", drop)
    assert store.retention.prune(KEEP).memos == {"embed": Amount(2, 2 * 3004)}
    assert store.memos.get_many(list(values)) == {key: b"again"}


def test_a_base_stays_as_long_as_what_differs_from_it(store, clock):
    noise = random.Random(9).randbytes(2000).hex().encode()
    store.memos.put(fp("text"), noise, task="extract")
    store.memos.put(fp("cuts"), noise[:3000], task="chunk", base=fp("text"))
    store.flush()
    reach(store, [fp("cuts")])
    clock.sleep(40 * 86_400)
    assert store.retention.prune(KEEP, dry_run=True).memos == {}
    assert store.retention.prune(KEEP).memos == {}
    assert store.memos.get_many([fp("cuts")]) == {fp("cuts"): noise[:3000]}
    store._writer.run(lambda connection: connection.exec_driver_sql("DELETE FROM reach").rowcount)
    clock.sleep(40 * 86_400)
    assert set(store.retention.prune(KEEP).memos) == {"extract", "chunk"}


def test_a_base_goes_where_one_that_stays_has_the_same_value(store, clock):
    noise = random.Random(9).randbytes(2000).hex().encode()
    other = random.Random(8).randbytes(2000).hex().encode()
    store.memos.put(fp("text"), noise, task="extract")
    store.memos.put(fp("cuts"), noise[:3000], task="chunk", base=fp("text"))
    store.memos.put(fp("other"), other, task="extract")
    store.memos.put(fp("same"), noise, task="extract")
    store.flush()
    reach(store, [fp("cuts"), fp("same"), fp("other")])
    clock.sleep(40 * 86_400)
    assert store.retention.prune(KEEP).memos.keys() == {"extract"}
    keys = [fp(name) for name in ("text", "cuts", "same", "other")]
    assert store.memos.get_many(keys) == {
        fp("cuts"): noise[:3000],
        fp("same"): noise,
        fp("other"): other,
    }


def test_the_base_of_a_base_stays_too(store, clock):
    noise = random.Random(9).randbytes(2000).hex().encode()
    store.memos.put(fp("text"), noise, task="extract")
    store.memos.put(fp("clean"), noise[:3500], task="clean", base=fp("text"))
    store.memos.put(fp("cuts"), noise[:3000], task="chunk", base=fp("clean"))
    store.flush()
    reach(store, [fp("cuts")])
    clock.sleep(40 * 86_400)
    assert store.retention.prune(KEEP, dry_run=True).memos == {}
    assert store.retention.prune(KEEP).memos == {}
    assert store.memos.get_many([fp("cuts")]) == {fp("cuts"): noise[:3000]}
    store._writer.run(lambda connection: connection.exec_driver_sql("DELETE FROM reach").rowcount)
    clock.sleep(40 * 86_400)
    assert set(store.retention.prune(KEEP).memos) == {"extract", "clean", "chunk"}


def test_an_artifact_stays_as_long_as_one_memo_refers_to_it(store, home, clock):
    noise = random.Random(9).randbytes(60_000)
    for name in ("one", "other"):
        store.memos.put(fp(name), noise, task="extract")
    store.flush()
    reach(store, [fp("other")])
    clock.sleep(40 * 86_400)
    assert store.retention.prune(KEEP).artifacts == Amount()
    assert store.memos.get_many([fp("other")]) == {fp("other"): noise}
    (home / "artifacts" / "00").mkdir(exist_ok=True)
    (home / "artifacts" / "00" / ("0" * 38)).write_bytes(b"left by somebody")
    assert store.retention.survey(KEEP).artifacts == Amount(2, 60_016)
    assert store.retention.prune(KEEP).artifacts == Amount(1, 16)


def test_the_survey_says_what_is_needed_and_what_may_go_when(store, clock):
    put(store, 4)
    store.memos.put(fp("text"), b"text", task="extract")
    store.flush()
    reach(store, [fp("0"), fp("text")])
    clock.sleep(5 * 86_400)
    store.memos.put(fp("later"), b"x", task="embed")
    store.flush()
    found = {each.task: each for each in store.retention.survey(KEEP).tasks}
    assert found["embed"].all == Amount(5, 4 * 3004 + 5)
    assert found["embed"].unreached.number == 4
    assert str(found["embed"].expires) == "2026-04-01"
    assert (found["extract"].unreached.number, found["extract"].expires) == (0, None)
