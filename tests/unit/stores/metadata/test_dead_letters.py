"""What could not be served: when it is tried again, replayed and discarded."""

from datetime import timedelta

import pytest

from ragflow.core.records import EndStanding
from ragflow.core.run_records import DeadLetter, OpenAssignment
from ragflow.core.states import Change, OwnerState
from ragflow.errors import NotFoundError
from tests.unit.stores.metadata.desk import Desk, fp, listed, row

FAILED, HELD_BACK = OwnerState.FAILED, OwnerState.HELD_BACK
PAUSE = timedelta(minutes=10)


def letters(desk) -> dict[str, DeadLetter]:
    return {letter.key: letter for letter in desk.store.dead_letters.list()}


def kinds(desk, *rows, **words) -> dict[str, Change]:
    return desk.compare(*rows, **words).kinds()


def test_a_dead_letter_says_what_failed_where_and_what_would_release_it(desk, clock):
    call = fp("call")
    desk.serve(
        "a",
        state=HELD_BACK,
        task="extract",
        part="page 3",
        reason="died",
        message="its worker died three times",
        traceback="Traceback …",
        call=call,
    )
    (letter,) = desk.store.dead_letters.list()
    assert letter == DeadLetter(
        id=letter.id,
        instance="handbook",
        source="files",
        key="a",
        target="chroma",
        place="handbook-0",
        generation=desk.generation,
        run=desk.run,
        task="extract",
        part="page 3",
        reason="died",
        message="its worker died three times",
        traceback="Traceback …",
        release="content",
        attempts=1,
        tries=0,
        not_before=None,
        call=call,
        created_at=clock.now(),
        failed_at=clock.now(),
    )
    assert desk.store.dead_letters.get(letter.id) == letter
    assert desk.store.dead_letters.get(letter.id + 1) is None


@pytest.mark.parametrize(
    ("facts", "release"),
    [
        ({"state": FAILED}, "time"),
        ({"state": HELD_BACK}, "content"),
        ({"state": HELD_BACK, "requirement": "program:x"}, "requirement:program:x"),
        ({"state": HELD_BACK, "release": "code"}, "code"),
    ],
)
def test_what_would_release_it_is_said(desk, facts, release):
    desk.serve("a", **facts)
    assert letters(desk)["a"].release == release


def test_a_dead_letter_keeps_its_number_while_it_fails_and_gets_a_new_one_after(desk, clock):
    desk.serve("a", state=FAILED, tries=1)
    first = letters(desk)["a"]
    clock.sleep(60)
    desk.serve("a", state=FAILED, tries=2)
    again = letters(desk)["a"]
    assert (again.id, again.created_at, again.attempts, again.tries) == (
        first.id,
        first.created_at,
        2,
        2,
    )
    assert again.failed_at == clock.now()
    desk.serve("a")
    assert desk.store.dead_letters.get(first.id) is None
    desk.serve("a", state=FAILED)
    assert letters(desk)["a"].id > first.id
    created = desk.store.audit.list(action="dead_letter.created")
    assert [(one.actor, one.object) for one in created] == [(f"run {desk.run}", "a")] * 2


def test_dead_letters_are_listed_by_instance_and_without_what_was_replaced(store, desk):
    other = Desk(store, name="other")
    desk.serve("a", state=FAILED)
    other.serve("b", state=FAILED)
    assert [letter.key for letter in store.dead_letters.list(instance="other")] == ["b"]
    assert list(letters(desk)) == ["a", "b"]
    place = desk.generations[0]
    store.generations.build("chroma", place.place, {}, publish=True)
    assert list(letters(desk)) == ["b"]


# --- Waiting ----------------------------------------------------------------------------------


def test_what_failed_is_held_back_until_its_time_has_come(desk, clock):
    desk.serve("a", state=FAILED, tries=2, not_before=clock.now() + PAUSE)
    compared = desk.compare(listed("a"))
    assert (compared.counts["held_back"], compared.counts["stale"]) == (1, 0)
    clock.sleep(PAUSE.total_seconds() - 1)
    assert kinds(desk, listed("a")) == {}
    clock.sleep(1)
    change = desk.compare(listed("a")).changes["a"]
    assert change.change is Change.STALE
    assert change.ends[desk.generation] == EndStanding(
        state=FAILED,
        served_input=None,
        served_definition=None,
        tried_input=fp("input", "text"),
        tried_definition=fp("code"),
        tries=2,
        not_before=clock.now(),
    )


def test_new_content_or_code_does_not_wait_for_the_time(desk, clock):
    desk.serve("a", state=FAILED, not_before=clock.now() + PAUSE)
    assert kinds(desk, listed("a", b"t2")) == {"a": Change.MODIFIED}
    assert kinds(desk, listed("a"), definition="new") == {"a": Change.STALE}


def test_what_is_held_back_for_a_time_comes_when_it_is_over(desk, clock):
    desk.serve("a", state=HELD_BACK, not_before=clock.now() + PAUSE)
    assert desk.compare(listed("a")).counts["held_back"] == 1
    clock.sleep(PAUSE.total_seconds())
    assert kinds(desk, listed("a")) == {"a": Change.STALE}


def test_what_could_not_be_read_waits_by_its_token(desk, clock):
    later = clock.now() + PAUSE
    desk.serve("never", text=None, state=FAILED, not_before=later)
    desk.serve("before")
    desk.serve("before", token=b"t2", text=None, state=FAILED, not_before=later)
    desk.serve("broken", text=None, state=HELD_BACK)
    compared = desk.compare(listed("never"), listed("before", b"t2"), listed("broken"))
    assert (compared.counts["held_back"], compared.kinds()) == (3, {})
    assert kinds(desk, listed("never", b"t2"), listed("before", b"t3")) == {
        "never": Change.MODIFIED,
        "before": Change.MODIFIED,
    }
    clock.sleep(PAUSE.total_seconds())
    compared = desk.compare(listed("never"), listed("before", b"t2"), listed("broken"))
    assert compared.kinds() == {"never": Change.MODIFIED, "before": Change.MODIFIED}


def test_what_could_not_be_read_comes_when_the_content_it_was_served_from_is_back(desk, clock):
    desk.serve("a", token=b"t1")
    desk.serve("a", token=b"t2", text=None, state=FAILED, not_before=clock.now() + PAUSE)
    assert kinds(desk, listed("a", b"t1")) == {"a": Change.STALE}


def test_a_requirement_releases_what_could_not_be_read(desk):
    desk.serve("a", text=None, state=HELD_BACK, requirement="secret:key")
    assert desk.compare(listed("a")).counts["held_back"] == 1
    assert kinds(desk, listed("a"), released=["secret:key"]) == {"a": Change.MODIFIED}


def test_an_owner_waits_only_if_every_end_does(two_ends, clock):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", generations=[first], state=FAILED, not_before=clock.now() + PAUSE)
    two_ends.serve("a", generations=[second], state=FAILED)
    assert kinds(two_ends, listed("a")) == {"a": Change.STALE}
    two_ends.serve("a", generations=[second])
    compared = two_ends.compare(listed("a"))
    assert (compared.counts["held_back"], compared.kinds()) == (1, {})


def test_what_a_crash_made_doubtful_does_not_wait(desk, clock):
    desk.serve("a", state=FAILED, not_before=clock.now() + PAUSE)
    desk.intend({row("one").id: "a"})
    desk.ledger.recover(desk.instance)
    assert kinds(desk, listed("a")) == {"a": Change.STALE}


# --- Replaying and discarding -------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        {"state": HELD_BACK},
        {"state": HELD_BACK, "requirement": "program:x"},
        {"state": HELD_BACK, "text": None},
        {"state": FAILED, "tries": 5, "not_before": True},
        {"state": FAILED, "not_before": True, "text": None},
    ],
)
def test_what_is_replayed_is_due_whatever_would_release_it(desk, clock, facts):
    if "not_before" in facts:
        facts = {**facts, "not_before": clock.now() + PAUSE}
    desk.serve("a", **facts)
    number = letters(desk)["a"].id
    assert kinds(desk, listed("a")) == {}
    (letter,) = desk.store.dead_letters.replay([number], actor="mika")
    assert (letter.tries, letter.not_before) == (0, None)
    assert letter == letters(desk)["a"]
    due = Change.MODIFIED if "text" in facts else Change.STALE
    assert kinds(desk, listed("a")) == {"a": due}
    (event,) = desk.store.audit.list(action="dead_letter.replayed")
    assert (event.actor, event.object, event.detail["dead_letter"]) == ("mika", "a", number)
    desk.serve("a", **facts)
    assert kinds(desk, listed("a")) == {}


def test_a_replay_begins_its_deaths_again(desk):
    assignments = [
        OpenAssignment(number=1, task="t", calls=[("a", fp("a")), ("x", fp("shared"))]),
        OpenAssignment(number=2, task="t", calls=[("b", fp("b"))]),
    ]
    desk.store.assignments.open(desk.run, assignments).result()
    desk.store.assignments.take_up(desk.instance)
    desk.serve("a", state=HELD_BACK, call=fp("shared"))
    desk.store.dead_letters.replay(actor="mika")
    assert [one.owner for one in desk.store.assignments.suspects(desk.instance)] == ["b"]


def test_a_replay_begins_the_deaths_of_a_call_again_that_two_owners_share(desk):
    calls = [("a", fp("shared")), ("b", fp("shared"))]
    work = [OpenAssignment(number=1, task="t", calls=calls, alone=True)]
    desk.store.assignments.open(desk.run, work).result()
    desk.store.assignments.died(desk.run, [1])
    desk.serve("a", "b", state=HELD_BACK, call=fp("shared"))
    (suspect,) = desk.store.assignments.suspects(desk.instance)
    (other,) = {"a", "b"} - {suspect.owner}
    desk.store.dead_letters.replay([letters(desk)[other].id], actor="mika")
    assert desk.store.assignments.suspects(desk.instance) == []


def test_all_are_replayed_or_those_of_one_instance(store, desk):
    other = Desk(store, name="other")
    desk.serve("a", "b", state=HELD_BACK)
    other.serve("c", state=HELD_BACK)
    store.dead_letters.discard([letters(desk)["b"].id], actor="mika")
    found = store.dead_letters.replay(instance="handbook", actor="mika")
    assert [letter.key for letter in found] == ["a"]
    assert [letter.key for letter in store.dead_letters.replay(actor="mika")] == ["a", "c"]


def test_what_is_discarded_is_neither_tried_nor_listed_until_its_content_changes(desk):
    desk.serve("a", upserted=[row("one")])
    desk.serve("a", token=b"t2", text="new", state=HELD_BACK)
    number = letters(desk)["a"].id
    (letter,) = desk.store.dead_letters.discard([number], actor="mika")
    assert letter.discarded_at is not None
    assert letters(desk) == {}
    assert desk.store.dead_letters.get(number) == letter
    for definition in ("code", "another"):
        counts = desk.compare(listed("a", b"t2"), definition=definition).counts
        assert (counts["unchanged"], counts["held_back"]) == (1, 0)
    # What it was served from before stays.
    assert list(desk.held("a")) == [row("one").id]
    (event,) = desk.store.audit.list(action="dead_letter.discarded")
    assert (event.actor, event.object) == ("mika", "a")
    change = desk.compare(listed("a", b"t3"), definition="another").changes["a"]
    assert change.change is Change.MODIFIED
    # Read again and found to be the same, it is still given up.
    standing = change.ends[desk.generation]
    assert (standing.state, standing.tried_input) == (HELD_BACK, fp("input", "new"))
    assert standing.tried_definition == fp("another")


@pytest.mark.parametrize("text", ["text", None])
def test_what_failed_for_a_time_is_discarded_for_good(desk, clock, text):
    desk.serve("a", text=text, state=FAILED, not_before=clock.now() + PAUSE)
    desk.store.dead_letters.discard([letters(desk)["a"].id], actor="mika")
    clock.sleep(PAUSE.total_seconds() * 2)
    counts = desk.compare(listed("a"), definition="another").counts
    assert (counts["unchanged"], counts["held_back"]) == (1, 0)


def test_what_could_not_be_read_is_discarded_though_it_was_replayed(desk):
    desk.serve("a", text=None, state=HELD_BACK)
    number = letters(desk)["a"].id
    desk.store.dead_letters.replay([number], actor="mika")
    assert kinds(desk, listed("a")) == {"a": Change.MODIFIED}
    desk.store.dead_letters.discard([number], actor="mika")
    assert kinds(desk, listed("a")) == {}
    assert kinds(desk, listed("a", b"t2")) == {"a": Change.MODIFIED}


def test_what_is_discarded_says_so_to_who_asks_for_all(two_ends):
    first, second = (one.id for one in two_ends.generations)
    two_ends.serve("a", generations=[first], state=HELD_BACK)
    two_ends.serve("a", generations=[second])
    two_ends.store.dead_letters.discard([letters(two_ends)["a"].id], actor="mika")
    ends = two_ends.compare(listed("a")).unchanged["a"].ends
    assert {number: end.is_discarded for number, end in ends.items()} == {
        first: True,
        second: False,
    }


@pytest.mark.parametrize("is_discarded", [False, True])
def test_what_is_served_at_last_is_told_to_be_released(desk, is_discarded):
    desk.serve("a", "b", state=FAILED)
    number = letters(desk)["a"].id
    if is_discarded:
        desk.store.dead_letters.discard([number], actor="mika")
    desk.serve("a", "c")
    desk.serve("a")
    (event,) = desk.store.audit.list(action="dead_letter.released")
    assert (event.actor, event.object, event.run) == (f"run {desk.run}", "a", desk.run)
    assert event.detail == {
        "dead_letter": number,
        "source": "files",
        "generation": desk.generation,
    }


def test_what_was_discarded_and_fails_again_is_a_new_failure(desk, clock):
    desk.serve("a", state=HELD_BACK)
    desk.store.dead_letters.discard([letters(desk)["a"].id], actor="mika")
    clock.sleep(60)
    desk.serve("a", text="new", token=b"t2", state=HELD_BACK)
    assert letters(desk)["a"].created_at == clock.now()
    assert len(desk.store.audit.list(action="dead_letter.created")) == 2


def test_what_was_discarded_can_be_replayed_by_its_number(desk):
    desk.serve("a", state=HELD_BACK)
    number = letters(desk)["a"].id
    desk.store.dead_letters.discard([number], actor="mika")
    desk.store.dead_letters.replay([number], actor="mika")
    assert letters(desk)["a"].discarded_at is None
    assert kinds(desk, listed("a")) == {"a": Change.STALE}


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_one_number_too_many_changes_nothing(desk, verb):
    desk.serve("a", state=HELD_BACK)
    number = letters(desk)["a"].id
    with pytest.raises(NotFoundError, match="there is no dead letter 99") as caught:
        getattr(desk.store.dead_letters, verb)([number, 99], actor="mika")
    assert "list" in caught.value.hint
    assert kinds(desk, listed("a")) == {}
    assert letters(desk)["a"].discarded_at is None
    assert desk.store.audit.list(action=f"dead_letter.{verb}") == []


def test_owners_say_when_they_are_tried_again(desk, clock):
    later = clock.now() + PAUSE
    desk.serve("a", state=FAILED, tries=3, not_before=later)
    desk.serve("b")
    a, b = desk.ledger.owners(desk.generation)
    assert (a.dead_letter, a.release, a.tries, a.not_before) == (
        letters(desk)["a"].id,
        "time",
        3,
        later,
    )
    assert (b.dead_letter, b.release, b.tries, b.not_before) == (None, None, 0, None)
