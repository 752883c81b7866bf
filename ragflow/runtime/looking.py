"""What would the next run do with one owner, and why? Found by listing, without working on it."""

from collections.abc import Iterator

import msgspec

from ragflow.core.items import Fingerprint
from ragflow.core.reasons import Cause, Reason
from ragflow.core.recipes import Recipe
from ragflow.core.records import EndNow, Listed, OwnerChange
from ragflow.core.shapes import Shape
from ragflow.core.states import Change
from ragflow.errors import DocumentError, RagflowError
from ragflow.incremental.encoding import normal
from ragflow.incremental.why import Situation, reason_of
from ragflow.interfaces.reasons import Explains
from ragflow.runtime.ends import ends_of, imagine
from ragflow.runtime.finding import find_listed
from ragflow.runtime.home import Home
from ragflow.runtime.origin import Origin
from ragflow.runtime.recipes import recipe_at
from ragflow.runtime.request import Request
from ragflow.runtime.work import Work
from ragflow.scheduling.definitions import define
from ragflow.scheduling.owners import find_owner
from ragflow.scheduling.steps import Called, steps_for_items


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says of a key now, and what a run would make of that."""

    #: What the ledger knows the source by.
    source: str
    #: None where the source does not list it.
    listed: Listed | None
    #: Why it is not listed, as what follows "it"; None where the source does not say.
    absence: str | None = None
    #: Why a run would work on it; `UNCHANGED` where it would not. None where it is not listed.
    reason: Reason | None = None
    #: The definitions that a run would write by, as far as they are asked for.
    recipes: dict[Fingerprint, Recipe] = {}
    #: Why nobody can tell, in a sentence.
    problem: str | None = None


def look(home: Home, request: Request, key: str, source: str | None = None) -> list[Looked]:
    """Return what each source of a pipeline says of a key, and what a run would do with it.

    With a name only what that source says.

    Lists sources until they come to the key; opens that one owner where its token changed.
    Calls no task. What cannot be told is said in `problem`.
    """
    work = Work(home, request, None)
    graph = work.request.graph
    now = home.clock.now()
    sources = [
        node.source
        for node in graph.nodes.values()
        if node.origin == node.name and node.shape is Shape.SOURCE and source in (None, node.source)
    ]
    if steps_for_items(graph):
        problem = "what a run would do hangs on steps, which only a run calls"
        return [Looked(source=name, listed=None, problem=problem) for name in sources]
    chosen = {
        node.name: imagine(node, work.store, work.instance, work.request, now)
        for node in ends_of(work.request)
    }
    found = []
    with work.surroundings(None) as surroundings:
        definitions = define(graph, {})
        ends = {definitions.definitions[node.name]: node for node in ends_of(work.request)}
        for origin in work.origins(definitions, Called(), chosen, surroundings, {}):
            if origin.node.shape is not Shape.SOURCE or origin.node.source not in sources:
                continue
            looked = _look(work, origin, key)
            if looked.reason is not None:
                named = {after for _, after in looked.reason.because.definitions}
                recipes = {each: recipe_at(graph, ends[each], definitions) for each in named}
                looked = msgspec.structs.replace(looked, recipes=recipes)
            found.append(looked)
    return found


def _look(work: Work, origin: Origin, key: str) -> Looked:
    name = origin.node.source
    try:
        listed = find_listed(origin.source, work.store, work.instance, name, [key]).get(key)
        if listed is None:
            absence = origin.source.why_not(key) if isinstance(origin.source, Explains) else None
            return Looked(source=name, listed=None, absence=absence)
    except (OSError, RagflowError) as error:
        return Looked(source=name, listed=None, problem=f"the source cannot be listed: {error}")
    ends = [end for _, end in origin.ends.values()]
    listing = work.store.ledger.listing(work.instance, name, ends, work.released())
    try:
        listing.add([listed])
        changes: Iterator[OwnerChange] = listing.changes()
        change = next(changes, None)
    finally:
        listing.close()
    if change is None:
        return Looked(source=name, listed=listed, reason=Reason(cause=Cause.UNCHANGED))
    reason, problem = _reason(work, origin, change, ends)
    return Looked(source=name, listed=listed, reason=reason, problem=problem)


def _reason(
    work: Work, origin: Origin, change: OwnerChange, ends: list[EndNow]
) -> tuple[Reason, str | None]:
    """Return why a run would work on an owner, and what keeps anybody from being sure."""
    now = work.home.clock.now()
    unread = Situation(
        change=change,
        became=change.change,
        content=None,
        metadata=change.listed,
        input=None,
        ends=ends,
        is_rebuilding=origin.rebuilding,
        now=now,
    )
    if change.skip is not None:
        return reason_of(unread), None
    content, metadata = change.content, change.metadata
    if content is None or change.change is Change.MODIFIED or change.token != change.token_seen:
        try:
            loaded = origin.source.load(change.key, change.token)
        except (OSError, DocumentError) as error:
            return reason_of(unread), f"it cannot be read now: {error}"
        content = loaded.content
        metadata = {**change.listed, **normal(loaded.metadata)}
    by_node = {name: end for name, (_, end) in origin.ends.items()}
    owner = find_owner(
        origin.node.source, change, content, metadata, by_node, rebuilding=origin.rebuilding
    )
    known = msgspec.structs.replace(
        unread,
        became=owner.changed,
        content=content,
        metadata=metadata,
        input=owner.input,
        ends=list(owner.ends.values()),
    )
    return reason_of(known), None
