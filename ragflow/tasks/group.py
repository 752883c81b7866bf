"""Items brought together under a key."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ragflow.core.handles import Groups, Items, recording
from ragflow.core.items import Item
from ragflow.errors import PipelineError
from ragflow.interfaces.unpacking import INSIDE

T = TypeVar("T")


def group(items: Items[T], *, by: Callable[[Item[T]], str], name: str = "") -> Groups[T]:
    """Bring items together under the key that `by` returns for each.

    Given to a task with ``per="group"``, which is called once a group with `Members` in the
    order of their keys. `name` is what the ledger knows the groups by; the name of `by`
    unless given.

    A member that failed, or is held back, is *missing*. A task over the groups goes by its
    rule: the default, and ``when="none_failed"``, leave a group with a missing member as it
    was, failed, with a reason that names the missing; ``when="any_succeeded"`` calls it with
    the members there are, if any, ``when="all_done"`` with those there are, ``when="any_failed"``
    only where some are missing. ``members.missing`` then tells their keys, and counts. What was
    skipped or filtered out belongs in no group.

    Which group a failed item belongs in is known where `by` looks at the key, or at the part
    of the envelope that was there before the failure. Otherwise it is missing from none, and
    no group counts as gone in that run.
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
    """Return the folder, archive or mail a document lies in, ``.`` for the source's own."""
    return item.key.rpartition("/")[0].removesuffix(INSIDE[0]) or "."


def parent(item: Item[Any]) -> str:
    """Return the key of the document a part was cut from: its parts are one group."""
    return item.key


def by_payload(name: str) -> Callable[[Item[Any]], str]:
    """Return a function that groups items by an entry of their envelope."""

    def by(item: Item[Any]) -> str:
        found: Mapping[str, Any] = item.envelope
        return str(found.get(name, ""))

    by.__name__ = f"by_{name}"
    return by
