"""Which generation of its place does an end write?"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ragflow.core.records import Generation, Instance
from ragflow.core.states import GenerationState
from ragflow.errors import GuardError, ParameterError
from ragflow.interfaces.orchestration import MetadataStore, Target


class Chosen(msgspec.Struct, frozen=True):
    """The generation an end writes."""

    generation: Generation
    #: The published one it is to replace when it is whole; None where it is that one.
    replaces: Generation | None = None


def choose_generation(
    store: MetadataStore,
    instance: Instance,
    *,
    target: str,
    place: str,
    space: Mapping[str, Any],
    accept: bool,
) -> Chosen:
    """Return the published generation, or with `accept` the next one for another space.

    Raises `GuardError` when the space changed and that was not accepted, naming both, and
    when rows of another instance would be left behind.
    """
    if not str(place).strip():
        raise ParameterError(f"the name of the {target} is empty", hint="name what to write to")
    published = store.generations.published(target, place)
    if published is None:
        return Chosen(store.generations.build(target, place, space, publish=True))
    if dict(published.space) == dict(space):
        return Chosen(published)
    check_alone(store, instance, published, space)
    if not accept:
        check_space(store, published, space)
    return Chosen(_building(store, target, place, space), published)


def check_space(store: MetadataStore, published: Generation, space: Mapping[str, Any]) -> None:
    """Refuse to make all rows of a generation again for another space.

    Raises `GuardError` naming both.
    """
    rows = store.ledger.row_count(published.id)
    if rows:
        raise GuardError(
            f"{published.target} {published.place!r} was made with {_spelled(published.space)}, "
            f"this run would use {_spelled(space)}: all {rows:,} chunks would be embedded again",
            hint="run it with --accept: searches see the old rows until the new ones are whole",
            option="accept",
        )


def check_alone(
    store: MetadataStore, instance: Instance, published: Generation, space: Mapping[str, Any]
) -> None:
    """Refuse to replace a generation in which another instance holds rows, too.

    Raises `GuardError`: they would be left behind.
    """
    others = store.ledger.row_count(published.id, but_not=instance.id)
    if others:
        raise GuardError(
            f"{published.target} {published.place!r} also holds {others:,} rows of another "
            f"instance, made with {_spelled(published.space)}; this run would make others with "
            f"{_spelled(space)}",
            hint=f"write to another {published.target}: all rows of one share a model",
        )


def _building(
    store: MetadataStore, target: str, place: str, space: Mapping[str, Any]
) -> Generation:
    for generation in store.generations.of(target, place):
        if generation.state is GenerationState.BUILDING and dict(generation.space) == dict(space):
            return generation
    return store.generations.build(target, place, space, publish=False)


def _spelled(space: Mapping[str, Any]) -> str:
    name = space.get("name", "another model")
    metric = space.get("metric")
    return f"model {name!r} ({metric})" if metric else f"model {name!r}"


def clear_retired(store: MetadataStore, name: str, target: Target) -> None:
    """Drop the places of generations that were replaced; a crash may have left some."""
    for generation in store.generations.retired(name):
        target.drop(generation)
        store.ledger.forget_generation(generation.id)
        store.generations.forget(generation)
