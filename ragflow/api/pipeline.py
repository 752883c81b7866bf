"""What does ``@pipeline`` make of a function?"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, overload

from ragflow.api.people import user_name
from ragflow.api.results import Plan, Run
from ragflow.api.scope import find_scope
from ragflow.config import Project
from ragflow.core.fire_date import firing, is_firing
from ragflow.core.graph_builder import record
from ragflow.core.parameters import Parameters
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.errors import PipelineError, UsageError
from ragflow.interfaces.orchestration import Observer
from ragflow.runtime.home import open_home
from ragflow.runtime.request import How, Request
from ragflow.scheduling.schedules import Schedule, read_schedule

#: What a pipeline is drawn with where its own name would not do.
_EXAMPLES: Mapping[Any, Any] = {int: 1, float: 1.0, bool: False}
#: What a pipeline that asks for its instant is drawn with.
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
#: Names of options of `Pipeline.run`, which a pipeline's parameters cannot have.
RESERVED = (
    "accept",
    "allow_deletions",
    "fast",
    "force",
    "instance",
    "max_cost",
    "max_failed",
    "observer",
    "only",
    "project",
    "since",
    "until",
    "wait",
)


class Pipeline:
    """A function that says how documents become an index, with its parameters.

    `run` and `plan` carry it out; `graph` shows what it records.
    """

    def __init__(
        self,
        function: Callable[..., None],
        *,
        name: str | None = None,
        schedule: str | Schedule | None = None,
        scope: Sequence[str] | None = None,
        limit: int | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.function = function
        self.name = name or function.__name__
        #: When it runs by itself, or None.
        self.schedule = None if schedule is None else read_schedule(schedule)
        #: Most calls of one run at the same time; None for what there is room for.
        self.limit = limit
        self._scope = None if scope is None else tuple(scope)
        self._defaults = dict(defaults or {})
        self.parameters = Parameters.of(function, owner=f"the pipeline {self.name}")
        self.parameters.check_names([*self._defaults, *(self._scope or ())])
        if limit is not None and limit < 1:
            raise PipelineError(
                f"the pipeline {self.name!r} cannot run with limit={limit}",
                hint="give it room for one call at least",
            )
        for taken in RESERVED:
            if taken in self.parameters.by_name:
                raise PipelineError(
                    f"the pipeline {self.name!r} has a parameter called {taken!r}",
                    hint="call it otherwise: run() and plan() take an option of that name",
                )

    @property
    def description(self) -> str:
        """The first line of its docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    def derive(self, name: str, **defaults: Any) -> "Pipeline":
        """Return a variant under another name, with other defaults."""
        return Pipeline(
            self.function,
            name=name,
            schedule=self.schedule,
            scope=self._scope,
            limit=self.limit,
            defaults={**self._defaults, **defaults},
        )

    def values(self, given: Mapping[str, Any], *, texts: bool = False) -> dict[str, Any]:
        """Return every parameter's value; see `Parameters.convert`."""
        return self.parameters.convert({**self._defaults, **given}, texts=texts)

    def graph(self, **parameters: Any) -> PipelineGraph:
        """Return its graph for these parameters; nothing runs.

        A required parameter that is not given is taken by its name, or by some number where
        it is one, so that a pipeline can be drawn without deciding anything. Raises
        `PipelineError` when the definition is wrong.
        """
        given = {**self._defaults, **parameters}
        missing = {
            p.name: _EXAMPLES.get(p.kind, p.name)
            for p in self.parameters.by_name.values()
            if p.is_required and p.name not in given
        }
        known = self.parameters.without(missing).convert(given)
        with nullcontext() if is_firing() else firing(_SOME_DAY):
            return self._graph({**known, **missing})

    def _graph(self, values: Mapping[str, Any]) -> PipelineGraph:
        with record(self.name) as builder:
            self.function(**values)
        return builder.graph()

    def request(
        self,
        given: Mapping[str, Any],
        *,
        project: Project,
        texts: bool = False,
        instance: str | None = None,
        fire_date: datetime | None = None,
        **how: Any,
    ) -> Request:
        """Return the request for a run: graph, instance and scope decided; `how` as in `How`.

        `fire_date` is the instant that a schedule fired it for. Raises `NotFoundError` where it
        names a task that the pipeline does not have, and `UsageError` where it is to begin after
        its end.
        """
        with firing(fire_date):
            return self._request(How(**how), given, project=project, texts=texts, instance=instance)

    def _request(
        self,
        wanted: How,
        given: Mapping[str, Any],
        *,
        project: Project,
        texts: bool,
        instance: str | None,
    ) -> Request:
        stated = project.config.parameters.get(self.name, {})
        values = self.values({**stated, **given}, texts=texts)
        folders = (str(project.root / project.config.models),)
        graph = self._graph(values).surrounded(model_folders=folders)
        if wanted.since is not None:
            graph.until(wanted.since)
        if wanted.until is not None:
            graph = graph.until(wanted.until)
            if wanted.since is not None and wanted.since not in graph.nodes:
                raise UsageError(
                    f"{wanted.since!r} is not called by a run that ends with {wanted.until!r}",
                    hint="begin with a task that comes before the last",
                )
        if self._scope is None:
            scope = find_scope(self.parameters, values, self._graph)
        else:
            scope = {name: values[name] for name in self._scope}
        return Request(
            pipeline=self.name,
            graph=graph,
            instance=instance or self.name,
            scope=scope,
            parameters=values,
            limit=self.limit,
            how=wanted,
        )

    def run(
        self,
        *,
        accept: bool = False,
        allow_deletions: bool = False,
        wait: bool = False,
        max_cost: int | None = None,
        max_failed: int | str | None = None,
        until: str | None = None,
        only: Sequence[str] = (),
        since: str | None = None,
        force: bool = False,
        instance: str | None = None,
        project: Path | str | None = None,
        observer: Observer | None = None,
        **parameters: Any,
    ) -> Run:
        """Bring the index up to date and return what was done.

        `allow_deletions` and `accept` allow what guards refuse: to delete many documents, or to
        make again many that did not change, or what costs more than `max_cost` (tokens).
        `max_failed` documents, a number or ``"2%"``, may fail before the run does. `until`
        names the last task to be called, `only` the keys of the documents to look at; from
        the task `since` on, or with `force` everywhere, nothing remembered is used. `project`
        is a folder of the project, the working directory unless given. Works inside a running
        event loop too. Raises `GuardError` when refused, `BusyError` when the instance is
        held, `RunError` when the run failed as a whole and `RunCancelled` when another process
        cancelled it; documents that failed are in the result.
        """
        from ragflow.runtime.run import run

        with open_home(_folder(project)) as home:
            request = self.request(
                parameters,
                project=home.project,
                instance=instance,
                accept=accept,
                allow_deletions=allow_deletions,
                wait=wait,
                max_cost=max_cost,
                max_failed=max_failed,
                until=until,
                only=tuple(only),
                since=since,
                force=force,
                actor=user_name(),
            )
            return Run(run(home, request, observer))

    def plan(
        self,
        *,
        fast: bool = False,
        max_cost: int | None = None,
        until: str | None = None,
        only: Sequence[str] = (),
        since: str | None = None,
        force: bool = False,
        instance: str | None = None,
        project: Path | str | None = None,
        observer: Observer | None = None,
        **parameters: Any,
    ) -> Plan:
        """Return what a run would do, without embedding and without writing to a target.

        With `fast` no document is opened: they are told apart by their version tokens alone.
        Further options are those of `run`.
        """
        from ragflow.runtime.plan import fast_plan, plan

        with open_home(_folder(project)) as home:
            request = self.request(
                parameters,
                project=home.project,
                instance=instance,
                max_cost=max_cost,
                until=until,
                only=tuple(only),
                since=since,
                force=force,
            )
            return Plan((fast_plan if fast else plan)(home, request, observer))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from ragflow.views.graphs import mermaid, svg

        graph = self.graph()
        return {"image/svg+xml": svg(graph), "text/plain": mermaid(graph)}

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def _folder(project: Path | str | None) -> Path | None:
    return None if project is None else Path(project)


@overload
def pipeline(function: Callable[..., None], /) -> Pipeline: ...
@overload
def pipeline(
    *,
    name: str | None = None,
    schedule: str | Schedule | None = None,
    scope: Sequence[str] | None = None,
    limit: int | None = None,
) -> Callable[[Callable[..., None]], Pipeline]: ...
def pipeline(
    function: Callable[..., None] | None = None,
    /,
    *,
    name: str | None = None,
    schedule: str | Schedule | None = None,
    scope: Sequence[str] | None = None,
    limit: int | None = None,
) -> Any:
    """Make a function a pipeline: its typed arguments are the parameters.

    `name` is what state is kept under, the function's name unless given; `schedule` a cron
    expression in UTC or a `Schedule`, by which `ragflow serve` runs it; `scope` the parameters
    that tell instances apart, by default those that name a target; `limit` how many calls of one
    run there may be at the same time.
    """
    if function is not None:
        return Pipeline(function)
    return lambda decorated: Pipeline(
        decorated, name=name, schedule=schedule, scope=scope, limit=limit
    )
