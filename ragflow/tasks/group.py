"""Items brought together under a key."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ragflow.core.handles import Groups, Items
from ragflow.core.items import Item
from ragflow.core.pipeline_graph import recording
from ragflow.errors import PipelineError

T = TypeVar("T")


def group(items: Items[T], *, by: Callable[[Item[T]], str], name: str = "") -> Groups[T]:
    """Bring items together under the key that `by` returns for each.

    Given to a task with ``per="group"``, which is called once a group with `Members` in the
    order of their keys. `name` is what the ledger knows the groups by; the name of `by`
    unless given.
    """
    builder = recording.get()
    if builder is None:
        raise PipelineError(
            "group() was called outside of a pipeline",
            hint="call it inside a function decorated with @pipeline",
        )
    if not name and not hasattr(by, "__name__"):
        raise PipelineError(
            f"group(by={by!r}) has no name that the ledger could know its groups by",
            hint='give it one: group(..., name="by-team")',
        )
    return builder.add_grouping(items, by, source_name=f"group:{name or by.__name__}")


def parent_folder(item: Item[Any]) -> str:
    """Return the folder a document lies in, ``.`` for the source's own."""
    return item.key.rpartition("/")[0] or "."


def by_payload(name: str) -> Callable[[Item[Any]], str]:
    """Return a function that groups items by an entry of their envelope."""

    def by(item: Item[Any]) -> str:
        found: Mapping[str, Any] = item.envelope
        return str(found.get(name, ""))

    by.__name__ = f"by_{name}"
    return by
