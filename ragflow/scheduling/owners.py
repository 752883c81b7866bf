"""What is to be done about one owner that is not unchanged, and how did it end?"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ragflow.core.faults import fault_of
from ragflow.core.items import Fingerprint
from ragflow.core.records import (
    EndCommit,
    EndNow,
    EndStanding,
    Loaded,
    OwnerChange,
    OwnerCommit,
)
from ragflow.core.retry import Retry, later
from ragflow.core.states import Change, OwnerState
from ragflow.errors import (
    DocumentError,
    HomeError,
    RagflowError,
    RunError,
    SkipDocument,
    UsageError,
)
from ragflow.incremental.fingerprint import fingerprint_input
from ragflow.interfaces.packed_error import escaped
from ragflow.scheduling.calls import Counted, Stop
from ragflow.scheduling.commits import Served, ServedEnd, kept_rows, no_rows
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.printing import CUT
from ragflow.scheduling.rows import WantedRow

#: What is told of an end that lacks something.
_TOLD = ("reason", "message", "requirement", "task", "part")
#: Letters that are kept of a message, and of a traceback its last.
_LONGEST, _LONGEST_TRACEBACK = 2000, 8000


class ContentChangedError(RagflowError):
    """What was loaded is not what the ledger saw, though the token is the same.

    Control flow: the owner is loaded again and its walk begins anew.
    """


def ends_the_run(error: BaseException) -> bool:
    """Tell whether an error is no document's: it would be the same for every other.

    A wrong parameter or a home that cannot be written must not be recorded against documents,
    where nothing would ever release them.
    """
    return isinstance(error, KeyboardInterrupt | RunError | UsageError | HomeError)


def of_one(error: BaseException) -> Exception:
    """Return the error that one owner failed by; raise what is the end of the whole run.

    What a library means for the whole process (it called ``sys.exit``) is one owner's.
    """
    if ends_the_run(error):
        raise error
    if isinstance(error, Exception):
        return error
    wrapped = DocumentError(f"it tried to end the process: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


class Owner(msgspec.Struct, frozen=True, gc=False):
    """One owner on its way: what was listed, what was loaded, and which ends wait for it."""

    source: str
    change: OwnerChange
    content: Fingerprint
    metadata: Mapping[str, Any]
    #: The fingerprint of both: what it is served from.
    input: Fingerprint
    #: The ends it must be served at, by name of the target node.
    ends: Mapping[str, EndNow]
    #: Whether it is known once it was seen: it is served by a generation that is to be
    #: replaced, or has no ends at all.
    is_known: bool = False

    @property
    def changed(self) -> Change:
        """How it changed, now that its content is known."""
        served_before = any(map(_was_served, self.change.ends.values()))
        if not served_before and not (self.is_known and self.change.content is not None):
            return Change.ADDED
        if self.content != self.change.content or self.metadata != self.change.metadata:
            return Change.MODIFIED
        return Change.STALE if self.ends else Change.UNCHANGED

    def commit(self) -> OwnerCommit:
        """Return what the ledger is told of it, ends left out."""
        return OwnerCommit(
            source=self.source,
            key=self.change.key,
            token=self.change.token,
            content=self.content,
            metadata=self.metadata,
            input=self.input,
        )


def _was_served(standing: EndStanding) -> bool:
    """Tell whether an owner was served at an end, or was when a crash made that uncertain."""
    is_distrusted = standing.served_definition is None and standing.tried_definition is None
    return bool(standing.served_input) or is_distrusted


def find_owner(
    source: str,
    change: OwnerChange,
    content: Fingerprint,
    metadata: Mapping[str, Any],
    ends: Mapping[str, EndNow],
    *,
    rebuilding: bool = False,
    is_again: bool = False,
) -> Owner:
    """Decide, now that the content is known, at which ends the owner must be served.

    With `is_again` at all of them, whatever it was served from.
    """
    source_input = fingerprint_input(content, metadata)
    waiting = {
        node: end
        for node, end in ends.items()
        if (is_again and not _is_discarded(change, end)) or not _stands(change, end, source_input)
    }
    if change.change is Change.UNCHANGED:
        waiting = {}  # walked only to be gathered
    return Owner(source, change, content, metadata, source_input, waiting, rebuilding or not ends)


def _is_discarded(change: OwnerChange, end: EndNow) -> bool:
    """Tell whether somebody gave an owner up at an end, until its content changes."""
    standing = change.ends.get(end.generation)
    return standing is not None and standing.is_discarded


def _stands(change: OwnerChange, end: EndNow, source_input: Fingerprint) -> bool:
    standing = change.ends.get(end.generation)
    if standing is None or standing.state is OwnerState.FAILED:
        return False
    if standing.requirement is not None:
        return False  # what it lacked may be there now; asking again costs one call
    now = (source_input, end.definition)
    served = (standing.served_input, standing.served_definition)
    tried = (standing.tried_input, standing.tried_definition)
    return served == now or (standing.state is OwnerState.HELD_BACK and tried == now)


def start_of(owner: Owner, loaded: Loaded | None, load: Callable[[], Loaded]) -> Datum:
    """Return the datum a walk starts from.

    An owner whose content the ledger knows is not opened before a memo is missing.
    """
    if loaded is not None:
        return Datum(owner.content, owner.metadata, value=loaded.value)

    def fetch() -> Any:
        found = load()
        if found.content != owner.content:
            raise ContentChangedError("the content changed behind its token")
        return found.value

    return Datum(owner.content, owner.metadata, fetch=fetch)


def served(
    owner: Owner,
    rows: Mapping[str, Mapping[str, WantedRow] | Stop],
    now: datetime,
    lapses: Mapping[str, Stop] = {},
) -> Served:
    """Return what the owner came to, given by target node its rows or why there are none.

    And by target node, in `lapses`, why the rows are not all there could be.
    """
    ends = []
    for node, end in owner.ends.items():
        found, lapse = rows[node], lapses.get(node)
        standing = owner.change.ends.get(end.generation)
        is_same = standing is not None and standing.tried_input == owner.input
        tried = standing if is_same else None
        if isinstance(found, Stop) and isinstance(found.error, Counted):
            ends.append(ServedEnd(_end(end, OwnerState.SUCCEEDED), None))
        elif isinstance(found, Stop):
            # Without what is missing there may be nothing at all.
            stop = lapse if lapse is not None and isinstance(found.error, SkipDocument) else found
            ends.append(_stopped(end, stop, tried, now))
        elif lapse is not None:
            ends.append(
                _served_in_part(end, found, lapse, standing, _stopped(end, lapse, tried, now))
            )
        else:
            ends.append(ServedEnd(_end(end, OwnerState.SUCCEEDED), found))
    return Served(owner.change.owner, owner.commit(), ends)


def _served_in_part(
    end: EndNow,
    rows: Mapping[str, WantedRow],
    lapse: Stop,
    standing: EndStanding | None,
    stopped: ServedEnd,
) -> ServedEnd:
    """Return the end of an owner of which something could not be made.

    It is served with what there is; unless it was served before with all of it and what is
    missing now may pass by itself. What it lacks is tried again as that of an owner without rows.
    """
    if isinstance(lapse.error, SkipDocument):
        facts = {name: getattr(stopped.commit, name) for name in _TOLD}
        return ServedEnd(_end(end, OwnerState.SUCCEEDED, **facts), rows)
    was_whole = standing is not None and standing.served_input is not None
    if was_whole and stopped.commit.state is OwnerState.FAILED:
        return stopped
    return ServedEnd(msgspec.structs.replace(stopped.commit, in_part=True), rows)


def standing_of(change: OwnerChange) -> str:
    """Return what an owner with nothing to do is counted under."""
    states = {standing.state for standing in change.ends.values()}
    if states & {OwnerState.HELD_BACK, OwnerState.FAILED}:  # what failed waits for its instant
        return OwnerState.HELD_BACK.value
    return (OwnerState.SKIPPED if OwnerState.SKIPPED in states else Change.UNCHANGED).value


def stopped_before(change: OwnerChange) -> Exception | None:
    """Return what stopped an owner with nothing to do, which is walked only to be gathered.

    What stopped it once, with everything as it is, is not tried again for its groups' sake.
    """
    if change.change is not Change.UNCHANGED:
        return None
    match standing_of(change):
        case OwnerState.SKIPPED:
            return SkipDocument("it was skipped before")
        case OwnerState.HELD_BACK:
            return DocumentError("it failed before")
    return None


def ended_as(change: OwnerChange, done: Served, gathered: Stop | None) -> str | None:
    """Return the word for how an owner's work ended; None where how it changed says it.

    Where nothing was tried at an end it stands as it stood. `gathered` is why it is in no
    group, where it should be in one.
    """
    tried = {end.commit.state for end in done.ends}
    stands = Change.UNCHANGED.value if done.ends else standing_of(change)
    if tried & {OwnerState.FAILED, OwnerState.HELD_BACK}:
        return "failed"
    if stands == OwnerState.HELD_BACK:
        return "held_back"
    if gathered is not None and not isinstance(gathered.error, Counted | SkipDocument):
        return "failed"
    is_skipped = gathered is not None and isinstance(gathered.error, SkipDocument)
    return "skipped" if is_skipped or "skipped" in (*tried, stands) else None


def left_out(source: str, change: OwnerChange, ends: Sequence[EndNow]) -> Served:
    """Return what becomes of an owner that its source leaves out with a reason."""
    assert change.skip is not None
    code, sentence = change.skip
    # Without content: it is read as soon as its source lists it without a reason.
    commit = OwnerCommit(
        source=source,
        key=change.key,
        token=change.token,
        content=None,
        metadata=change.listed,
        input=None,
    )
    parts = [no_rows(_end(end, OwnerState.SKIPPED, reason=code, message=sentence)) for end in ends]
    return Served(change.owner, commit, parts)


def unread(
    source: str, change: OwnerChange, ends: Sequence[EndNow], stop: Stop, now: datetime
) -> Served:
    """Return what becomes of an owner that could not be loaded."""
    commit = OwnerCommit(
        source=source,
        key=change.key,
        token=change.token,
        content=None,
        metadata=change.metadata,
        input=None,
    )
    # What failed after it was read, by its content, failed by something else.
    known = {place: each for place, each in change.ends.items() if each.tried_input is None}
    tried = [_stopped(end, stop, known.get(end.generation), now) for end in ends]
    return Served(change.owner, commit, tried)


def _stopped(end: EndNow, stop: Stop, standing: EndStanding | None, now: datetime) -> ServedEnd:
    """Return the end of an owner that was not served; `standing` is how it stood, as it is.

    What may pass by itself is tried by later runs, with growing pauses, and held back when
    they tried it in vain often enough; what will not pass is held back at once.
    """
    error = stop.error
    facts: dict[str, Any] = {
        "reason": reason_of(error),
        "message": sentence_of(error),
        "task": stop.task,
        "part": ".".join(map(str, stop.part)) or None,
    }
    if isinstance(error, SkipDocument):
        return no_rows(_end(end, OwnerState.SKIPPED, requirement=error.requirement, **facts))
    facts["traceback"] = traceback_of(error)
    if facts["reason"] == "poison":
        facts["call"] = getattr(error, "call", None)
    if stop.gives_up or not fault_of(error, Retry(), now=now).is_tried_later:
        return kept_rows(_end(end, OwnerState.HELD_BACK, **facts))
    tries = 1 if standing is None else standing.tries + 1
    again = later(tries, now.timestamp())
    if again is None:
        return kept_rows(_end(end, OwnerState.HELD_BACK, tries=tries, **facts))
    due = datetime.fromtimestamp(again, UTC)
    return kept_rows(_end(end, OwnerState.FAILED, tries=tries, not_before=due, **facts))


def _end(end: EndNow, state: OwnerState, **facts: Any) -> EndCommit:
    return EndCommit(generation=end.generation, definition=end.definition, state=state, **facts)


def reason_of(error: BaseException) -> str:
    """Return the short word for why an owner was skipped or failed."""
    if isinstance(error, DocumentError):
        return error.code
    return "unavailable" if isinstance(error, OSError) else "error"


def sentence_of(error: BaseException) -> str:
    """Return one sentence a person understands, without class names where we wrote it.

    It can be written anywhere, and is cut where it is longer than anybody reads.
    """
    try:
        told = escaped(_sentence(error))
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"{type(error).__name__}: (it cannot be shown)"
    return told if len(told) <= _LONGEST else told[: _LONGEST - len(CUT)] + CUT


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        told = str(error.strerror).lower()
        if isinstance(error.filename, str | bytes) and error.filename:
            return f"{told}: {os.fsdecode(error.filename)}"
        return told
    if isinstance(error, RagflowError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def traceback_of(error: BaseException) -> str | None:
    """Return the traceback, unless the error is one of ours, which need none."""
    import traceback

    if isinstance(error, DocumentError):
        return None
    try:
        return escaped("".join(traceback.format_exception(error)))[-_LONGEST_TRACEBACK:]
    except Exception:  # noqa: BLE001 - as of the sentence
        return None
