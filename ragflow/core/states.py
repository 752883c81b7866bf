"""The closed lists: what an owner, a task and a run may be, and how an owner changed."""

from enum import StrEnum


class RunState(StrEnum):
    """What became of a run."""

    QUEUED = "queued"  #: asked for, not begun
    RUNNING = "running"  #: at work, or cut off by a crash
    PAUSED = "paused"  #: stands still on request
    CANCELLING = "cancelling"  #: finishes what it holds, begins nothing
    SUCCEEDED = "succeeded"  #: every document is served
    SUCCEEDED_WITH_FAILURES = "succeeded_with_failures"  #: some documents failed
    FAILED = "failed"  #: stopped before its end
    CANCELLED = "cancelled"  #: stopped on request


class OwnerState(StrEnum):
    """How an owner stands at an end."""

    SUCCEEDED = "succeeded"  #: served from its present content
    SKIPPED = "skipped"  #: nothing to serve, for a reason of the closed list
    FAILED = "failed"  #: tried in vain; the next run tries again
    HELD_BACK = "held_back"  #: tried in vain; waits for what would release it


class Change(StrEnum):
    """How a listed owner differs from what the ledger knows of it."""

    ADDED = "added"  #: a key never served
    MODIFIED = "modified"  #: its content or metadata changed
    STALE = "stale"  #: same content, but the definition changed, or it was not served
    MOVED = "moved"  #: content known under a key that is gone
    UNCHANGED = "unchanged"  #: nothing to do
    DELETED = "deleted"  #: known, no longer listed


class GenerationState(StrEnum):
    """How a generation of a collection stands."""

    BUILDING = "building"  #: being filled; readers do not see it
    PUBLISHED = "published"  #: what readers see
    RETIRED = "retired"  #: replaced
