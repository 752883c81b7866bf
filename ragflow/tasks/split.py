"""Items parted in two by a question asked of each."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

from ragflow.core.handles import Items, recording
from ragflow.core.items import Item
from ragflow.errors import PipelineError

T = TypeVar("T")


@overload
def split(items: Items[T], *, by: Callable[[T], bool]) -> tuple[Items[T], Items[T]]: ...
@overload
def split(items: Items[T], *, by: Callable[[Item[T]], bool]) -> tuple[Items[T], Items[T]]: ...
def split(items: Items[Any], *, by: Callable[[Any], bool]) -> tuple[Items[Any], Items[Any]]:
    """Part items in two: those of which `by` says True, and the others.

    `by` is given the value, or the item where its parameter is annotated ``Item[T]``. Both
    sides descend from what the items descend from, so they may be joined with it, and
    ``good | rescued`` unites them again. What `by` raises fails the document. Its code counts:
    when it changes, everything below is looked at again.

    Raises `PipelineError` outside of a pipeline.
    """
    builder = recording.get()
    if builder is None:
        raise PipelineError(
            "split() was called outside of a pipeline",
            hint="call it inside a function decorated with @pipeline",
        )
    if not callable(by):
        raise PipelineError(
            f"split(by={by!r}) cannot ask that of an item",
            hint="by= takes a function that is given a value and returns True or False",
        )
    return builder.add_branches(items, by)
