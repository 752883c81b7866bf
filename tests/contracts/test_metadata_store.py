"""What every metadata store must do, told by a model of plain dictionaries.

Random steps are taken on both, with crashes and new beginnings in between, and after each
step both must tell the same.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ragflow.core.records import (
    EndCommit,
    EndNow,
    HeldRow,
    Instance,
    Listed,
    OwnerCommit,
    OwnerRemoval,
)
from ragflow.core.states import Change, OwnerState
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.stores.metadata.sqlite import open_store
from tests.contracts.ledger_model import (
    PAST,
    TO_COME,
    Model,
    Owner,
    Seen,
    fingerprint,
    intents_of,
)

SOURCES = ["files", "mail"]
KEYS = ["", "é", "e\u0301"]
OWNERS = st.tuples(st.sampled_from(SOURCES), st.sampled_from(KEYS))
TOKENS = st.sampled_from([b"t1", b"t2", b"t3"])
TEXTS = st.sampled_from(["one", "two", "three"])
DEFINITIONS = st.sampled_from([b"d1" * 10, b"d2" * 10])
ROWS = st.sampled_from(["0" * 32, "1" * 32, "F" * 32, "plain", ""])
HELD = st.builds(HeldRow, ROWS, st.sampled_from([b"v1", b"v2"]), st.sampled_from([b"p1", b"p2"]))
REASONS = st.sampled_from([None, "too_large", "broken"])
REQUIREMENTS = st.sampled_from([None, "program:x", "program:y"])
INSTANTS = st.sampled_from([None, PAST, TO_COME])
SKIPS = st.sampled_from([None, None, None, ("too_large", "too large"), ("broken", "")])
METADATA = st.sampled_from([{}, {"path": "x"}, {"path": "y", "n": [1, 2.5, None]}])


class MetadataStoreMachine(RuleBasedStateMachine):
    """Takes the same steps on a store and on the model."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name) / "0"
        self.model = Model()
        self.memos: dict[bytes, set[bytes | None]] = {}
        self.store: MetadataStore = open_store(self.home)
        self.instance: Instance = self.store.instance("handbook", "handbook", {})
        self.generations = [
            self.store.generations.build("chroma", place, {}, publish=True).id for place in "ab"
        ]
        self.run_number = self.store.runs.begin(self.instance, {}, trigger="command")

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    # --- Steps --------------------------------------------------------------------------------

    @rule(data=st.data(), owners=st.lists(OWNERS, unique=True, max_size=4), announce=st.booleans())
    def commit(self, data: st.DataObject, owners: list[Owner], announce: bool) -> None:
        texts = {owner: data.draw(st.one_of(st.none(), TEXTS)) for owner in owners}
        commits = [self.draw_commit(data, owner, texts[owner]) for owner in owners]
        number = self.store.ledger.intend(intents_of(commits), self.instance) if announce else None
        self.store.ledger.commit(self.instance, self.run_number, commits, [], number)
        for commit in commits:
            self.model.commit(commit, texts[commit.source, commit.key])

    @rule(data=st.data(), owners=st.lists(OWNERS, unique=True, min_size=1, max_size=3))
    def announce_and_stop(self, data: st.DataObject, owners: list[Owner]) -> None:
        commits = [self.draw_commit(data, owner, "one") for owner in owners]
        intents = intents_of(commits)
        number = self.store.ledger.intend(intents, self.instance)
        assert number not in self.model.intents
        if number:
            # What announces nothing is not kept.
            self.model.intents[number] = [one for one in intents if one.upserts or one.deletes]

    def draw_commit(self, data: st.DataObject, owner: Owner, text: str | None) -> OwnerCommit:
        generations = data.draw(st.lists(st.sampled_from(self.generations), unique=True))
        ends = [
            EndCommit(
                generation=generation,
                definition=data.draw(DEFINITIONS),
                state=data.draw(st.sampled_from(OwnerState)),
                upserted=data.draw(st.lists(HELD, unique_by=lambda row: row.id, max_size=3)),
                deleted=data.draw(st.lists(ROWS, unique=True, max_size=2)),
                reason=data.draw(REASONS),
                requirement=data.draw(REQUIREMENTS),
                not_before=data.draw(INSTANTS),
            )
            for generation in generations
        ]
        return OwnerCommit(
            source=owner[0],
            key=owner[1],
            token=data.draw(TOKENS),
            content=fingerprint("content", text),
            metadata=data.draw(METADATA),
            input=fingerprint("input", text),
            ends=ends,
        )

    @rule(owners=st.lists(OWNERS, unique=True, max_size=2))
    def remove(self, owners: list[Owner]) -> None:
        known = [owner for owner in owners if owner in self.model.seen]
        numbers = self.numbers()
        removals = [
            OwnerRemoval(owner=numbers[source, key], source=source, key=key)
            for source, key in known
        ]
        self.store.ledger.commit(self.instance, self.run_number, [], removals, None)
        for owner in known:
            self.model.remove(owner)

    @rule()
    def recover(self) -> None:
        assert self.store.ledger.recover(self.instance) == self.model.recover()

    @rule(key=st.sampled_from([b"m1" * 10, b"m2" * 10]), value=st.sampled_from([b"", b"v" * 999]))
    def remember(self, key: bytes, value: bytes) -> None:
        self.store.memos.put(key, value, task="embed")
        assert self.store.memos.get_many([key]) == {key: value}
        self.memos.setdefault(key, {None}).add(value)

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = open_store(self.home)

    @rule()
    def crash(self) -> None:
        """Go on with what the disk held at an instant of the first process's life."""
        copy = self.home.with_name(str(int(self.home.name) + 1))
        shutil.copytree(self.home, copy)
        self.store.close()
        self.home = copy
        self.store = open_store(self.home)

    @rule(generation=st.integers(0, 1))
    @precondition(lambda self: len(self.model.done) > 4)
    def forget_generation(self, generation: int) -> None:
        number = self.generations[generation]
        self.store.ledger.forget_generation(number)
        model = self.model
        for table in (model.done, model.held, model.attempts):
            for place in [place for place in table if place[1] == number]:
                del table[place]
        left = {
            one: [intent for intent in intents if intent.generation != number]
            for one, intents in model.intents.items()
        }
        model.intents = {one: intents for one, intents in left.items() if intents}

    # --- Looks --------------------------------------------------------------------------------

    @rule(data=st.data(), source=st.sampled_from(SOURCES), page=st.integers(1, 3))
    def compare(self, data: st.DataObject, source: str, page: int) -> None:
        keys = data.draw(st.lists(st.sampled_from(KEYS), unique=True))
        rows = [Listed(key, data.draw(TOKENS), {}, None, data.draw(SKIPS)) for key in keys]
        chosen = data.draw(st.lists(st.sampled_from(self.generations), unique=True))
        ends = [EndNow(f"chroma:{one}", one, data.draw(DEFINITIONS)) for one in chosen]
        released = data.draw(st.sets(st.sampled_from(["program:x", "program:z"])))
        listing = self.store.ledger.listing(self.instance, source, ends, sorted(released))
        for first in range(0, len(rows), page):
            listing.add(rows[first : first + page])
        wanted = {row.key: self.model.change(source, row, ends, released) for row in rows}
        known = {key for where, key in self.model.seen if where == source}
        assert listing.known() == len(known)
        changes = list(listing.changes())
        assert [change.key for change in changes] == sorted(
            (key for key, change in wanted.items() if change is not Change.UNCHANGED),
            key=str.encode,
        )
        unchanged = list(listing.unchanged())
        assert {one.key: one.change for one in [*changes, *unchanged]} == wanted
        deleted = list(listing.deleted())
        assert [one.key for one in deleted] == sorted(known - set(keys), key=str.encode)
        by_key = {row.key: row for row in rows}
        self.check_counts(dict(listing.counts()), source, wanted, by_key, ends)
        assert listing.counts()["deleted"] == len(deleted)
        for change in [*changes, *unchanged]:
            self.check_change(source, change, by_key[change.key], ends)
        listing.close()

    def check_counts(self, counts, source, wanted, rows, ends) -> None:
        assert counts["listed"] == len(wanted)
        for name in ("added", "modified", "stale", "unchanged"):
            assert counts[name] == list(wanted.values()).count(Change(name))
        states = {
            key: {self.model.done[(source, key), end.generation].state for end in ends}
            for key, change in wanted.items()
            if change is Change.UNCHANGED
        }
        waiting = {OwnerState.HELD_BACK, OwnerState.FAILED}
        held_back = {key for key, found in states.items() if found & waiting}
        skipped = {key for key, found in states.items() if OwnerState.SKIPPED in found}
        left_out = {key for key in states if rows[key].skip is not None}
        assert counts["held_back"] == len(held_back)
        assert counts["skipped"] == len((skipped | left_out) - held_back)

    def check_change(self, source, change, row: Listed, ends: list[EndNow]) -> None:
        assert (change.token, change.skip) == (row.token, row.skip)
        seen = self.model.seen.get((source, change.key))
        assert (change.owner is None) == (seen is None)
        seen = seen or Seen()
        assert change.token_seen == seen.token
        assert change.content == fingerprint("content", seen.text)
        assert change.metadata == seen.metadata
        found = {}
        for end in ends:
            done = self.model.done.get(((source, change.key), end.generation))
            if done is not None:
                served, tried = done.served or (None, None), done.tried or (None, None)
                found[end.generation] = (done.state, *served, *tried)
        assert {
            generation: (
                standing.state,
                standing.served_input,
                standing.served_definition,
                standing.tried_input,
                standing.tried_definition,
            )
            for generation, standing in change.ends.items()
        } == {
            generation: (state, fingerprint("input", a), b, fingerprint("input", c), d)
            for generation, (state, a, b, c, d) in found.items()
        }

    @invariant()
    def owners_stand_as_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        for generation in self.generations:
            views = {(one.source, one.key): one for one in self.store.ledger.owners(generation)}
            done = {
                place[0]: one for place, one in self.model.done.items() if place[1] == generation
            }
            assert set(views) == set(done)
            for owner, view in views.items():
                served = done[owner].served
                text = served[0] if served else None
                version = fingerprint("content", text)
                assert view.state == done[owner].state
                assert view.version == (None if version is None else version.hex())
                assert (view.reason, view.requirement) == (
                    done[owner].reason,
                    done[owner].requirement,
                )
                assert view.chunks == len(self.model.held.get((owner, generation), {}))
                assert view.metadata == self.model.seen[owner].metadata
                assert (view.failed_run is not None) == ((owner, generation) in self.model.attempts)

    @invariant()
    def rows_are_held_as_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        numbers = self.numbers()
        assert set(numbers) == set(self.model.seen)
        for generation in self.generations:
            held = self.store.ledger.held(generation, list(numbers.values()))
            for owner, number in numbers.items():
                assert held[number] == self.model.held.get((owner, generation), {})
            assert self.store.ledger.row_count(generation) == sum(map(len, held.values()))
        wanted = {done.requirement for done in self.model.done.values()} - {None}
        assert self.store.ledger.requirements(self.instance) == sorted(wanted)

    @invariant()
    def memos_are_the_last_put_or_older(self) -> None:
        if not hasattr(self, "store"):
            return
        found = self.store.memos.get_many(list(self.memos))
        for key, values in self.memos.items():
            assert found.get(key) in values

    def numbers(self) -> dict[Owner, int]:
        found: dict[Owner, int] = {}
        for source in SOURCES:
            listing = self.store.ledger.listing(self.instance, source, [])
            found |= {(source, one.key): one.owner for one in listing.deleted()}
            listing.close()
        return found


TestMetadataStore = MetadataStoreMachine.TestCase
TestMetadataStore.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
