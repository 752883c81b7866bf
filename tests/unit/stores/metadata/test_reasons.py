"""Why runs worked on owners is kept in few bytes, found again, and forgotten in time."""

from datetime import timedelta

import msgspec
import pytest

from ragflow.core.reasons import Because, Cause, Reason
from ragflow.core.recipes import Recipe, TaskRecipe
from ragflow.core.records import HeldRow, OwnerRemoval
from ragflow.core.states import OwnerState
from ragflow.stores.metadata.reasons import CAUSES
from tests.unit.stores.metadata.desk import SOURCE, Desk, fp, row

BECAUSE = Because(definitions=[(fp("old"), fp("code"))], requirement="program:x", is_asked=True)


def explained(desk, key, cause=Cause.ADDED, **words):
    facts = {name: words.pop(name) for name in ("because", "came_from") if name in words}
    reason = Reason(cause=cause, ran=3, memoized=200, **facts)
    return msgspec.structs.replace(desk.served(key, **words), reason=reason)


def owner_of(desk, key):
    [found] = desk.store.reasons.find(key)
    return found.owner


def causes(desk, key):
    return [(each.run, each.cause) for each in desk.store.reasons.of(owner_of(desk, key))]


def next_run(desk):
    desk.run = desk.store.runs.begin(desk.instance, {}, trigger="command")
    return desk.run


def test_the_order_of_causes_is_part_of_the_schema():
    assert [cause.value for cause in CAUSES] == [
        "added", "modified", "metadata", "touched", "moved", "stale", "new_end", "rebuilt",
        "released", "replayed", "retried", "recovered", "forced", "deleted", "source_gone",
        "unchanged",
    ]  # fmt: skip


def test_a_reason_is_kept_with_its_commit(desk):
    rows = [row("a"), row("b")]
    desk.commit(explained(desk, "a.md", Cause.MOVED, came_from="old.md", upserted=rows))
    [kept] = desk.store.reasons.of(owner_of(desk, "a.md"))
    assert (kept.run, kept.cause, kept.came_from) == (desk.run, Cause.MOVED, "old.md")
    assert (kept.state, kept.ran, kept.memoized) == (OwnerState.SUCCEEDED, 3, 200)
    assert (kept.upserted, kept.deleted, kept.because) == (2, 0, Because())


def test_the_worst_state_of_all_ends_is_kept(two_ends):
    desk = two_ends
    good, bad = (one.id for one in desk.generations)
    commit = explained(desk, "a", generations=[good])
    failed = desk.served("a", generations=[bad], state=OwnerState.HELD_BACK, reason="broken")
    desk.commit(msgspec.structs.replace(commit, ends=[*commit.ends, *failed.ends]))
    assert desk.store.reasons.of(owner_of(desk, "a"))[0].state is OwnerState.HELD_BACK


def test_what_many_owners_share_is_written_once(desk):
    desk.commit(*(explained(desk, f"{n}", Cause.STALE, because=BECAUSE) for n in range(50)))
    [kept] = desk.store.reasons.of(owner_of(desk, "7"))
    [(old, new)] = kept.because.definitions
    assert (old, new, kept.because.requirement) == (fp("old"), fp("code"), "program:x")
    assert kept.because.is_asked
    rows = desk.store._connections.fetch("SELECT count(*) FROM definition WHERE kind = 2")
    assert rows == [(1,)]


def test_a_run_that_comes_twice_to_an_owner_keeps_the_last_reason(desk):
    desk.commit(explained(desk, "a"))
    desk.commit(explained(desk, "a", Cause.FORCED))
    assert causes(desk, "a") == [(desk.run, Cause.FORCED)]


def test_runs_are_told_newest_first(desk):
    first = desk.run
    desk.commit(explained(desk, "a"))
    second = next_run(desk)
    desk.commit(explained(desk, "a", Cause.MODIFIED, text="new"))
    assert causes(desk, "a") == [(second, Cause.MODIFIED), (first, Cause.ADDED)]


def test_an_owner_that_went_leaves_why_and_nothing_else(desk):
    desk.commit(explained(desk, "a"), explained(desk, "b"))
    number, run = owner_of(desk, "b"), next_run(desk)
    desk.remove(OwnerRemoval(owner=number, source=SOURCE, key="b", moved_to="c"))
    assert desk.store.reasons.of(number) == []
    [gone] = desk.store.reasons.departures("b")
    assert (gone.run, gone.cause, gone.moved_to) == (run, Cause.DELETED, "c")
    assert (gone.instance, gone.source) == ("handbook", SOURCE)
    # The number is given again: what the one before did is not told of the next.
    desk.commit(explained(desk, "d"))
    assert owner_of(desk, "d") == number
    assert causes(desk, "d") == [(run, Cause.ADDED)]


def test_a_removal_of_another_owner_by_now_is_no_departure(desk):
    desk.commit(explained(desk, "a"))
    desk.remove(OwnerRemoval(owner=owner_of(desk, "a"), source=SOURCE, key="other"))
    assert desk.store.reasons.departures("other") == []


def test_prune_keeps_the_newest_of_each_owner(desk, clock):
    desk.commit(explained(desk, "a"), explained(desk, "b"), explained(desk, "gone"))
    number = owner_of(desk, "gone")
    desk.remove(OwnerRemoval(owner=number, source=SOURCE, key="gone"))
    clock.sleep(3600)
    second = next_run(desk)
    desk.commit(explained(desk, "a", Cause.MODIFIED))
    clock.sleep(3600)
    third = next_run(desk)
    desk.commit(explained(desk, "a", Cause.FORCED))
    assert desk.store.reasons.prune(clock.now() - timedelta(minutes=90)) == 2
    assert [run for run, _ in causes(desk, "a")] == [third, second]
    assert causes(desk, "b") == [(third - 2, Cause.ADDED)]
    assert desk.store.reasons.departures("gone") == []
    assert desk.store.reasons.prune(clock.now() + timedelta(hours=1)) == 1
    assert [run for run, _ in causes(desk, "a")] == [third]


# --- Finding ----------------------------------------------------------------------------------


def test_owners_are_found_in_every_instance(desk):
    desk.commit(explained(desk, "a"))
    other = Desk(desk.store, name="other")
    other.commit(explained(other, "a"))
    assert [each.instance for each in desk.store.reasons.find("a")] == ["handbook", "other"]
    assert desk.store.reasons.find("b") == []


@pytest.mark.parametrize(
    ("asked", "first"),
    [("a.md", "docs/a.md"), ("docs/A.md", "docs/a.md"), ("doc/a.md", "docs/a.md"), ("x%", None)],
)
def test_keys_that_may_have_been_meant(desk, asked, first):
    desk.commit(*(explained(desk, key) for key in ("docs/a.md", "docs/b.txt", "100%")))
    near = desk.store.reasons.near(asked, limit=3)
    assert near[:1] == ([] if first is None else [first])


def test_owners_of_the_same_content_are_twins(desk):
    first, same, other, unread = (explained(desk, key) for key in ("a", "b", "c", "d"))
    same = msgspec.structs.replace(same, content=first.content)
    other = msgspec.structs.replace(other, content=fp("something else"))
    unread = msgspec.structs.replace(unread, content=None)
    desk.commit(first, same, other, unread)
    reasons = desk.store.reasons
    [owner] = reasons.find("a")
    assert [each.key for each in reasons.twins(owner.owner, limit=9)] == ["b"]
    [owner] = reasons.find("c")
    assert reasons.twins(owner.owner, limit=9) == []
    [owner] = reasons.find("d")
    assert reasons.twins(owner.owner, limit=9) == []


def test_rows_are_found_by_the_first_digits_of_their_id(desk):
    rows = [HeldRow("ab" * 16, fp("v"), fp("p")), HeldRow("ac" * 16, fp("v"), fp("p"))]
    desk.commit(explained(desk, "a", upserted=rows))
    holders = desk.store.reasons.holders
    assert [each.row for each in holders("a")] == ["ab" * 16, "ac" * 16]
    assert [each.row for each in holders("abab")] == ["ab" * 16]
    [found] = holders("ac" * 16)
    assert (found.owner, found.generation) == (owner_of(desk, "a"), desk.generation)
    assert holders("ad") == []


def test_ends_tell_what_is_served_and_what_was_tried(desk):
    desk.commit(explained(desk, "a", upserted=[row("a")]))
    desk.commit(
        explained(desk, "a", text="bad", definition="new", state=OwnerState.HELD_BACK, message="no")
    )
    [end] = desk.store.reasons.ends(owner_of(desk, "a"))
    assert (end.served_definition, end.served_content) == (fp("code"), fp("content", "text"))
    assert (end.tried_definition, end.state, end.rows) == (fp("new"), OwnerState.HELD_BACK, 1)
    assert (end.dead_letter, end.release, end.message) == (1, "content", "no")


def test_members_of_a_group_are_known_both_ways_until_they_go(desk):
    desk.commit(explained(desk, "a"), explained(desk, "b"), explained(desk, "c"))
    group = msgspec.structs.replace(
        explained(desk, "all", source="group:by"),
        members=[(SOURCE, "a", fp("1")), (SOURCE, "b", fp("2")), (SOURCE, "unknown", b"")],
    )
    desk.commit(group)
    reasons, number = desk.store.reasons, owner_of(desk, "all")
    assert [each.key for each in reasons.members(number)] == ["a", "b"]
    assert [each.key for each in reasons.groups(owner_of(desk, "a"))] == ["all"]
    desk.commit(msgspec.structs.replace(group, members=None))
    assert [each.key for each in reasons.members(number)] == ["a", "b"]
    desk.commit(msgspec.structs.replace(group, members=[(SOURCE, "c", fp("3"))]))
    assert [each.key for each in reasons.members(number)] == ["c"]
    desk.remove(OwnerRemoval(owner=owner_of(desk, "c"), source=SOURCE, key="c"))
    assert reasons.members(number) == []


# --- Recipes ----------------------------------------------------------------------------------


def recipe(definition="code", **task):
    facts = {"name": "chunk", "shape": "item", "fingerprint": fp("task"), **task}
    return Recipe(end="t:a", definition=fp(definition), tasks=[TaskRecipe(**facts)])


def test_a_recipe_is_kept_once_and_read_as_it_was(desk):
    made = recipe(parameters={"size": 200, "tags": ["a"]}, resources={"m": {"name": "x"}})
    recipes = desk.store.recipes
    assert recipes.missing([fp("code"), fp("code")]) == [fp("code")]
    recipes.keep(4, [made])
    recipes.keep(5, [recipe(parameters={})])
    assert recipes.missing([fp("code")]) == []
    assert recipes.get(fp("code")) == msgspec.structs.replace(made, run=4)
    assert recipes.get(fp("other")) is None


def test_prune_forgets_recipes_that_nothing_leads_to(desk, clock):
    desk.store.recipes.keep(1, [recipe("code"), recipe("old"), recipe("older"), recipe("tried")])
    desk.commit(explained(desk, "a", Cause.STALE, because=BECAUSE))
    desk.commit(explained(desk, "b", definition="tried", state=OwnerState.HELD_BACK))
    desk.store.reasons.prune(clock.now())
    there = [fp(name) for name in ("code", "old", "tried")]
    assert desk.store.recipes.missing([*there, fp("older")]) == [fp("older")]
