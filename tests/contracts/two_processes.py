"""Two processes that share a home, and what must hold of it after each step."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from ragflow.core.records import Instance
from ragflow.core.run_records import Lease
from ragflow.errors import LeaseLostError
from ragflow.stores.metadata.sqlite import SqliteMetadataStore, open_store
from tests.contracts.durability_model import NAMES, Home, Row, Run
from tests.unit.stores.metadata.desk import FakeClock


class TwoProcesses(RuleBasedStateMachine):
    """Two stores of one home, the model, and the looks at both."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name) / "0"
        self.clock = FakeClock()
        self.model = Home()
        self.stores = [self.opened(), self.opened()]
        store = self.stores[0]
        self.instances: dict[str, Instance] = {
            name: store.instance(name, name, {}) for name in NAMES
        }
        self.generations = {
            name: store.generations.build("chroma", name, {}, publish=True).id for name in NAMES
        }
        self.number = 0
        self.taken: list[Lease] = []
        for name, instance in self.instances.items():
            self.taken.append(store.leases.take(instance, "process 0"))
            self.model.leases[name] = Row(1, "process 0", self.clock.now())
            run = store.runs.begin(instance, {}, trigger="command")
            self.model.runs[run] = Run(name)
            self.model.events["run.began"] += 1

    def opened(self) -> SqliteMetadataStore:
        return open_store(self.home, clock=self.clock)

    def teardown(self) -> None:
        for store in getattr(self, "stores", []):
            store.close()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def name(self, lease: Lease) -> str:
        return next(name for name in NAMES if self.instances[name].id == lease.instance)

    def view(self, lease: Lease) -> SqliteMetadataStore:
        """Return the store of the process that took the lease."""
        return self.stores[int(lease.owner[-1])].leased(lease)

    def everything(self) -> list[tuple[str, list[Any]]]:
        connections = self.stores[0]._connections
        tables = connections.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [(name, connections.fetch(f"SELECT * FROM {name}")) for (name,) in tables]

    def is_refused(self, lease: Lease, act) -> bool:
        """Try what a lease allows; when it does not count, nothing must have changed."""
        if self.model.counts(lease, self.name(lease)):
            return False
        before = self.everything()
        with pytest.raises(LeaseLostError):
            act()
        assert self.everything() == before
        return True

    def draw_lease(self, data: st.DataObject) -> Lease:
        """Return a lease that counts, if there is one, or, seldom, any that was ever taken."""
        count = [one for one in self.taken if self.model.counts(one, self.name(one))]
        some = count if count and data.draw(st.integers(0, 5)) else self.taken
        return data.draw(st.sampled_from(some))

    def draw_run(self, lease: Lease, data: st.DataObject) -> int:
        """Return a run of the lease's instance, mostly the last."""
        name = self.name(lease)
        runs = [number for number, run in self.model.runs.items() if run.instance == name]
        return data.draw(st.sampled_from(runs)) if not data.draw(st.integers(0, 3)) else runs[-1]

    def draw_numbers(self, run: int, data: st.DataObject) -> list[int]:
        """Return numbers of open assignments of a run, and one that is not open."""
        known = [number for where, number in self.model.open if where == run]
        return data.draw(st.lists(st.sampled_from([*known, 999]), unique=True, max_size=3))

    def numbers(self) -> dict[tuple[str, str], int]:
        rows = self.stores[0]._connections.fetch(
            "SELECT i.name, s.key, b.id FROM dead_letter AS b JOIN seen AS s ON s.owner = b.owner "
            "JOIN source_state AS c ON c.id = s.source JOIN instance AS i ON i.id = c.instance"
        )
        return {(name, key): number for name, key, number in rows}

    @invariant()
    def at_most_one_lease_counts(self) -> None:
        for name in getattr(self, "instances", {}):
            row = self.model.leases[name]
            rows = self.stores[0]._connections.fetch(
                "SELECT epoch, owner, is_locked, renewed_at IS NULL FROM lease WHERE instance = ?",
                (self.instances[name].id,),
            )
            released = row.renewed_at is None
            assert rows == ([(row.epoch, row.owner, row.is_locked, released)] if row.epoch else [])

    @invariant()
    def what_is_open_and_what_died_is_counted_alike(self) -> None:
        for name, instance in getattr(self, "instances", {}).items():
            for store in self.stores:
                left = {
                    (one.run, one.number): ({call: key for key, call in one.calls}, one.alone)
                    for one in store.assignments.left(instance)
                }
                runs = self.model.runs
                assert left == {
                    one: facts
                    for one, facts in self.model.open.items()
                    if runs[one[0]].instance == name
                }
                suspects = {
                    one.call: (one.deaths.alone, one.deaths.company, one.owner)
                    for one in store.assignments.suspects(instance)
                }
                assert suspects == {
                    call: facts
                    for (where, call), facts in self.model.deaths.items()
                    if where == name
                }

    @invariant()
    def dead_letters_are_alike(self) -> None:
        if not hasattr(self, "stores"):
            return
        found = {
            (one.instance, one.key): (one.tries, one.not_before, one.attempts)
            for one in self.stores[1].dead_letters.list()
        }
        assert found == {
            place: (one.tries, one.not_before, one.attempts)
            for place, one in self.model.letters.items()
            if not one.is_discarded
        }

    @invariant()
    def runs_and_events_are_alike(self) -> None:
        if not hasattr(self, "stores"):
            return
        store = self.stores[1]
        for number, run in self.model.runs.items():
            assert store.runs.get(number).state is run.state
            assert store.controls.asked(number) is run.asked
        found = Counter(event.action for event in store.audit.list(limit=10_000))
        assert found == +self.model.events
