"""Every error ragflow raises on purpose.

RagflowError
├── UsageError               a command or call was given something it cannot take
│   ├── ParameterError       a parameter is unknown, missing or of the wrong type
│   └── NotFoundError        a pipeline, collection, run or document of that name is not there
├── PipelineError            the definition is wrong; raised before anything runs
│   ├── HandleError          a handle was used as if it were a value
│   └── FingerprintError     something a task depends on cannot be fingerprinted
├── HomeError                the home cannot be used (unwritable, newer version, damaged)
│   └── BusyError            somebody else holds what is needed; says who and since when
├── GuardError               a run was refused before it did harm; says what would allow it
├── RunError                 a run went wrong as a whole
│   └── SourceError          a source could not be listed
├── DocumentError            one document could not be served; the run goes on
│   ├── SkipDocument         nothing to do for it (a reason code of the closed list and a sentence)
│   └── ParseError           its bytes could not be read as what they are
└── PluginError              a plugin is missing or broke its contract

`hint` says what to do next; the command line prints it as ``hint: …``.
"""


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
    """A run was refused before it did harm."""


class RunError(RagflowError):
    """A run went wrong as a whole."""


class SourceError(RunError):
    """A source could not be listed."""


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


class PluginError(RagflowError):
    """A plugin is missing or broke its contract."""
