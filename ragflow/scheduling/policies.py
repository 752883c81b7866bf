"""What is the core told of the tasks of one stage?"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from ragflow.core.needs import check_needs
from ragflow.core.options import Options
from ragflow.core.pipeline_graph import Node
from ragflow.core.rates import Rate, find_rate
from ragflow.core.retry import Retry
from ragflow.core.shapes import Shape
from ragflow.scheduling.transitions.policy import SLOTS, Policy, TaskPolicy

#: Seconds the first part of a batch waits for company, where its task does not say.
LINGER = 2.0
#: Owners, and bytes of them, that may be on their way at the same time.
WINDOW_OWNERS, WINDOW_WEIGHT = 1024, 64 << 20
#: Rows or owners that fill a portion; seconds the first of them waits for it to fill.
PORTION, PORTION_LINGER = 500, 1.0
#: How the resource begins that the limit of one task is.
TASK = "calls of "
#: The resource that the limit of a pipeline is: every call takes one.
ALL = "calls of the pipeline"


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to run with, for all tasks of a run."""

    #: Slots of each executor.
    slots: Mapping[str, int]
    #: Executors whose workers may die without the scheduler.
    isolated: frozenset[str] = frozenset({"processes"})
    #: cpu, memory, gpu and pools.
    limits: Mapping[str, float] = {}
    rates: Mapping[str, Rate] = {}
    #: Most calls at the same time; None for what there is room for otherwise.
    limit: int | None = None
    max_failed: int | None = None


def policy_of(nodes: Sequence[Node], room: Room, *, load: bool) -> Policy:
    """Return what the core is told; raises `PipelineError` for needs that can never be met."""
    places = {node.name: place for place, node in enumerate(nodes)}
    above = [
        tuple(sorted({places[name] for name in (*node.data, *node.after) if name in places}))
        for node in nodes
    ]
    below: list[list[int]] = [[] for _ in nodes]
    for place, before in enumerate(above):
        for upstream in before:
            below[upstream].append(place)
    limits = dict(room.limits)
    limits.update({f"{SLOTS}{name}": slots for name, slots in room.slots.items()})
    if room.limit is not None:
        limits[ALL] = room.limit
    rates = dict(room.rates)
    tasks = []
    for place, node in enumerate(nodes):
        # Places follow the order of the graph, so what is below is deeper.
        task = TaskPolicy(
            name=node.name, above=above[place], below=tuple(below[place]), depth=place + 1
        )
        if node.task is not None:  # what is built in has no calls of its own
            task = _with_options(task, node, room, limits, rates)
        tasks.append(task)
    return Policy(
        tasks=tuple(tasks),
        load=_loading() if load else None,
        limits=limits,
        rates=rates,
        window_owners=WINDOW_OWNERS,
        window_weight=WINDOW_WEIGHT,
        portion=PORTION,
        portion_linger=PORTION_LINGER,
        max_failed=room.max_failed,
    )


def _with_options(
    task: TaskPolicy, node: Node, room: Room, limits: dict[str, float], rates: dict[str, Rate]
) -> TaskPolicy:
    """Return the policy of a task as its options say; adds what they name to limits and rates."""
    options: Options = node.task.settings
    asks = dict(options.asks)
    check_needs(f"the task {node.name!r}", asks, room.limits)
    is_batch = node.shape is Shape.BATCH
    most = options.limit or (1 if is_batch else None)
    where = executor_of(node)
    needs = {**_default_needs(where), **asks, f"{SLOTS}{where}": 1, ALL: 1}
    if most is not None:
        needs[f"{TASK}{node.name}"] = 1
        limits[f"{TASK}{node.name}"] = most
    if options.rate is not None:
        rates[options.rate] = find_rate(f"the task {node.name!r}", options.rate, room.rates)
    times = options.timeout
    if where in room.isolated:  # a worker ends what takes too long, and its company is tried anew
        times = msgspec.structs.replace(times, attempt=None)
    plain = not asks and most is None and options.rate is None and times.is_none
    return msgspec.structs.replace(
        task,
        needs=needs,
        retry=options.retries,
        queue_timeout=_seconds(times.queue),
        # Isolated workers keep it themselves: their start is no part of an attempt.
        attempt_timeout=_seconds(times.attempt),
        total_timeout=_seconds(times.total),
        priority=options.priority,
        batch=float(options.batch) if is_batch else None,
        linger=LINGER if options.linger is None else options.linger.total_seconds(),
        is_bundled=plain and not is_batch and where in ("inline", "threads", *room.isolated),
        is_isolated=where in room.isolated,
        rates=() if options.rate is None else (options.rate,),
    )


#: Where `async def` tasks of the executor ``threads`` run: in its loop, many at a time.
LOOP = "loop"


def executor_of(node: Node) -> str:
    """Return the name of what runs a task: its executor's, or `LOOP`."""
    options: Options = node.task.settings
    is_awaited = node.task.signature.is_async and node.shape is not Shape.BATCH
    is_awaited = is_awaited and options.executor == "threads"
    return LOOP if is_awaited else options.executor


def _default_needs(where: str) -> dict[str, float]:
    return {"cpu": 1.0} if where in ("threads", "processes") else {}


def _loading() -> TaskPolicy:
    # A file that cannot be read now is not tried again in a moment, but by the next run.
    return TaskPolicy(
        name="load",
        needs={f"{SLOTS}threads": 1, "cpu": 1, ALL: 1},
        retry=Retry(),
        is_bundled=True,
    )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
