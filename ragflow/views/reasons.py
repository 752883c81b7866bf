"""How does it read why a run worked on a document, and what changed?"""

from typing import Any

from ragflow.core.reasons import Cause
from ragflow.incremental.why import Difference
from ragflow.views.rendering import printable

#: Letters of a value that a sentence shows.
_SHOWN = 60

_SENTENCES = {
    Cause.ADDED: "it was new",
    Cause.MODIFIED: "its content changed",
    Cause.METADATA: "only its metadata changed",
    Cause.TOUCHED: "its version token changed, its content did not",
    Cause.MOVED: "it was moved",
    Cause.STALE: "the pipeline changed",
    Cause.NEW_END: "it was not served there before",
    Cause.REBUILT: "the collection is built anew",
    Cause.RELEASED: "what it needed is there now",
    Cause.REPLAYED: "its dead letter was replayed",
    Cause.RETRIED: "it failed before, and its time to be tried again had come",
    Cause.RECOVERED: "a run was cut off while it wrote its rows",
    Cause.FORCED: "somebody asked for it to be done again",
    Cause.DELETED: "it is no longer listed",
    Cause.SOURCE_GONE: "the pipeline no longer has its source",
    Cause.UNCHANGED: "nothing changed",
}
#: What reads otherwise of a run that is still to come.
_NEXT = {
    Cause.ADDED: "it is new",
    Cause.RETRIED: "it failed, and is tried again",
    Cause.NEW_END: "it is not served there yet",
}


def cause_sentence(
    cause: Cause,
    changed: list[str],
    *,
    is_group: bool = False,
    came_from: str | None = None,
    moved_to: str | None = None,
    requirement: str | None = None,
    is_next: bool = False,
) -> str:
    """Return in one sentence why a run worked on a document; `changed` are `difference_sentence`s.

    With `is_next` of a run that is still to come. A change of the pipeline is told beside every
    other cause, too.
    """
    told = (_NEXT if is_next else {}).get(cause, _SENTENCES[cause])
    if is_group and cause is Cause.MODIFIED:
        told = "its members changed"
    elif is_group and cause is Cause.DELETED:
        told = "nothing is in the group any more"
    elif cause is Cause.MOVED and came_from is not None:
        told = f"it was moved from {printable(came_from)}"
    elif cause is Cause.MOVED and moved_to is not None:
        told = f"it was moved to {printable(moved_to)}"
    elif cause is Cause.RELEASED and requirement is not None:
        told = f"what it needed is there now: {printable(requirement)}"
    if not changed:
        return told
    return "; ".join(changed if cause is Cause.STALE else [told, *changed])


def difference_sentence(one: Difference) -> str:
    """Return what is different in a definition: ``parameter size of chunk 0 → 200``."""
    task, name = printable(one.task), printable(one.name)
    match one.what:
        case "code":
            return f"code of {task} changed"
        case "version":
            return f"version of {task} {_shown(one.before)} → {_shown(one.after)}"
        case "parameter":
            return f"parameter {name} of {task} {_shown(one.before)} → {_shown(one.after)}"
        case "resource":
            return f"{name} of {task} {_shown(one.before)} → {_shown(one.after)}"
        case "returns":
            return f"{task} returns {_shown(one.after)}, it returned {_shown(one.before)}"
        case "inputs":
            return f"{task} is given {_names(one.after)}, it was given {_names(one.before)}"
        case "rule":
            return f"when {task} is called changed"
        case "result":
            return f"what the step {task} returned changed"
        case "task_added":
            return f"the task {task} was added"
        case "task_removed":
            return f"the task {task} was removed"
        case "other":
            return "how ragflow names definitions changed"


def _names(value: Any) -> str:
    return " and ".join(map(str, value or ())) or "nothing"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = " ".join(printable(str(value)).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN].rstrip()} …"
