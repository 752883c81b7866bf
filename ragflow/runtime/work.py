"""What have a run and a plan in common: open stores, executors, totals, origins."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from ragflow.config import limits_of
from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import FailedAttempt, Instance
from ragflow.core.run_records import Lease
from ragflow.core.shapes import Shape
from ragflow.core.states import RunState
from ragflow.cores import usable_cores
from ragflow.errors import GuardError, RagflowError, RunError, SkipDocument
from ragflow.interfaces.orchestration import MetadataStore, Observer, Source
from ragflow.runtime.ends import end_now
from ragflow.runtime.generations import Chosen
from ragflow.runtime.going_first import GoingFirst
from ragflow.runtime.guards import Limits
from ragflow.runtime.home import Home
from ragflow.runtime.origin import Origin, Permissions
from ragflow.runtime.request import Request
from ragflow.runtime.scratch import clean_scratch, remove
from ragflow.runtime.silence import Silence
from ragflow.runtime.workers import Workers, settled
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.commits import Served, Written
from ragflow.scheduling.definitions import Definitions
from ragflow.scheduling.descent import Verdict
from ragflow.scheduling.elsewhere import Elsewhere
from ragflow.scheduling.function_source import FunctionSource
from ragflow.scheduling.groups import Gathering
from ragflow.scheduling.owners import reason_of, sentence_of, traceback_of
from ragflow.scheduling.policies import Room
from ragflow.scheduling.printing import Masks, aside, listening
from ragflow.scheduling.reckoning import Reckoning
from ragflow.scheduling.resources import OpenResources
from ragflow.scheduling.steps import Called
from ragflow.scheduling.surroundings import Attempt, Surroundings
from ragflow.scheduling.totals import Totals
from ragflow.scheduling.transitions.policy import DEATHS
from ragflow.scheduling.walk import Ground, tasks_below
from ragflow.secrets import resolve


class Work:
    """What a run and a plan have in common."""

    def __init__(self, home: Home, request: Request, observer: Observer | None) -> None:
        self.home = home
        self.observer: Observer = observer or Silence()
        graph = settled(request.graph, self.observer.noted)
        self.request = request = msgspec.structs.replace(request, graph=graph)
        self.begun = home.clock.elapsed()
        self.totals = Totals(request.graph)
        self.store: MetadataStore = home.metadata
        self.instance: Instance = self.store.instance(
            request.instance, request.pipeline, request.scope
        )
        #: The run's number; None in a plan.
        self.run: int | None = None
        #: Lets owners that others ask for go first; None in a plan and a partial run.
        self.going_first: GoingFirst | None = None
        #: What lets it write; None in a plan.
        self.lease: Lease | None = None
        self.seconds = {"total": 0.0, "start": 0.0}
        self._masks = Masks()

    @contextmanager
    def surroundings(
        self, serve: Callable[[Sequence[Served]], Written] | None
    ) -> Iterator[Surroundings]:
        """Open executors and resources as they are needed; close them whatever happens.

        Without `serve` nothing is written, and what would be is counted.
        What is raised within says no secret that a resource of this process was told.
        """
        workers = Workers(self.home.workers(), self.request.graph)
        resources = OpenResources(self._masks.over(resolve), self._opened, self.totals.use)
        run = self.run
        hearing = ExitStack()
        scratch = clean_scratch(self.home.folder, self.instance.id if run is not None else None)
        try:
            if run is not None:
                hearing.enter_context(listening())
            yield Surroundings(
                instance=self.instance,
                run=run,
                memos=self.store.memos,
                assignments=None if run is None else self.store.assignments,
                executors=workers,
                resources=resources,
                clock=self.home.clock,
                totals=self.totals,
                room=self._room(workers),
                serve=None if serve is None else self._masking(serve),
                reckoning=Reckoning(self.store.ledger, resources) if serve is None else None,
                progress=lambda waiting: self.observer.progressed(self.totals.tasks, waiting),
                failed=self._failed,
                noted=self.observer.noted,
                asked=lambda: None if run is None else self.store.controls.asked(run),
                awaited=lambda: () if self.going_first is None else self.going_first.awaited(),
                entered=self._entered,
                logged=self._logged,
                masks=self._masks,
                elsewhere=Elsewhere(
                    self.request.graph.nodes,
                    self.home.project.root,
                    self.home.folder,
                    scratch,
                ),
                suspects=self._suspects(),
                fresh=_fresh(self.request),
            )
        except Exception as error:
            masked = _without_secrets(error, self._masks)
            if masked is error:
                raise
            raise masked from None
        finally:
            with hearing:
                workers.close()
                resources.close()
                remove(scratch)

    def _room(self, workers: Workers) -> Room:
        config = self.home.project.config
        limits = dict(limits_of(config))
        limits["cpu"] = config.limits.cpu or max(usable_cores(), self.home.workers())
        most = self.request.how.max_failed
        return Room(
            slots=workers.slots(),
            isolated=workers.isolated(),
            limits=limits,
            rates=config.read_rates(),
            limit=self.request.limit,
            max_failed=most if isinstance(most, int) else None,
        )

    def _suspects(self) -> dict[bytes, int]:
        """Return the calls that were open when something died, with their deaths alone."""
        if self.run is None:
            return {}
        found = self.store.assignments.take_up(self.instance)
        tried = sum(suspect.deaths.alone < DEATHS for suspect in found)
        if tried:
            self.observer.noted(
                f"{tried} {'call was' if tried == 1 else 'calls were'} open when a run was cut "
                "off: each is tried alone first"
            )
        return {suspect.call: suspect.deaths.alone for suspect in found}

    def _opened(self, name: str, thing: Any) -> None:
        """Say on which device something computes."""
        device = getattr(thing, "device", None)
        if device is not None:
            self.observer.noted(f"{name}: computes on {device}")

    def _entered(self, state: RunState) -> None:
        if self.run is not None:
            self.store.runs.mark(self.run, state)
            self.observer.noted(f"the run is {state}")

    def _logged(self, task: str, key: str, stream: str, level: str | None, text: str) -> None:
        """Keep what a call printed or logged; a plan keeps nothing."""
        if self.run is not None:
            self.store.logs.add(
                self.run,
                text,
                at=self.home.clock.now(),
                stream=stream,
                level=level,
                task=task,
                key=key or None,
            )

    def _failed(self, key: str, stop: Stop, attempt: Attempt) -> None:
        if self.run is None or isinstance(stop.error, SkipDocument):
            return
        error = stop.error
        failed = FailedAttempt(
            run=self.run,
            task=stop.task,
            key=key,
            part=".".join(map(str, stop.part)) or None,
            reason=reason_of(error),
            message=self._masks.masked_cut(sentence_of(error)),
            traceback=self._masked(traceback_of(error)),
            at=self.home.clock.now(),
            number=attempt.number,
            outcome=attempt.outcome,
            seconds=attempt.seconds,
        )
        self.store.runs.fail([failed])

    def _masked(self, text: str | None) -> str | None:
        return None if text is None else self._masks.masked_cut(text)

    def _masking(
        self, serve: Callable[[Sequence[Served]], Written]
    ) -> Callable[[Sequence[Served]], Written]:
        """Return the same function; why owners are not served is written without secrets."""
        return lambda portion: serve([self._without_secrets(each) for each in portion])

    def _without_secrets(self, done: Served) -> Served:
        if all(end.commit.message is None for end in done.ends):
            return done
        ends = []
        for end in done.ends:
            commit = msgspec.structs.replace(
                end.commit,
                message=self._masked(end.commit.message),
                traceback=self._masked(end.commit.traceback),
            )
            ends.append(msgspec.structs.replace(end, commit=commit))
        return msgspec.structs.replace(done, ends=ends)

    def origins(
        self,
        definitions: Definitions,
        called: Called,
        chosen: Mapping[str, Chosen],
        surroundings: Surroundings,
        over: Mapping[str, Verdict],
    ) -> Iterator[Origin]:
        """Yield the origins, each after those it gathers from.

        `over` is what became of whole tasks; it may grow while origins are processed.
        """
        graph = self.request.graph
        groupings = graph.shaped(Shape.GROUPING)
        over_source = {
            node.name: graph.nodes[graph.nodes[node.data[0]].origin].source for node in groupings
        }
        gatherings = {node.name: Gathering(node, over=over_source[node.name]) for node in groupings}
        for node in graph.nodes.values():
            if node.origin != node.name:
                continue
            members = graph.members(node.name)
            ends = {
                each.name: (each, end_now(each, definitions, chosen[each.name]))
                for each in members
                if each.name in chosen
            }
            mine = [each for each in groupings if graph.nodes[each.data[0]].origin == node.name]
            if node.name in gatherings:
                source: Source = gatherings[node.name]
            elif node.task is not None:
                source = FunctionSource(node, called.values, surroundings.resources)
            else:
                source = self.home.source(node.subject)
            yield Origin(
                node=node,
                graph=graph,
                source=source,
                ground=Ground(
                    node.name, tasks_below(members), definitions, called.values, over=over
                ),
                ends=ends,
                rebuilding=any(chosen[name].replaces is not None for name in ends),
                gatherings=[gatherings[each.name] for each in mine],
                gathered=frozenset(
                    above.name for each in mine for above in graph.upstream(each.data[0])
                ),
            )

    def permissions(
        self,
        *,
        allow_deletions: bool,
        refuse: Callable[[GuardError], None],
        before_writing: Callable[[], None],
    ) -> Permissions:
        """Return what the request allows; what a run and a plan differ in is given."""
        return Permissions(
            allow_deletions=allow_deletions,
            accept=self.request.how.accept,
            limits=Limits.of(self.home.project.config.guards),
            recipes=self.store.recipes,
            manifests=self.store.manifests,
            refuse=refuse,
            noted=self.observer.noted,
            listed=self.observer.listed,
            before_writing=before_writing,
            released=self.released(),
            only=frozenset(self.request.how.only),
            is_partial=self.request.is_partial,
            is_again=self.request.how.is_again,
            going_first=self.going_first,
        )

    def released(self) -> list[str]:
        """Return the requirements that documents were skipped for and that are met now."""
        wanted = self.store.ledger.requirements(self.instance)
        if not wanted:
            return []
        from ragflow.parsing.requirements import satisfied

        return [requirement for requirement in wanted if satisfied(requirement)]

    def check_lease(self) -> None:
        """Raise `LeaseLostError` when the run is another's by now."""
        assert self.lease is not None
        self.store.leases.check(self.lease)

    def started(self) -> None:
        """Tell the observer which tasks may take part."""
        with aside():  # a progress display takes the streams, and gives back what it took
            self.observer.started(list(self.totals.tasks))
        self.seconds["start"] = self.home.clock.elapsed() - self.begun

    def ended(self) -> None:
        """Take the time."""
        self.seconds["total"] = self.home.clock.elapsed() - self.begun


def _without_secrets(error: Exception, masks: Masks) -> Exception:
    """Return the error, or what says the same without the secrets in it."""
    told = sentence_of(error)
    masked = masks.masked_cut(told)
    hint = getattr(error, "hint", None)
    if masked == told and (not isinstance(hint, str) or masks.masked(hint) == hint):
        return error
    if not isinstance(error, RagflowError):
        return RunError(masked)
    error.args = (masked,)
    error.hint = None if error.hint is None else masks.masked(error.hint)
    error.__cause__ = None  # it says the same, in its own words
    return error


def _fresh(request: Request) -> frozenset[str]:
    """Return the tasks whose memos are not asked.

    Those that somebody wants done again, and steps of a run that just began: what they
    remember is for their run alone.
    """
    graph, how = request.graph, request.how
    if how.force:
        return frozenset(graph.nodes)
    fresh = set() if how.since is None else {node.name for node in _below(graph, how.since)}
    if how.resumes is None:
        steps = graph.shaped(Shape.STEP)
        fresh.update(node.name for node in steps if node.task.settings.memo != "home")
    return frozenset(fresh)


def _below(graph: PipelineGraph, name: str) -> list[Node]:
    """Return a task and everything that depends on it by data, in order."""
    wanted = {name}
    for node in graph.nodes.values():
        if wanted.intersection(node.data):
            wanted.add(node.name)
    return [node for node in graph.nodes.values() if node.name in wanted]
