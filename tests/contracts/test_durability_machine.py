"""What a home must not lose, told by a model of plain dictionaries.

Two processes share a home: they take each other's leases over, go on writing though they lost
theirs, die with assignments open, and are asked things by people. After each step the store and
the model must tell the same, and what was refused must have changed nothing.
"""

import shutil
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
)

from ragflow.core.records import EndCommit, EndNow, Listed, OwnerCommit
from ragflow.core.run_records import OpenAssignment, Request
from ragflow.core.states import RUN_MOVES, Change, OwnerState, RunState
from ragflow.errors import (
    BusyError,
    IllegalMoveError,
    NotFoundError,
    UsageError,
)
from tests.contracts.durability_model import ALIVE, NAMES, Letter, Row, Run
from tests.contracts.two_processes import TwoProcesses
from tests.unit.stores.metadata.desk import fp

KEYS = ["a", "b"]
CALLS = [fp(word) for word in ("one", "two")]
LIFETIME = timedelta(seconds=30)
FAILED, HELD_BACK, SUCCEEDED = OwnerState.FAILED, OwnerState.HELD_BACK, OwnerState.SUCCEEDED
MARKS = (RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING)


class DurabilityMachine(TwoProcesses):
    """Takes the same steps on two stores of one home and on the model."""

    # --- Leases -------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(NAMES),
        process=st.integers(0, 1),
        is_locked=st.booleans(),
    )
    def take(self, name: str, process: int, is_locked: bool) -> None:
        row, now = self.model.leases[name], self.clock.now()
        is_held = row.renewed_at is not None
        lives = is_held and row.renewed_at + LIFETIME > now
        leases, instance = self.stores[process].leases, self.instances[name]
        owner = f"process {process}"
        if lives and not (is_locked and row.is_locked):
            with pytest.raises(BusyError, match=row.owner):
                leases.take(instance, owner, is_locked=is_locked)
            return
        lease = leases.take(instance, owner, is_locked=is_locked)
        assert lease.epoch == row.epoch + 1
        self.model.events["lease.taken_over"] += is_held
        self.model.leases[name] = Row(lease.epoch, owner, now, is_locked)
        self.taken.append(lease)

    @rule(name=st.sampled_from(NAMES), process=st.integers(0, 1))
    def take_over(self, name: str, process: int) -> None:
        self.clock.sleep(31)
        self.take(name, process, is_locked=False)

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        lease = self.draw_lease(data)
        store, name = self.view(lease), self.name(lease)
        if not self.is_refused(lease, lambda: store.leases.renew(lease)):
            assert store.leases.renew(lease).until == self.clock.now() + LIFETIME
            self.model.leases[name].renewed_at = self.clock.now()

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = self.draw_lease(data)
        self.view(lease).leases.release(lease)
        if self.model.counts(lease, self.name(lease)):
            self.model.leases[self.name(lease)].renewed_at = None

    @rule(seconds=st.sampled_from([1, 10, 31]))
    def go_on(self, seconds: int) -> None:
        self.clock.sleep(seconds)

    # --- Runs ---------------------------------------------------------------------------------

    @rule(data=st.data())
    def begin_run(self, data: st.DataObject) -> None:
        lease = self.draw_lease(data)
        store, name = self.view(lease), self.name(lease)

        def act() -> int:
            return store.runs.begin(self.instances[name], {}, trigger="command")

        if not self.is_refused(lease, act):
            number = act()
            self.model.runs[number] = Run(name)
            self.model.cut_off(name, number)
            self.model.events["run.began"] += 1

    @rule(data=st.data(), state=st.sampled_from(MARKS))
    def mark(self, data: st.DataObject, state: RunState) -> None:
        lease = self.draw_lease(data)
        store, number = self.view(lease), self.draw_run(lease, data)
        if self.is_refused(lease, lambda: store.runs.mark(number, state)):
            return
        run = self.model.runs[number]
        if run.state is not state and (run.state not in ALIVE or state not in RUN_MOVES[run.state]):
            with pytest.raises(IllegalMoveError):
                store.runs.mark(number, state)
            return
        store.runs.mark(number, state)
        name = {"running": "resumed"}.get(state.value, state.value)
        self.model.events[f"run.{name}"] += run.state is not state
        run.state = state

    @rule(data=st.data(), state=st.sampled_from([RunState.SUCCEEDED, RunState.FAILED]))
    def end_run(self, data: st.DataObject, state: RunState) -> None:
        lease = self.draw_lease(data)
        store, number = self.view(lease), self.draw_run(lease, data)

        def act() -> None:
            store.runs.end(number, state, summary=None, totals={})

        if not self.is_refused(lease, act):
            act()
            self.model.runs[number].state = state
            self.model.events["run.ended"] += 1

    @rule(data=st.data())
    def take_up_run(self, data: st.DataObject) -> None:
        lease = self.draw_lease(data)
        store, number = self.view(lease), self.draw_run(lease, data)
        if self.is_refused(lease, lambda: store.runs.take_up(number)):
            return
        run = self.model.runs[number]
        others = [one for one, each in self.model.runs.items() if each.instance != run.instance]
        with pytest.raises(UsageError, match="not the one that is held"):
            store.runs.take_up(others[0])
        if run.state is RunState.SUCCEEDED:
            with pytest.raises(UsageError):
                store.runs.take_up(number)
            return
        store.runs.take_up(number)
        run.state, run.asked = RunState.RUNNING, None
        self.model.cut_off(run.instance, number)
        self.model.events["run.taken_up"] += 1

    @rule(number=st.integers(1, 3), request=st.sampled_from(Request))
    def ask(self, number: int, request: Request) -> None:
        controls, run = self.stores[1].controls, self.model.runs.get(number)
        if run is None:
            with pytest.raises(NotFoundError):
                controls.ask(number, request, actor="mika")
        elif run.state not in ALIVE or (
            run.asked is Request.CANCEL and request is not Request.CANCEL
        ):
            with pytest.raises(UsageError):
                controls.ask(number, request, actor="mika")
        else:
            controls.ask(number, request, actor="mika")
            self.model.events[f"control.{request.value}"] += run.asked is not Request.CANCEL
            run.asked = request

    # --- Assignments --------------------------------------------------------------------------

    @rule(
        data=st.data(),
        calls=st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(CALLS)), max_size=3),
        alone=st.booleans(),
        count=st.integers(1, 3),
    )
    def open_some(self, data: st.DataObject, calls, alone: bool, count: int) -> None:
        lease = self.draw_lease(data)
        store, run = self.view(lease), self.draw_run(lease, data)
        numbers = [self.number + one for one in range(count)]
        self.number += count
        work = [
            OpenAssignment(number=number, task="embed", calls=calls, alone=alone)
            for number in numbers
        ]
        if not self.is_refused(lease, lambda: store.assignments.open(run, work).result(10)):
            store.assignments.open(run, work).result(10)
            wanted = {call: key for key, call in calls}
            self.model.open.update(((run, number), (wanted, alone)) for number in numbers)

    @rule(data=st.data())
    def close_some(self, data: st.DataObject) -> None:
        lease = self.draw_lease(data)
        store, run = self.view(lease), self.draw_run(lease, data)
        numbers = self.draw_numbers(run, data)
        before = self.everything()
        store.assignments.close(run, numbers)
        store.flush()
        if not self.model.counts(lease, self.name(lease)):
            assert self.everything() == before
            return
        for number in numbers:
            self.model.open.pop((run, number), None)

    @rule(data=st.data())
    def a_worker_dies(self, data: st.DataObject) -> None:
        lease = self.draw_lease(data)
        store, run, name = self.view(lease), self.draw_run(lease, data), self.name(lease)
        numbers = self.draw_numbers(run, data)
        if self.is_refused(lease, lambda: store.assignments.died(run, numbers)):
            return
        told = store.assignments.died(run, numbers)
        known = [(run, number) for number in numbers if (run, number) in self.model.open]
        calls = {call for one in known for call in self.model.open[one][0]}
        self.model.die_of_a_worker(name, sorted(known))
        assert {call: (one.alone, one.company) for call, one in told.items()} == {
            call: self.model.deaths[name, call][:2] for call in calls
        }

    @rule(data=st.data())
    def take_up_what_was_left(self, data: st.DataObject) -> None:
        lease = self.draw_lease(data)
        store, name = self.view(lease), self.name(lease)
        instance = self.instances[name]
        if not self.is_refused(lease, lambda: store.assignments.take_up(instance)):
            store.assignments.take_up(instance)
            left = [one for one in self.model.open if self.model.runs[one[0]].instance == name]
            self.model.die(name, sorted(left))

    @rule(data=st.data(), calls=st.sets(st.sampled_from(CALLS)))
    def clear(self, data: st.DataObject, calls: set[bytes]) -> None:
        lease = self.draw_lease(data)
        store, name = self.view(lease), self.name(lease)
        store.assignments.clear(self.instances[name], sorted(calls))
        store.flush()
        if self.model.counts(lease, name):
            for call in calls:
                self.model.deaths.pop((name, call), None)

    # --- Owners and dead letters ----------------------------------------------------------------

    @rule(
        data=st.data(),
        key=st.sampled_from(KEYS),
        state=st.sampled_from([FAILED, HELD_BACK, SUCCEEDED]),
        token=st.sampled_from([b"t1", b"t2"]),
        tries=st.integers(0, 2),
        pause=st.sampled_from([None, 20, 60]),
    )
    def commit(self, data: st.DataObject, *, key, state, token, tries, pause) -> None:
        lease = self.draw_lease(data)
        store, run, name = self.view(lease), self.draw_run(lease, data), self.name(lease)
        not_before = None if pause is None else self.clock.now() + timedelta(seconds=pause)
        end = EndCommit(
            generation=self.generations[name],
            definition=fp("code"),
            state=state,
            tries=tries,
            not_before=not_before,
        )
        owner = OwnerCommit(
            source="files",
            key=key,
            token=token,
            content=fp(token.decode()),
            metadata={},
            input=fp("input", token.decode()),
            ends=[end],
        )

        def act() -> None:
            store.ledger.commit(self.instances[name], run, [owner], [], None)

        if self.is_refused(lease, act):
            return
        act()
        place, letters = (name, key), self.model.letters
        self.model.seen[place] = token
        before = letters.pop(place, None)
        if state is SUCCEEDED:
            self.model.events["dead_letter.released"] += before is not None
            return
        is_new = before is None or before.is_discarded
        self.model.events["dead_letter.created"] += is_new
        attempts = 1 if before is None else before.attempts + 1
        letters[place] = Letter(tries, not_before, state, attempts)

    @rule(data=st.data(), verb=st.sampled_from(["replay", "discard"]), wrong=st.booleans())
    @precondition(lambda self: self.model.letters)
    def replay_or_discard(self, data: st.DataObject, verb: str, wrong: bool) -> None:
        places = data.draw(st.lists(st.sampled_from(sorted(self.model.letters)), unique=True))
        numbers = [self.numbers()[place] for place in places]
        act = getattr(self.stores[1].dead_letters, verb)
        if wrong:
            before = self.everything()
            with pytest.raises(NotFoundError):
                act([*numbers, 999], actor="mika")
            assert self.everything() == before
            return
        assert [one.id for one in act(numbers, actor="mika")] == numbers
        self.model.events[f"dead_letter.{verb}ed"] += len(places)
        for place in places:
            letter = self.model.letters[place]
            letter.not_before = None
            letter.is_discarded = verb == "discard"
            if verb == "replay":
                letter.tries, letter.state = 0, FAILED
                self.model.forget_deaths(*place)
            else:
                letter.state = HELD_BACK

    @rule(name=st.sampled_from(NAMES))
    def replay_all(self, name: str) -> None:
        self.stores[0].dead_letters.replay(instance=name, actor="mika")
        for (where, key), letter in self.model.letters.items():
            if where == name and not letter.is_discarded:
                letter.tries, letter.not_before, letter.state = 0, None, FAILED
                self.model.forget_deaths(where, key)
                self.model.events["dead_letter.replayed"] += 1

    # --- Accidents ----------------------------------------------------------------------------

    @rule()
    def both_die(self) -> None:
        """Go on with what the disk holds at this instant."""
        copy = self.home.with_name(str(int(self.home.name) + 1))
        shutil.copytree(self.home, copy)
        for store in self.stores:
            store.close()
        self.home = copy
        self.stores = [self.opened(), self.opened()]

    # --- Looks --------------------------------------------------------------------------------

    @rule(token=st.sampled_from([b"t1", b"t2"]))
    def compare(self, token: bytes) -> None:
        for name in NAMES:
            self.compare_one(name, token)

    def compare_one(self, name: str, token: bytes) -> None:
        ends = [EndNow("chroma", self.generations[name], fp("code"))]
        listing = self.stores[0].ledger.listing(self.instances[name], "files", ends)
        listing.add([Listed(key, token) for key in KEYS])
        found = {one.key: one.change for one in [*listing.changes(), *listing.unchanged()]}
        held_back = listing.counts()["held_back"]
        listing.close()
        assert found == {
            key: self.model.change((name, key), token, self.clock.now()) for key in KEYS
        }
        waiting = [
            key
            for key, change in found.items()
            if change is Change.UNCHANGED and (name, key) in self.model.letters
        ]
        assert held_back == sum(not self.model.letters[name, key].is_discarded for key in waiting)


TestDurability = DurabilityMachine.TestCase
TestDurability.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
