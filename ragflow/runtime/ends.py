"""What do the ends of a run write, and when do readers see it?

A target is an end. So is a task over items that nothing follows: it writes no rows, but the
ledger knows for which owners it is done, and with what.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime

from ragflow.core.node import Node
from ragflow.core.records import EndNow, Generation, Instance
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
    return TASK, f"{node.name} of {instance.identity.hex()}"


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
            space=space_of(request.graph, node) if node.shape is Shape.TARGET else {},
            accept=request.how.accept,
        )
    return chosen


def end_now(node: Node, definitions: Definitions, chosen: Chosen) -> EndNow:
    """Return an end as this run sees it."""
    name = node.end or f"{TASK}:{node.name}"
    return EndNow(name, chosen.generation.id, definitions.definitions[node.name])


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
        place.target.prepare(place.generation)


def _check_still_there(store: MetadataStore, chosen: Generation) -> None:
    """Refuse to write a generation that somebody replaced or dropped since it was chosen."""
    now = store.generations.get(chosen.id)
    if now is None or now.state is not chosen.state:
        raise RunError(
            f"{chosen.target} {chosen.place!r} was replaced or dropped meanwhile",
            hint="run it again: it will write to what is there now",
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
    """Switch to generations that are whole; what failed for now keeps the old one serving."""
    for node in request.graph.ends:
        choice = chosen[node.name]
        if choice.replaces is not None:
            failed = store.ledger.owners(choice.generation.id, state=OwnerState.FAILED)
            if next(iter(failed), None) is not None:
                noted(
                    f"{node.end}: not switched yet, some documents could not be read; "
                    "run it again with --accept"
                )
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
    space = dict(space_of(request.graph, node)) if node.shape is Shape.TARGET else {}
    published = store.generations.published(target, place)
    for generation in store.generations.of(target, place):
        if dict(generation.space) == space:
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
