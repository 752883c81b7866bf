"""What was read of one document, and what does its source give now? For people who look at it."""

from collections.abc import Iterator
from typing import Any, get_args

from ragflow.core.node import Node
from ragflow.core.reasons import KnownOwner
from ragflow.core.records import Loaded
from ragflow.core.shapes import Shape
from ragflow.documents import Content
from ragflow.errors import NotFoundError, RagflowError
from ragflow.runtime.home import Home
from ragflow.runtime.recollection import Requests
from ragflow.runtime.request import Request
from ragflow.scheduling.calls import Call, Counted, Stop, recall
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import define
from ragflow.scheduling.walk import Ground, Outcome, Walk, tasks_below


def remembered_content(home: Home, owner: KnownOwner, requests: Requests) -> Content | str:
    """Return what the first task that gives content made of a document; or why nobody knows.

    Of its content as it was last read, out of memos alone: nothing is called or opened.
    """
    if owner.content is None:
        return "it was never read"
    problem = "no task of its pipeline gives the content of a document"
    try:
        for request in _requests(home, owner, requests):
            found = _walked(home, owner, request)
            if isinstance(found, Content):
                return found
            problem = found or problem
    except Exception as error:  # noqa: BLE001 - functions of splits are users' code
        return str(error)
    return problem


def load_now(home: Home, owner: KnownOwner, requests: Requests) -> Loaded:
    """Return a document as its source gives it now.

    Raises `NotFoundError` where no pipeline of the project has its source any more, or only a
    run can list it; `OSError` and `DocumentError` where it cannot be had.
    """
    for request in _requests(home, owner, requests):
        node = _source(request, owner.source)
        if node is not None and node.shape is Shape.SOURCE and node.task is None:
            return home.source(node.subject).load(owner.key, owner.token)
    raise NotFoundError(
        f"the source of {owner.key!r} cannot be asked for it: no pipeline of this project "
        "reads it, or a task lists it",
        hint="a run alone can read it again",
    )


def _requests(home: Home, owner: KnownOwner, requests: Requests) -> Iterator[Request]:
    instance = next(each for each in home.metadata.instances() if each.id == owner.instance_id)
    yield from requests(instance)


def _source(request: Request, name: str) -> Node | None:
    origins = (node for node in request.graph.nodes.values() if node.origin == node.name)
    return next((node for node in origins if node.source == name), None)


def _walked(home: Home, owner: KnownOwner, request: Request) -> Content | str | None:
    """Return the content; or why it is not known, None where the pipeline makes none."""
    origin = _source(request, owner.source)
    if origin is None:
        return None
    definitions = define(request.graph, {})
    members = {each.name for each in request.graph.members(origin.name)}
    nodes = tasks_below([each for each in request.graph.order() if each.name in members])
    assert owner.content is not None
    start = Datum(owner.content, owner.metadata, fetch=_not_remembered)
    walk = Walk(Ground(origin.name, nodes, definitions, {}), owner.key, start)
    problem: str | None = None
    for node in nodes:
        calls = walk.calls(node)
        keys = [call.key for call in calls if call.key is not None]
        memos = home.metadata.memos.get_many(keys) if keys else {}
        walk.settle(node, calls, [_outcome(call, memos, definitions.kinds) for call in calls])
        # A draft is none yet: what is made of it follows.
        if node.task is None or node.task.completion is not None:
            continue
        if not _may_give_content(node.task.signature.returns):
            continue
        whole = walk.tables[node.name].get(())
        if isinstance(whole, Datum):
            found = whole.value()
            if isinstance(found, Content):
                return found
            continue
        problem = problem or f"what {node.name} made of it is not remembered"
    return problem


def _may_give_content(returns: Any) -> bool:
    return returns is Content or Content in get_args(returns)


def _outcome(call: Call, memos: Any, kinds: Any) -> Outcome:
    memo = None if call.key is None else memos.get(call.key)
    if memo is None:
        return Stop(call.node.name, call.path, Counted())
    return recall(call, memo, kinds[call.node.name])


def _not_remembered() -> Any:
    raise RagflowError("the document itself would have to be read")
