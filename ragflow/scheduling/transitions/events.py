"""What may the shell tell the core, and when did it happen?"""

from collections.abc import Hashable, Mapping
from enum import StrEnum

import msgspec

from ragflow.core.retry import Fault


class Begin(StrEnum):
    """How an owner enters."""

    LOAD = "load"  #: its value must be fetched
    WALK = "walk"  #: its content is known; nothing is opened before a memo is missing
    FINISH = "finish"  #: there is nothing to call for it; what became of it is committed


class Told(StrEnum):
    """What people and shells ask of a whole run."""

    PAUSE = "pause"  #: begin nothing more until it is resumed
    RESUME = "resume"  #: go on
    CANCEL = "cancel"  #: finish what is held, begin nothing
    FAIL = "fail"  #: the same, because the run cannot go on


class Entered(msgspec.Struct, frozen=True, gc=False):
    """An owner was listed that is not unchanged."""

    at: float
    owner: int
    weight: int
    begin: Begin
    #: Deaths alone of whoever loaded it, where it was being loaded when something died.
    suspect: int | None = None


class Exhausted(msgspec.Struct, frozen=True, gc=False):
    """No further owner will enter."""

    at: float


class Placed(msgspec.Struct, frozen=True, gc=False):
    """The content of an owner that was loaded is known now: it is walked, or there is no need."""

    at: float
    owner: int
    weight: int
    is_walked: bool


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The calls of one task over one owner, those that no memo answered, by part."""

    at: float
    owner: int
    round: int
    task: int
    #: Equal calls have equal keys.
    keys: tuple[Hashable, ...]
    #: Parts decided without a call.
    memoized: int = 0
    skipped: int = 0
    blocked: int = 0
    failed: int = 0
    #: What each call weighs in a batch; 1 where it is not given.
    costs: tuple[float, ...] = ()
    #: Calls that were in a worker's hands when it or a scheduler died: deaths alone so far.
    suspects: Mapping[Hashable, int] = {}


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """A call found that there is nothing to do."""


#: What became of one call: it came to something, to nothing, or to an error.
Result = Fault | Skipped | None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A worker came back, with what became of each call in its order."""

    at: float
    assignment: int
    results: tuple[Result, ...]
    #: Set where a batch failed as a whole, instead of results.
    fault: Fault | None = None
    #: Seconds it took.
    seconds: float = 0.0


class Died(msgspec.Struct, frozen=True, gc=False):
    """A worker was lost with what it held."""

    at: float
    assignment: int


class Fenced(msgspec.Struct, frozen=True, gc=False):
    """An assignment that was to be stopped goes on: a thread cannot be ended.

    Told before the turn after the `Stop`. What it needs stays in use until its `Ended` or
    `Died`, except for the slot, which its executor replaces.
    """

    at: float
    assignment: int


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """What an owner came to is known: rows to write, and whether it failed."""

    at: float
    owner: int
    rows: int
    has_failed: bool = False


class Restarted(msgspec.Struct, frozen=True, gc=False):
    """An owner is not what it was taken for: it is loaded and walked anew."""

    at: float
    owner: int
    round: int


class Committed(msgspec.Struct, frozen=True, gc=False):
    """A portion is written and durable."""

    at: float
    portion: int


class NotCommitted(msgspec.Struct, frozen=True, gc=False):
    """A portion could not be written, or nobody knows whether it was."""

    at: float
    portion: int
    fault: Fault


class Preferred(msgspec.Struct, frozen=True, gc=False):
    """Somebody waits for an owner that is on its way: its calls go before those of others."""

    at: float
    owner: int


class Asking(msgspec.Struct, frozen=True, gc=False):
    """Somebody asks something of the run."""

    at: float
    what: Told


class Lost(msgspec.Struct, frozen=True, gc=False):
    """Another scheduler has the lease."""

    at: float


class Turn(msgspec.Struct, frozen=True, gc=False):
    """Everything that happened so far was told: what is due begins now."""

    at: float


Event = (
    Entered
    | Exhausted
    | Placed
    | Asked
    | Ended
    | Died
    | Fenced
    | Arrived
    | Restarted
    | Committed
    | NotCommitted
    | Preferred
    | Asking
    | Lost
    | Turn
)
