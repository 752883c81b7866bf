"""Every error ragflow raises on purpose.

RagflowError
├── UsageError               a command or call was given something it cannot take
│   ├── ParameterError       a parameter is unknown, missing or of the wrong type
│   ├── FireTakenError       a schedule fired for that instant already, or another service does
│   └── NotFoundError        a pipeline, collection, run or document of that name is not there
├── PipelineError            the definition is wrong; raised before anything runs
│   ├── HandleError          a handle was used as if it were a value
│   └── FingerprintError     something a task depends on cannot be fingerprinted
├── HomeError                the home cannot be used (unwritable, newer version, damaged)
│   └── BusyError            somebody else holds what is needed; says who and since when
├── GuardError               a run was refused before it did harm; says what would allow it
├── RunError                 a run went wrong as a whole
│   ├── SourceError          a source could not be listed
│   ├── LeaseLostError       another scheduler took the run over; this one publishes nothing more
│   └── RunCancelled         it was stopped on request
├── DocumentError            one document could not be served; the run goes on
│   ├── SkipDocument         nothing to do for it (a reason code of the closed list and a sentence)
│   ├── ParseError           its bytes could not be read as what they are
│   ├── GiveUp               a task says that trying again is of no use
│   ├── RetryTask            a task asks to be tried again
│   ├── TimedOutError        it waited or took longer than its task may
│   ├── EndpointError        a service that was asked answered with an error, or not at all
│   └── LimitError           it took more memory or wrote more than its task may
├── PluginError              a plugin is missing or broke its contract
└── InternalError            ragflow broke one of its own rules; never a user's doing
    ├── IllegalMoveError     something was to enter a state it cannot enter from where it is
    └── ImpossibleEventError the scheduler's core was told what no correct shell can tell it

`hint` says what to do next; the command line prints it as ``hint: …``.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal


class RagflowError(Exception):
    """The base of every error above."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        #: What to do next, one sentence, or None.
        self.hint = hint


class UsageError(RagflowError):
    """A command or call was given something it cannot take."""


class ParameterError(UsageError):
    """A parameter is unknown, missing or of the wrong type."""


class NotFoundError(UsageError):
    """A thing asked for by name is not there."""


class FireTakenError(UsageError):
    """A schedule fired for that instant already, or another service makes it do so."""


class PipelineError(RagflowError):
    """The definition of a pipeline is wrong."""


class HandleError(PipelineError):
    """A handle was used as if it were the value it stands for."""


class FingerprintError(PipelineError):
    """Something a task depends on cannot be fingerprinted."""


class HomeError(RagflowError):
    """The home cannot be used."""


class BusyError(HomeError):
    """Somebody else holds what is needed."""


class GuardError(RagflowError):
    """A run was refused before it did harm.

    `option` names what allows it where a person may be asked for that (``accept``).
    """

    def __init__(self, message: str, *, hint: str | None = None, option: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.option = option


class RunError(RagflowError):
    """A run went wrong as a whole."""


class SourceError(RunError):
    """A source could not be listed."""


class LeaseLostError(RunError):
    """Another scheduler took the run over, so that this one must publish nothing more."""


class RunCancelled(RunError):  # noqa: N818 - it says what became of the run
    """The run was stopped on request."""


class DocumentError(RagflowError):
    """One document could not be served."""

    #: A short word out of the closed list of reasons, for machines.
    code: str = "failed"

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        if code is not None:
            self.code = code


class SkipDocument(DocumentError):  # noqa: N818 - it reads as the instruction it is
    """Nothing is to be done for this document.

    `requirement` names what would make it readable (``program:tesseract``), so that a later
    run tries again as soon as it is there.
    """

    code = "skipped"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        requirement: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.requirement = requirement


class ParseError(DocumentError):
    """The bytes of a document could not be read as what they are."""

    code = "unreadable"


class GiveUp(DocumentError):  # noqa: N818 - it reads as the instruction it is
    """Trying again is of no use: a task raises it, and what it was given is a dead letter at once.

    It counts for this run and later ones, whatever the task's `Retry` says.
    """

    code = "gave_up"


class RetryTask(DocumentError):  # noqa: N818 - it reads as the instruction it is
    """A task asks to be tried again, `after` a while or when its `Retry` says.

    Each time is an attempt; once they are used up, a later run tries again.
    """

    code = "retry"

    def __init__(
        self,
        message: str = "the task asked to be tried again",
        *,
        after: timedelta | None = None,
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.after = after


class TimedOutError(DocumentError):
    """A call waited or took longer than its task may.

    `which` names the timeout: ``queue`` for the wait for a slot, ``attempt`` for one attempt,
    ``total`` for all of them with the pauses between. `limit` is its value.
    """

    code = "timeout"

    def __init__(
        self,
        which: Literal["queue", "attempt", "total"],
        limit: timedelta,
        *,
        hint: str | None = None,
    ) -> None:
        what = {
            "queue": "the call waited for a slot",
            "attempt": "the attempt took",
            "total": "the call took, with all its attempts,",
        }[which]
        super().__init__(
            f"{what} longer than {limit.total_seconds():g} s",
            hint=hint or f"allow it more: timeout=Timeouts({which}=...)",
        )
        self.which = which
        self.limit = limit


class EndpointError(DocumentError):
    """A service that was asked answered with an error, or not at all.

    It carries the number and the headers of the answer, by which the scheduler tells whether
    it passes and when to ask again.
    """

    code = "endpoint"

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        #: Number of the HTTP answer; None where none came.
        self.status_code = status_code
        #: Headers of the answer.
        self.headers = dict(headers or {})


class LimitError(DocumentError):
    """A call took more memory, or wrote more, than its task may."""

    code = "limit"


class PluginError(RagflowError):
    """A plugin is missing or broke its contract."""


class InternalError(RagflowError):
    """Ragflow broke one of its own rules; never a user's doing."""


class IllegalMoveError(InternalError):
    """Something was to enter a state that it cannot enter from where it is."""


class ImpossibleEventError(InternalError):
    """The scheduler's core was told what no correct shell can tell it."""
