"""What do the ends of a run write, and when do readers see it?

A target is an end. So is a task over items that nothing follows: it writes no rows, but the
ledger knows for which owners it is done, and with what.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime

from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import EndNow, Generation, Instance, OwnerView
from ragflow.core.shapes import Shape
from ragflow.core.states import GenerationState, OwnerState
from ragflow.errors import BusyError, RunError
from ragflow.interfaces.orchestration import MetadataStore, Target
from ragflow.runtime.generations import Chosen, check_alone, choose_generation, clear_retired
from ragflow.runtime.request import Request
from ragflow.scheduling.commits import Place
from ragflow.scheduling.definitions import Definitions, space_of

#: In place of the name of a target: the end is a task that nothing follows.
TASK = "task"


def ends_of(request: Request) -> list[Node]:
    """Return the targets, and the tasks over items that nothing follows, in order."""
    return [*request.graph.ends, *request.graph.leaves]


def where(node: Node, instance: Instance) -> tuple[str, str]:
    """Return the target and place of an end."""
    if node.shape is Shape.TARGET:
        return node.task.target, node.parameters[node.task.place]
    return TASK, f"{node.name}{_of(instance)}"


def _of(instance: Instance) -> str:
    """Return how the place of every task of an instance ends."""
    return f" of {instance.identity.hex()}"


def _space(graph: PipelineGraph, node: Node) -> Mapping[str, object]:
    """Return what the rows of an end have in common; a task that nothing follows has none."""
    return space_of(graph, node) if node.shape is Shape.TARGET else {}


def choose_ends(store: MetadataStore, instance: Instance, request: Request) -> dict[str, Chosen]:
    """Return by node which generation each end writes, making what is new.

    Raises `GuardError` where another model would replace what is there, and nobody accepted.
    """
    chosen = {}
    for node in ends_of(request):
        target, place = where(node, instance)
        chosen[node.name] = choose_generation(
            store,
            instance,
            target=target,
            place=place,
            space=_space(request.graph, node),
            accept=request.how.accept,
        )
    return chosen


def name_of(node: Node) -> str:
    """Return what people call an end: ``target:place``, or ``task:NAME``."""
    return node.end or f"{TASK}:{node.name}"


def end_now(node: Node, definitions: Definitions, chosen: Chosen) -> EndNow:
    """Return an end as this run sees it."""
    return EndNow(name_of(node), chosen.generation.id, definitions.definitions[node.name])


def place_of(open_target: Callable[[str], Target], generation: Generation) -> Place:
    """Return the place of a generation; its target is opened when it is first asked for."""
    return Place(lambda: open_target(generation.target), generation)


def hold_targets(
    store: MetadataStore,
    places: Mapping[int, Place],
    holds: ExitStack,
    *,
    owner: str,
    wait: bool,
    check: Callable[[], None],
) -> None:
    """Take turns with other writers, then make the places.

    `check` raises where the run is another's by now: nothing is written after it did.
    """
    held: set[int] = set()
    for place in places.values():
        if place.generation.target == TASK:
            continue
        if id(place.target) not in held:
            held.add(id(place.target))
            holds.enter_context(place.target.writing(owner=owner, wait=wait, check=check))
        _check_still_there(store, place.generation)
        _check_not_gone(store, place)
        place.target.prepare(place.generation)


def _check_still_there(store: MetadataStore, chosen: Generation) -> None:
    """Refuse to write a generation that somebody replaced or dropped since it was chosen."""
    now = store.generations.get(chosen.id)
    if now is None or now.state is not chosen.state:
        raise RunError(
            f"{chosen.target} {chosen.place!r} was replaced or dropped meanwhile",
            hint="run it again: it will write to what is there now",
        )


def _check_not_gone(store: MetadataStore, place: Place) -> None:
    """Refuse to make anew, with a few rows in it, a place that the ledger believes to be full."""
    dimension = getattr(place.target, "dimension", None)
    if dimension is None or dimension(place.generation) is not None:
        return
    rows = store.ledger.row_count(place.generation.id)
    if rows:
        name = place.generation.place
        raise RunError(
            f"{place.generation.target} {name!r} is gone from its store, with {rows:,} rows",
            hint=f"`ragflow repair {name}` makes it again from what is remembered",
        )


def publish(
    store: MetadataStore,
    instance: Instance,
    request: Request,
    chosen: Mapping[str, Chosen],
    *,
    open_target: Callable[[str], Target],
    before_writing: Callable[[], None],
    noted: Callable[[str], None],
) -> None:
    """Switch to generations that are whole; whatever they would lose keeps the old one serving."""
    for node in request.graph.ends:
        choice = chosen[node.name]
        if choice.replaces is not None:
            lacking = _lacking(store, instance, request, node, choice)
            if lacking is not None:
                noted(f"{node.end}: not switched yet, {lacking}")
                continue
            before_writing()
            check_alone(store, instance, choice.replaces, choice.generation.space)
            store.generations.publish(choice.generation)
        if store.generations.retired(node.task.target):
            try:
                before_writing()
            except BusyError:
                continue  # who writes now, or the next run, clears up
            clear_retired(store, node.task.target, open_target(node.task.target))


def _lacking(
    store: MetadataStore, instance: Instance, request: Request, node: Node, choice: Chosen
) -> str | None:
    """Say what a generation lacks to replace the one that serves, if anything."""
    if request.is_partial:
        return "this run did not look at everything; run all of it with --accept"
    failed = store.ledger.owners(choice.generation.id, state=OwnerState.FAILED)
    if next(iter(failed), None) is not None:
        return "some documents could not be read; run it again with --accept"
    lost = _lost(store, instance, request.graph.nodes[node.origin], choice)
    if not lost:
        return None
    return (
        f"it would lose {lost:,} {'document' if lost == 1 else 'documents'} that failed; mend "
        f"{'it' if lost == 1 else 'them'} or discard the dead letters, and run it with --accept"
    )


def _lost(store: MetadataStore, instance: Instance, origin: Node, choice: Chosen) -> int:
    """Return how many owners hold rows in what serves, and failed for good in what replaces it.

    Those that somebody gave up are not counted, nor those that failed before, too. A group that
    is not there at all may be where a document belongs that failed.
    """
    assert choice.replaces is not None
    letters = {letter.id for letter in store.dead_letters.list(instance=instance.name)}
    if not letters:
        return 0

    def views(generation: Generation) -> Iterator[OwnerView]:
        for view in store.ledger.owners(generation.id):
            if (view.instance, view.source) == (instance.name, origin.source):
                yield view

    failed: set[str] = set()
    there: set[str] = set()
    is_grouping = origin.shape is Shape.GROUPING
    for view in views(choice.generation):
        if is_grouping:
            there.add(view.key)
        if view.state is OwnerState.HELD_BACK and view.dead_letter in letters and not view.chunks:
            failed.add(view.key)
    if not failed and not is_grouping:
        return 0
    return sum(
        view.key in failed or (is_grouping and view.key not in there)
        for view in views(choice.replaces)
        if view.chunks
    )


def forget_tasks(store: MetadataStore, instance: Instance, request: Request) -> None:
    """Forget tasks that are no end any more, with their dead letters.

    They were renamed, something follows them now, or a run went no further. To be called by
    a run that looked at everything.
    """
    ends = {where(node, instance)[1] for node in request.graph.leaves}
    for generation in store.generations.places(TASK):
        if generation.place.endswith(_of(instance)) and generation.place not in ends:
            store.ledger.forget_generation(generation.id)
            store.generations.forget(generation)


def row_count(store: MetadataStore, instance: Instance, chosen: Mapping[str, Chosen]) -> int:
    """Return how many rows the instance holds at its ends."""
    ledger, mine = store.ledger, instance.id
    numbers = {choice.generation.id for choice in chosen.values()}
    return sum(ledger.row_count(n) - ledger.row_count(n, but_not=mine) for n in numbers)


def imagine(
    node: Node, store: MetadataStore, instance: Instance, request: Request, now: datetime
) -> Chosen:
    """Return the generation a run would write, without making one.

    One that a run would have to make has a number that no generation has.
    """
    target, place = where(node, instance)
    space = _space(request.graph, node)
    published = store.generations.published(target, place)
    for generation in store.generations.of(target, place):
        if dict(generation.space) == dict(space):
            same = published is not None and generation.id == published.id
            return Chosen(generation, None if same else published)
    imagined = Generation(
        id=-1 - list(request.graph.nodes).index(node.name),
        target=target,
        place=place,
        number=0,
        space=space,
        physical="",
        state=GenerationState.BUILDING,
        created_at=now,
    )
    return Chosen(imagined, published)
