"""How is one run carried out, from the request to its summary?"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from ragflow.core.parameters import plainly
from ragflow.core.pipeline_graph import Node
from ragflow.core.records import EndNow, FailedAttempt, Generation, Instance
from ragflow.core.shapes import Shape
from ragflow.core.states import GenerationState, OwnerState, RunState
from ragflow.errors import BusyError, GuardError, RagflowError, RunError, SkipDocument
from ragflow.interfaces.orchestration import Executor, MetadataStore, Observer, Source
from ragflow.plugins import find
from ragflow.runtime.generations import Chosen, check_alone, choose_generation, clear_retired
from ragflow.runtime.home import Home
from ragflow.runtime.origins import Origin, Permissions, check_sources, clear_sources, process
from ragflow.runtime.request import Request
from ragflow.runtime.silence import Silence
from ragflow.runtime.summary import plan_summary, run_summary
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.commits import Committer, Place
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import Definitions, define, space_of
from ragflow.scheduling.function_source import FunctionSource
from ragflow.scheduling.groups import Gathering
from ragflow.scheduling.owners import reason_of, sentence_of, traceback_of
from ragflow.scheduling.resources import OpenResources
from ragflow.scheduling.steps import call_steps, early_steps, late_steps, steps_for_items
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.totals import Totals
from ragflow.scheduling.walk import Ground, tasks_below
from ragflow.secrets import resolve


class _Work:
    """What a run and a plan have in common: open stores, executors, totals."""

    def __init__(self, home: Home, request: Request, observer: Observer | None) -> None:
        self.home = home
        self.request = request
        self.observer: Observer = observer or Silence()
        self.begun = home.clock.elapsed()
        self.totals = Totals(request.graph)
        self.store = home.metadata
        self.instance: Instance = self.store.instance(
            request.instance, request.pipeline, request.scope
        )
        self.run: int | None = None
        self.seconds = {"total": 0.0, "start": 0.0}

    @contextmanager
    def surroundings(self, committer: Committer | None) -> Iterator[Surroundings]:
        """Open executors and resources; close them whatever happens."""
        threads = find("executors", "threads")
        executors: dict[str, Executor] = {
            "inline": find("executors", "inline")(1),
            "threads": threads(self.home.workers()),
            "batches": threads(1),
            "commits": threads(1),
        }
        resources = OpenResources(resolve, self._opened)
        try:
            yield Surroundings(
                instance=self.instance,
                memos=self.store.memos,
                executors=executors,
                resources=resources,
                clock=self.home.clock,
                totals=self.totals,
                serve=None if committer is None else committer.serve,
                progress=lambda waiting: self.observer.progressed(self.totals.tasks, waiting),
                failed=self._failed,
            )
        finally:
            for executor in executors.values():
                executor.close()
            resources.close()

    def _opened(self, name: str, thing: Any) -> None:
        """Say on which device something computes."""
        device = getattr(thing, "device", None)
        if device is not None:
            self.observer.noted(f"{name}: computes on {device}")

    def _failed(self, key: str, stop: Stop) -> None:
        if self.run is None or isinstance(stop.error, SkipDocument):
            return
        error = stop.error
        attempt = FailedAttempt(
            run=self.run,
            task=stop.task,
            key=key,
            part=".".join(map(str, stop.part)) or None,
            reason=reason_of(error),
            message=sentence_of(error),
            traceback=traceback_of(error),
            at=self.home.clock.now(),
        )
        self.store.runs.fail([attempt])

    def origins(
        self,
        definitions: Definitions,
        values: Mapping[str, Datum],
        chosen: Mapping[str, Chosen],
        resources: OpenResources,
    ) -> Iterator[Origin]:
        """Yield the origins, each after those it gathers from."""
        graph = self.request.graph
        groupings = graph.shaped(Shape.GROUPING)
        gatherings = {node.name: Gathering(node) for node in groupings}
        for node in graph.nodes.values():
            if node.origin != node.name:
                continue
            members = graph.members(node.name)
            ends = {
                target.name: (target, self._end(target, definitions, chosen[target.name]))
                for target in members
                if target.shape is Shape.TARGET
            }
            mine = [each for each in groupings if graph.nodes[each.data[0]].origin == node.name]
            needed = {up.name for each in mine for up in graph.upstream(each.data[0])}
            tasks = tasks_below(members)
            if node.name in gatherings:
                source: Source = gatherings[node.name]
            elif node.task is not None:
                source = FunctionSource(node, values, resources)
            else:
                source = self.home.source(node.subject)
            yield Origin(
                node=node,
                graph=graph,
                source=source,
                ground=Ground(node.name, tasks, definitions, values),
                ends=ends,
                rebuilding=any(chosen[name].replaces is not None for name in ends),
                gatherings=[gatherings[each.name] for each in mine],
                gather_ground=Ground(
                    node.name, [t for t in tasks if t.name in needed], definitions, values
                ),
            )

    def _end(self, node: Node, definitions: Definitions, chosen: Chosen) -> EndNow:
        return EndNow(node.end or "", chosen.generation.id, definitions.definitions[node.name])

    def released(self) -> list[str]:
        """Return the requirements that documents were skipped for and that are met now."""
        wanted = self.store.ledger.requirements(self.instance)
        if not wanted:
            return []
        from ragflow.parsing.requirements import satisfied

        return [requirement for requirement in wanted if satisfied(requirement)]

    def started(self) -> None:
        """Tell the observer which tasks may take part."""
        self.observer.started(list(self.totals.tasks))
        self.seconds["start"] = self.home.clock.elapsed() - self.begun

    def ended(self) -> None:
        """Take the time."""
        self.seconds["total"] = self.home.clock.elapsed() - self.begun


def run(home: Home, request: Request, observer: Observer | None = None) -> dict[str, Any]:
    """Carry out a run; return what ``--json`` prints.

    Raises `GuardError` when it was refused, `BusyError` when the instance or the store is
    held, `RunError` when a step or the listing failed. Interrupted, it stops cleanly, keeps
    what was computed and raises `KeyboardInterrupt`.
    """
    work = _Work(home, request, observer)
    owner = f"run of {request.instance}"
    with work.store.hold(work.instance, owner=owner, wait=request.wait):
        work.store.ledger.recover(work.instance)
        number = work.store.runs.begin(
            work.instance, plainly(request.parameters), trigger=request.trigger
        )
        work.run = number
        try:
            summary = _carry_out(work)
        except BaseException as error:
            _record_end(work, number, error)
            raise
        state = RunState(summary["state"])
        work.store.runs.end(number, state, summary=summary, totals=work.totals.tasks)
        work.store.flush()
    work.observer.ended(summary)
    return summary


def _record_end(work: _Work, number: int, error: BaseException) -> None:
    cancelled = isinstance(error, KeyboardInterrupt)
    state = RunState.CANCELLED if cancelled else RunState.FAILED
    message = "interrupted" if cancelled else sentence_of(error)
    try:
        work.store.runs.end(number, state, summary=None, totals=work.totals.tasks, error=message)
    except RagflowError:
        # The store itself is what failed; the first error says more.
        return


def _carry_out(work: _Work) -> dict[str, Any]:
    request, graph, store = work.request, work.request.graph, work.store
    chosen = {
        node.name: choose_generation(
            store,
            work.instance,
            target=node.task.target,
            place=node.parameters[node.task.place],
            space=space_of(graph, node),
            accept=request.accept,
        )
        for node in graph.ends
    }
    with ExitStack() as holds:
        places = {
            choice.generation.id: _place(work.home, choice.generation) for choice in chosen.values()
        }
        replaced = {
            choice.replaces.id: _place(work.home, choice.replaces)
            for choice in chosen.values()
            if choice.replaces is not None
        }
        # What is gone must go from what serves until the next generation is whole, too.
        committer = Committer(
            store.ledger,
            work.instance,
            work.run or 0,
            {**places, **replaced},
            elsewhere=lambda number: _find_place(work.home, number),
        )
        surroundings = holds.enter_context(work.surroundings(committer))
        permissions = Permissions(
            allow_deletions=request.allow_deletions,
            refuse=_refuse,
            noted=work.observer.noted,
            listed=work.observer.listed,
            before_writing=_once(lambda: _hold_targets(work, places, holds)),
            released=work.released(),
        )
        gone = check_sources(graph, store.ledger, work.instance, permissions)
        late = late_steps(graph)
        names = define(graph, {})
        values = call_steps(early_steps(graph), names, {}, surroundings)
        definitions = define(graph, {name: value.fingerprint for name, value in values.items()})
        work.started()
        for origin in work.origins(definitions, values, chosen, surroundings.resources):
            process(origin, surroundings, store.ledger, committer, permissions)
        if gone:
            permissions.before_writing()
            clear_sources(gone, surroundings, store.ledger, committer)
        _publish(work, chosen, permissions)
        call_steps(late, definitions, values, surroundings)
    work.ended()
    failed = work.totals.failed
    return run_summary(
        run=work.run,
        instance=work.instance.name,
        state=RunState.SUCCEEDED_WITH_FAILURES if failed else RunState.SUCCEEDED,
        graph=graph,
        totals=work.totals,
        rows=_rows(work, chosen),
        seconds=work.seconds,
    )


def _place(home: Home, generation: Generation) -> Place:
    return Place(lambda: home.target(generation.target), generation)


def _refuse(error: GuardError) -> None:
    raise error


def _find_place(home: Home, number: int) -> Place | None:
    generation = home.metadata.generations.get(number)
    return None if generation is None else _place(home, generation)


def _hold_targets(work: _Work, places: Mapping[int, Place], holds: ExitStack) -> None:
    """Take turns with other writers, then make the places."""
    held: set[int] = set()
    for place in places.values():
        if id(place.target) not in held:
            held.add(id(place.target))
            owner = f"run {work.run} of {work.instance.name}"
            holds.enter_context(place.target.writing(owner=owner, wait=work.request.wait))
        _check_still_there(work.store, place.generation)
        place.target.prepare(place.generation)


def _check_still_there(store: MetadataStore, chosen: Generation) -> None:
    """Refuse to write a generation that somebody replaced or dropped since it was chosen."""
    now = store.generations.get(chosen.id)
    if now is None or now.state is not chosen.state:
        raise RunError(
            f"{chosen.target} {chosen.place!r} was replaced or dropped meanwhile",
            hint="run it again: it will write to what is there now",
        )


def _once(call: Callable[[], None]) -> Callable[[], None]:
    done: list[bool] = []

    def calling() -> None:
        if not done:
            done.append(True)
            call()

    return calling


def _publish(work: _Work, chosen: Mapping[str, Chosen], permissions: Permissions) -> None:
    """Switch to generations that are whole; what failed for now keeps the old one serving."""
    for node in work.request.graph.ends:
        choice = chosen[node.name]
        if choice.replaces is not None:
            failed = work.store.ledger.owners(choice.generation.id, state=OwnerState.FAILED)
            if next(iter(failed), None) is not None:
                work.observer.noted(
                    f"{node.end}: not switched yet, some documents could not be read; "
                    "run it again with --accept"
                )
                continue
            permissions.before_writing()
            check_alone(work.store, work.instance, choice.replaces, choice.generation.space)
            work.store.generations.publish(choice.generation)
        if work.store.generations.retired(node.task.target):
            try:
                permissions.before_writing()
            except BusyError:
                continue  # who writes now, or the next run, clears up
            clear_retired(work.store, node.task.target, work.home.target(node.task.target))


def _rows(work: _Work, chosen: Mapping[str, Chosen]) -> int:
    ledger, mine = work.store.ledger, work.instance.id
    numbers = {choice.generation.id for choice in chosen.values()}
    return sum(ledger.row_count(n) - ledger.row_count(n, but_not=mine) for n in numbers)


def plan(home: Home, request: Request, observer: Observer | None = None) -> dict[str, Any]:
    """Say what a run would do; return what ``plan --json`` prints.

    Reads and cuts what a run would, remembers it, embeds nothing and writes to no target.
    Where a guard would refuse the run the observer is told, and the plan says what would be
    done if it were allowed. Raises `SourceError` when the source cannot be listed.
    """
    work = _Work(home, request, observer)
    graph = request.graph
    chosen = {node.name: _peek(work, node) for node in graph.ends}
    with work.surroundings(None) as surroundings:
        permissions = Permissions(
            allow_deletions=False,
            refuse=lambda error: work.observer.noted(f"a run would be refused: {error}"),
            noted=work.observer.noted,
            listed=work.observer.listed,
            before_writing=lambda: None,
            released=work.released(),
        )
        names = define(graph, {})
        values = call_steps(steps_for_items(graph), names, {}, surroundings)
        definitions = define(graph, {name: value.fingerprint for name, value in values.items()})
        work.started()
        for origin in work.origins(definitions, values, chosen, surroundings.resources):
            process(origin, surroundings, work.store.ledger, None, permissions)
    work.store.flush()
    summary = plan_summary(work.instance.name, graph, work.totals)
    work.observer.ended(summary)
    return summary


def _peek(work: _Work, node: Node) -> Chosen:
    """Return the generation a run would write, without making one."""
    target, place = node.task.target, node.parameters[node.task.place]
    space = dict(space_of(work.request.graph, node))
    published = work.store.generations.published(target, place)
    for generation in work.store.generations.of(target, place):
        if dict(generation.space) == space:
            same = published is not None and generation.id == published.id
            return Chosen(generation, None if same else published)
    if published is not None and work.store.ledger.row_count(published.id):
        work.observer.noted(f"{node.end} was made with another model: a run needs --accept")
    imagined = Generation(
        # No end of this graph shares it, and no generation there is.
        id=-1 - list(work.request.graph.nodes).index(node.name),
        target=target,
        place=place,
        number=0,
        space=space,
        physical="",
        state=GenerationState.BUILDING,
        created_at=work.home.clock.now(),
    )
    return Chosen(imagined, published)
