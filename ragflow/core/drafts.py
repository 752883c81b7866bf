"""How does a draft become whole, and which tasks see to it?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.items import Draft, Item, Part
from ragflow.errors import DocumentError, PipelineError, SkipDocument

#: Options of a task that its parts are called with, where it was given others than it declares.
_CARRIED = (
    "executor",
    "memo",
    "plan",
    "retries",
    "timeout",
    "needs",
    "pool",
    "rate",
    "priority",
    "limit",
    "memory_limit",
    "output_limit",
    "network",
    "strict",
)


class Completion(msgspec.Struct, frozen=True):
    """The two tasks that make drafts whole."""

    #: Called for each part: given it, and what the task that drafts was given.
    parts: Any
    #: Given the value and the list of what became of the parts, each beside its envelope and
    #: None in place of what could not be made. It is called at once, where the scheduler is.
    whole: Any
    #: The options that the task which drafts was declared with.
    declared: Any

    @property
    def part_kind(self) -> Any:
        """The type of the value of a part."""
        return self.parts.signature.data_kinds[0]

    def options_of_parts(self, settings: Any) -> dict[str, Any]:
        """Return the options of the task that drafts which hold for its parts as well."""
        return {
            name: getattr(settings, name)
            for name in _CARRIED
            if getattr(settings, name) != getattr(self.declared, name)
        }

    def parameters_of(self, task: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the keywords given that one of the two tasks takes as well."""
        known = {*task.signature.parameters.by_name, *task.signature.resources}
        return {name: value for name, value in given.items() if name in known}

    def completed(self, draft: Draft[Any, Any], args: Sequence[Any], given: Any) -> Any:
        """Return what a draft comes to, outside of a pipeline, its parts one after another.

        Raises what the first part that could not be made raised, where without it there is
        nothing.
        """
        if not draft.parts:
            return draft.value
        failure: Exception | None = None
        made: list[Part[Any]] = []
        wants_item = self.parts.signature.wants_item[0]
        call = _caller(self.parts, self.parameters_of(self.parts, given))
        for part in draft.parts:
            over = Item("", part.value, part.envelope) if wants_item else part.value
            try:
                made.append(Part(call(over, *args), part.envelope))
            except (DocumentError, OSError) as error:
                failure = _graver(failure, error)
                made.append(lacking(part, error))
        try:
            return _caller(self.whole, self.parameters_of(self.whole, given))(draft.value, made)
        except SkipDocument:
            if failure is None:
                raise
            raise failure from None


#: What the envelope of a part that was skipped says why under.
SKIPPED = "skipped"


def lacking(part: Part[Any], error: Exception) -> Part[None]:
    """Return what stands for a part of which nothing could be made.

    That it was skipped, and why, is as it will be next time; what failed may then not fail.
    """
    told = {SKIPPED: str(error)} if isinstance(error, SkipDocument) else {}
    return Part(None, {**part.envelope, **told})


def _caller(task: Any, parameters: Mapping[str, Any]) -> Callable[..., Any]:
    return lambda *args: task(*args, **parameters)


def _graver(before: Exception | None, error: Exception) -> Exception:
    """Return which of two errors says more: that something failed, else the first."""
    if before is None or (isinstance(before, SkipDocument) and not isinstance(error, SkipDocument)):
        return error
    return before


def check_completion(name: str, completion: Completion) -> None:
    """Refuse tasks that could not make a draft whole.

    Raises `PipelineError`.
    """
    for each, keyword in ((completion.parts, "parts"), (completion.whole, "whole")):
        signature: Any = getattr(each, "signature", None)
        is_fit = signature is not None and each.shape.value == "item"
        if not is_fit or signature.cuts or signature.is_async:
            raise PipelineError(
                f"the task {name!r} was given {keyword}={each!r}, which answers no single item",
                hint='name a task with per="item" that returns one value and is no coroutine',
            )
    if completion.part_kind is Any:
        raise PipelineError(
            f"the task {completion.parts.name!r} does not say what the parts of drafts are",
            hint="annotate its first parameter with the type of a part: T, or Item[T]",
        )
    if len(completion.whole.signature.data) != 2:
        raise PipelineError(
            f"the task {completion.whole.name!r} makes drafts whole and takes "
            f"{len(completion.whole.signature.data)} data",
            hint="it is given the value and a list of what became of its parts",
        )
