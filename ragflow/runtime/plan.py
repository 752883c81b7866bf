"""What would a run do?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from ragflow.errors import GuardError
from ragflow.interfaces.orchestration import Observer
from ragflow.runtime.comparing import compare
from ragflow.runtime.costs import cost_refusal, most_cost
from ragflow.runtime.ends import ends_of, imagine
from ragflow.runtime.estimates import seconds_of_calls, seconds_of_documents
from ragflow.runtime.generations import Chosen, check_alone, check_space
from ragflow.runtime.home import Home
from ragflow.runtime.origin import Origin, Permissions
from ragflow.runtime.origins import check_found, check_sources, clear_sources, process
from ragflow.runtime.plan_summary import fast_summary, plan_summary
from ragflow.runtime.request import Request
from ragflow.runtime.work import Work
from ragflow.scheduling.definitions import define
from ragflow.scheduling.descent import Verdict
from ragflow.scheduling.reckoning import Reckoning
from ragflow.scheduling.steps import Called, call_steps, steps_for_items
from ragflow.scheduling.surroundings import Surroundings


def plan(home: Home, request: Request, observer: Observer | None = None) -> dict[str, Any]:
    """Say what a run would do; return what ``plan --json`` prints.

    Reads and cuts what a run would, remembers it, makes no call that has a price and writes to
    no target. Where a guard would refuse the run, the plan says so, and what would be done if it
    were allowed. Raises `SourceError` when the source cannot be listed.
    """
    with _planning(home, request, observer) as planning:
        reckoning = planning.reckon()
        work, runs = planning.work, planning.work.store.runs
        refusal = None if request.how.accept else cost_refusal(work, reckoning)
        if refusal is not None:
            planning.refused.append(refusal)
        priced = {
            node.name: reckoning.calls(node.name) + reckoning.possible[node.name]
            for node in work.request.graph.nodes.values()
        }
        summary = plan_summary(
            work.instance.name,
            work.request.graph,
            work.totals,
            reckoning,
            refused=planning.refused,
            seconds=seconds_of_calls(runs, work.request, priced),
        )
    work.store.flush()
    work.observer.ended(summary)
    return summary


def fast_plan(home: Home, request: Request, observer: Observer | None = None) -> dict[str, Any]:
    """Say what a run would do by version tokens and definitions alone; no document is opened.

    A document that counts as modified may prove equal, and one that counts as added or deleted
    may only have been moved; groups are not looked at. Raises as `plan` does.
    """
    with _planning(home, request, observer) as planning:
        planning.compare()
        work, documents = planning.work, planning.work.totals.documents
        changed = sum(documents[kind] for kind in ("added", "modified", "stale"))
        summary = fast_summary(
            work.instance.name,
            work.totals,
            refused=planning.refused,
            seconds=seconds_of_documents(work.store.runs, work.request, changed),
        )
    work.observer.ended(summary)
    return summary


def check_costs(work: Work) -> None:
    """Refuse a run that would cost more than it may, where that is said and was not accepted.

    Reads and cuts as `plan` does, before the run makes a call. Raises `GuardError`.
    """
    if work.request.how.accept or most_cost(work) is None:
        return
    with _planning(work.home, work.request, None) as planning:
        refusal = cost_refusal(work, planning.reckon())
    if refusal is not None:
        raise refusal


class _Planning(msgspec.Struct, frozen=True):
    """A plan under way."""

    work: Work
    chosen: Mapping[str, Chosen]
    surroundings: Surroundings
    permissions: Permissions
    #: Filled with what guards would refuse the run for.
    refused: list[GuardError]

    def reckon(self) -> Reckoning:
        """Go through all that a run would, and count what has a price."""
        ledger = self.work.store.ledger
        gone = self._gone()
        over: dict[str, Verdict] = {}
        for origin in self._origins(over):
            over.update(process(origin, self.surroundings, ledger, None, self.permissions))
        check_found(self.permissions)
        clear_sources(gone, self.surroundings, ledger, None)
        assert self.surroundings.reckoning is not None
        return self.surroundings.reckoning

    def compare(self) -> None:
        """Count documents by what their tokens and definitions say."""
        ledger, totals = self.work.store.ledger, self.work.totals
        gone = self._gone()
        for origin in self._origins({}):
            compare(origin, self.work.instance, ledger, totals, self.permissions)
        check_found(self.permissions)
        clear_sources(gone, self.surroundings, ledger, None)

    def _gone(self) -> list[str]:
        work = self.work
        return check_sources(work.request.graph, work.store.ledger, work.instance, self.permissions)

    def _origins(self, over: dict[str, Verdict]) -> Iterator[Origin]:
        graph = self.work.request.graph
        called = call_steps(steps_for_items(graph), define(graph, {}), Called(), self.surroundings)
        called.check()
        fingerprints = {name: value.fingerprint for name, value in called.values.items()}
        definitions = define(graph, fingerprints)
        self.work.started()
        return self.work.origins(definitions, called, self.chosen, self.surroundings, over)


@contextmanager
def _planning(home: Home, request: Request, observer: Observer | None) -> Iterator[_Planning]:
    work = Work(home, request, observer)
    now = home.clock.now()
    refused: list[GuardError] = []
    chosen = {}
    for node in ends_of(request):
        choice = imagine(node, work.store, work.instance, request, now)
        if choice.replaces is not None:
            space = choice.generation.space
            try:
                check_alone(work.store, work.instance, choice.replaces, space)
                if not request.how.accept:
                    check_space(work.store, choice.replaces, space)
            except GuardError as error:
                refused.append(error)
        chosen[node.name] = choice
    with work.surroundings(None) as surroundings:
        permissions = work.permissions(
            allow_deletions=request.how.allow_deletions,
            refuse=refused.append,
            before_writing=lambda: None,
        )
        yield _Planning(work, chosen, surroundings, permissions, refused)
