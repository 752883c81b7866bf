"""What would a run do?"""

from typing import Any

from ragflow.interfaces.orchestration import Observer
from ragflow.runtime.ends import ends_of, imagine
from ragflow.runtime.home import Home
from ragflow.runtime.origins import (
    Permissions,
    check_found,
    check_sources,
    clear_sources,
    process,
)
from ragflow.runtime.request import Request
from ragflow.runtime.summary import plan_summary
from ragflow.runtime.work import Work
from ragflow.scheduling.definitions import define
from ragflow.scheduling.descent import Verdict
from ragflow.scheduling.steps import Called, call_steps, steps_for_items


def plan(home: Home, request: Request, observer: Observer | None = None) -> dict[str, Any]:
    """Say what a run would do; return what ``plan --json`` prints.

    Reads and cuts what a run would, remembers it, embeds nothing and writes to no target.
    Where a guard would refuse the run the observer is told, and the plan says what would be
    done if it were allowed. Raises `SourceError` when the source cannot be listed.
    """
    work = Work(home, request, observer)
    graph = request.graph
    now = home.clock.now()
    chosen = {}
    for node in ends_of(request):
        choice = imagine(node, work.store, work.instance, request, now)
        replaced = choice.replaces
        is_imagined = replaced is not None and choice.generation.number == 0
        if replaced is not None and is_imagined and work.store.ledger.row_count(replaced.id):
            work.observer.noted(f"{node.end} was made with another model: a run needs --accept")
        chosen[node.name] = choice
    with work.surroundings(None) as surroundings:
        permissions = Permissions(
            allow_deletions=False,
            refuse=lambda error: work.observer.noted(f"a run would be refused: {error}"),
            noted=work.observer.noted,
            listed=work.observer.listed,
            before_writing=lambda: None,
            released=work.released(),
            only=frozenset(request.how.only),
            is_partial=request.is_partial,
            is_again=request.how.force or request.how.since is not None,
        )
        gone = check_sources(graph, work.store.ledger, work.instance, permissions)
        called = call_steps(steps_for_items(graph), define(graph, {}), Called(), surroundings)
        called.check()
        fingerprints = {name: value.fingerprint for name, value in called.values.items()}
        definitions = define(graph, fingerprints)
        work.started()
        over: dict[str, Verdict] = {}
        for origin in work.origins(definitions, called, chosen, surroundings, over):
            over.update(process(origin, surroundings, work.store.ledger, None, permissions))
        check_found(permissions)
        clear_sources(gone, surroundings, work.store.ledger, None)
    work.store.flush()
    summary = plan_summary(work.instance.name, graph, work.totals)
    work.observer.ended(summary)
    return summary
