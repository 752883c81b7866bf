"""How is one run carried out, from the request to its summary?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ragflow.core.parameters import plainly
from ragflow.core.shapes import Shape
from ragflow.core.states import RunState
from ragflow.errors import (
    GuardError,
    HomeError,
    LeaseLostError,
    RagflowError,
    RunCancelled,
    RunError,
    SourceError,
)
from ragflow.interfaces.orchestration import Ledger, Observer
from ragflow.runtime.ends import (
    choose_ends,
    ends_of,
    forget_tasks,
    hold_targets,
    place_of,
    publish,
    row_count,
)
from ragflow.runtime.generations import Chosen
from ragflow.runtime.going_first import GoingFirst
from ragflow.runtime.home import Home
from ragflow.runtime.origin import Origin, Permissions
from ragflow.runtime.origins import check_found, check_sources, clear_sources, process
from ragflow.runtime.plan import check_costs
from ragflow.runtime.recipes import keep_recipes
from ragflow.runtime.request import Request, percentage
from ragflow.runtime.retention import prune_now_and_then
from ragflow.runtime.summary import run_summary
from ragflow.runtime.work import Work
from ragflow.scheduling.commits import Committer, Place, Served, Written
from ragflow.scheduling.definitions import define
from ragflow.scheduling.descent import Verdict
from ragflow.scheduling.owners import sentence_of
from ragflow.scheduling.steps import Called, call_steps, early_steps, late_steps
from ragflow.scheduling.surroundings import Surroundings
from ragflow.scheduling.transitions.policy import DEATHS
from ragflow.scheduling.transitions.step import run_state

#: What documents are counted under when some memo may be needed no more.
_LETS_GO = ("modified", "stale", "deleted")
#: After these nothing more is called: the run is another's, was stopped or was refused.
_AT_ONCE = (LeaseLostError, RunCancelled, HomeError, GuardError)


def run(home: Home, request: Request, observer: Observer | None = None) -> dict[str, Any]:
    """Carry out a run; return what ``--json`` prints.

    Raises `GuardError` when it was refused, `BusyError` when the instance or the store is
    held, `RunError` when a step or the listing failed. Interrupted, it stops cleanly, keeps
    what was computed and raises `KeyboardInterrupt`; cancelled by another process it raises
    `RunCancelled`, and `LeaseLostError` where another took it over.
    """
    work = Work(home, request, observer)
    how = request.how
    owner = f"run of {request.instance}"
    with work.store.hold(work.instance, owner=owner, wait=how.wait) as lease:
        work.store, work.lease = work.store.leased(lease), lease
        work.store.ledger.recover(work.instance)
        work.run = _begin(work)
        try:
            summary = _carry_out(work)
        except BaseException as error:
            _record_end(work, work.run, error)
            raise
        state = RunState(summary["state"])
        _acquit(work)
        work.store.runs.end(work.run, state, summary=summary, totals=work.totals.tasks)
        work.store.flush()
    work.observer.ended(summary)
    if any(summary["documents"][name] for name in _LETS_GO):
        prune_now_and_then(home, actor=f"run {work.run}")
    return summary


def _begin(work: Work) -> int:
    how = work.request.how
    if how.resumes is not None:
        work.store.runs.take_up(how.resumes, actor=how.actor, firing=how.firing)
        return how.resumes
    parameters = plainly(work.request.parameters)
    return work.store.runs.begin(
        work.instance, parameters, trigger=how.trigger, actor=how.actor, firing=how.firing
    )


def _record_end(work: Work, number: int, error: BaseException) -> None:
    if isinstance(error, LeaseLostError):
        return  # the run is another's; it says how it ends
    cancelled = isinstance(error, KeyboardInterrupt | RunCancelled)
    phase = RunState.CANCELLING if cancelled else RunState.FAILED
    state = run_state(phase, has_failed=True)
    message = "interrupted" if isinstance(error, KeyboardInterrupt) else sentence_of(error)
    try:
        # Nothing died of what is left behind: the next run need not suspect it.
        left = work.store.assignments.left_of(number)
        work.store.assignments.close(number, [one.number for one in left])
        work.store.runs.end(number, state, summary=None, totals=work.totals.tasks, error=message)
    except RagflowError:
        # The store itself is what failed; the first error says more.
        return


def _acquit(work: Work) -> None:
    """Forget who is suspected of a death and was not found guilty, now that all is done.

    A memo answered them, or nobody needs them any more. The call that was found guilty is named
    by a dead letter as long as an owner is held back for it.
    """
    how = work.request.how
    if how.only or how.until is not None:
        return
    suspects = work.store.assignments.suspects(work.instance)
    if not suspects:
        return
    letters = work.store.dead_letters.list(instance=work.instance.name)
    guilty = {letter.call for letter in letters}
    innocent = [
        suspect.call
        for suspect in suspects
        if suspect.deaths.alone < DEATHS or suspect.call not in guilty
    ]
    work.store.assignments.clear(work.instance, innocent)


def _carry_out(work: Work) -> dict[str, Any]:
    store, graph = work.store, work.request.graph
    failure: Exception | None = None
    chosen = choose_ends(store, work.instance, work.request)
    check_costs(work)
    with ExitStack() as holds:
        places, committer = _committer(work, chosen)
        work.going_first = _going_first(work)
        surroundings = holds.enter_context(work.surroundings(_telling(committer, work)))
        hold = _once(lambda: _hold(work, places, holds))
        permissions = work.permissions(
            allow_deletions=work.request.how.allow_deletions,
            refuse=_refuse,
            before_writing=hold,
        )
        gone = check_sources(graph, store.ledger, work.instance, permissions)
        called = call_steps(early_steps(graph), define(graph, {}), Called(), surroundings)
        fingerprints = {name: value.fingerprint for name, value in called.values.items()}
        definitions = define(graph, fingerprints)
        keep_recipes(store, work.run or 0, graph, ends_of(work.request), definitions)
        work.started()
        over = called.verdicts()
        if called.has_failed:
            over.update(_not_begun(work))
        else:
            origins = work.origins(definitions, called, chosen, surroundings, over)
            failure = _process_all(
                origins,
                surroundings,
                store.ledger,
                committer=committer,
                permissions=permissions,
                over=over,
            )
            failure = failure or _too_many(work)
            if failure is None:
                check_found(permissions)
                if gone:
                    hold()
                    clear_sources(gone, surroundings, store.ledger, committer)
                _publish(work, chosen, hold)
                if work.going_first is not None:
                    work.going_first.over()
        with _raising(failure):
            called = call_steps(late_steps(graph), definitions, called, surroundings, over)
            called.check()
    work.ended()
    # What a step was blocked by is said by now; that it was is said here.
    has_failed = bool(work.totals.failed) or called.has_failed
    return run_summary(
        run=work.run,
        instance=work.instance.name,
        state=run_state(RunState.RUNNING, has_failed=has_failed),
        graph=graph,
        totals=work.totals,
        rows=row_count(store, work.instance, chosen),
        seconds=work.seconds,
    )


def _going_first(work: Work) -> GoingFirst | None:
    """Return what lets owners go first that others ask for; a partial run serves its own."""
    if work.request.is_partial or work.run is None:
        return None
    return GoingFirst(work.store, work.instance, work.run, work.home.clock)


def _telling(committer: Committer, work: Work) -> Callable[[Sequence[Served]], Written]:
    """Return what writes a portion and says so to whoever asked for one of its owners."""

    def serve(portion: Sequence[Served]) -> Written:
        written = committer.serve(portion)
        if work.going_first is not None:
            work.going_first.served(portion)
        return written

    return serve


def _process_all(
    origins: Iterator[Origin],
    surroundings: Surroundings,
    ledger: Ledger,
    *,
    committer: Committer,
    permissions: Permissions,
    over: dict[str, Verdict],
) -> Exception | None:
    """Process every origin; return the first error that ends the run.

    What waits for a failure is called before the run ends with it. Where a source could not be
    listed the others are done, and groups left as they are: nobody knows who would be in them.
    `over` is told what became of whole tasks.
    """
    failure: Exception | None = None
    is_over = False
    for origin in origins:
        try:
            if not is_over and (failure is None or origin.node.shape is not Shape.GROUPING):
                over.update(process(origin, surroundings, ledger, committer, permissions))
                continue
        except _AT_ONCE:
            raise
        except SourceError as error:
            failure = failure or error
        except Exception as error:  # noqa: BLE001 - it is raised once the late steps were called
            failure, is_over = failure or error, True
        members = origin.graph.members(origin.node.name)
        over.update({node.name: Verdict(failed=1) for node in members})
    return failure


@contextmanager
def _raising(failure: Exception | None) -> Iterator[None]:
    """Raise an error at the end of the block, rather than what goes wrong in it."""
    try:
        yield
    except _AT_ONCE:
        raise
    except Exception:
        if failure is None:
            raise
    if failure is not None:
        raise failure


def _publish(work: Work, chosen: Mapping[str, Chosen], hold: Callable[[], None]) -> None:
    publish(
        work.store,
        work.instance,
        work.request,
        chosen,
        open_target=work.home.target,
        before_writing=hold,
        noted=work.observer.noted,
    )
    if not work.request.is_partial:
        forget_tasks(work.store, work.instance, work.request)


def _committer(work: Work, chosen: Mapping[str, Chosen]) -> tuple[dict[int, Place], Committer]:
    """Return the places of this run, and what writes them."""
    opening = work.home.target
    places = {c.generation.id: place_of(opening, c.generation) for c in chosen.values()}
    replaced = {
        choice.replaces.id: place_of(opening, choice.replaces)
        for choice in chosen.values()
        if choice.replaces is not None
    }

    def elsewhere(number: int) -> Place | None:
        generation = work.store.generations.get(number)
        return None if generation is None else place_of(opening, generation)

    # What is gone must go from what serves until the next generation is whole, too.
    committer = Committer(
        work.store.ledger,
        work.instance,
        work.run or 0,
        {**places, **replaced},
        elsewhere=elsewhere,
    )
    return places, committer


def _hold(work: Work, places: Mapping[int, Place], holds: ExitStack) -> None:
    owner = f"run {work.run} of {work.instance.name}"
    with ExitStack() as taken:  # all of them or none
        hold_targets(
            work.store,
            places,
            taken,
            owner=owner,
            wait=work.request.how.wait,
            check=work.check_lease,
        )
        holds.enter_context(taken.pop_all())


def _not_begun(work: Work) -> dict[str, Verdict]:
    """Return what became of tasks over items where a step before them failed: blocked."""
    nodes = work.request.graph.nodes.values()
    return {node.name: Verdict(failed=1) for node in nodes if node.origin}


def _too_many(work: Work) -> RunError | None:
    """Return why the run fails where more failed than may: a number, or a share of all listed."""
    most, failed = work.request.how.max_failed, work.totals.failed
    listed = sum(work.totals.documents.values())
    if most is None:
        return None
    if isinstance(most, int):
        is_past, said = failed > most, f"{failed} failed, more than the {most} that may"
    else:
        is_past = failed > listed * percentage(most) / 100
        said = f"{failed} of {listed} failed, more than {most}"
    if not is_past:
        return None
    hint = "see `ragflow dead-letters list`; what succeeded is in the index"
    return RunError(said, hint=hint)


def _refuse(error: GuardError) -> None:
    raise error


def _once(call: Callable[[], None]) -> Callable[[], None]:
    done: list[bool] = []

    def calling() -> None:
        if not done:
            call()
            done.append(True)

    return calling
