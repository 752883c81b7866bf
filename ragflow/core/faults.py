"""What does an error mean: may it pass by itself, and did anybody say when?

Within a run, errors that pass by themselves are tried three times in all unless the task says
otherwise; what will not pass is never tried again, so that it costs no time. Later runs try
again what may have passed by then, which is more: a file that cannot be read now may be
readable tomorrow, but hardly in a second.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ragflow.core.retry import LONGEST_TOLD, ErrorName, Fault, FaultKind, Retry
from ragflow.errors import GiveUp, LimitError, RagflowError, RetryTask, SkipDocument, TimedOutError

_PASSING_ANSWERS = frozenset({408, 425, 429, 500, 502, 503, 504})

_PASSING_NUMBERS = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)

# Libraries whose errors of the network do not descend from those of Python.
_PASSING_NAMES = (
    "aiohttp.ClientConnectionError",
    "aiohttp.ServerTimeoutError",
    "http.client.IncompleteRead",
    "httpx.NetworkError",
    "httpx.RemoteProtocolError",
    "httpx.TimeoutException",
    "requests.ChunkedEncodingError",
    "requests.ConnectionError",
    "requests.Timeout",
    "socket.gaierror",
    "urllib3.ProtocolError",
    "urllib3.TimeoutError",
)

_ANSWER_NAMES = ("status_code", "status")
_SECONDS = re.compile(r"\s*(\d{1,12}(?:\.\d*)?)\s*", re.ASCII)


def fault_of(error: BaseException, policy: Retry, *, now: datetime) -> Fault:
    """Read an error: may it pass, and did anybody say when?

    Errors raised from others, or while others were handled, are looked through: a library may
    wrap the answer of a service. What a service asks for counts up to an hour; `now` is needed
    where its Retry-After names a date.
    """
    if isinstance(error, SkipDocument):
        return Fault(FaultKind.LASTING)
    if isinstance(error, GiveUp) or _is_one_of(error, policy.give_up_on):
        return Fault(FaultKind.GIVE_UP)
    if isinstance(error, RetryTask):
        after = error.after
        return Fault(FaultKind.RETRY, None if after is None else max(0.0, after.total_seconds()))
    if isinstance(error, TimedOutError):
        # Only an attempt can be had again; the call's own time, or its wait, is over.
        return Fault(FaultKind.TIMEOUT if error.which == "attempt" else FaultKind.LATER)
    if _is_one_of(error, policy.retry_on) or is_passing(error):
        return Fault(FaultKind.PASSING, _told(error, now) if policy.retry_after else None)
    if isinstance(error, LimitError):
        return Fault(FaultKind.LIMIT)
    if isinstance(error, OSError) and not isinstance(error, RagflowError) and not _answer(error):
        return Fault(FaultKind.LATER)
    return Fault(FaultKind.LASTING)


def is_passing(error: BaseException) -> bool:
    """Tell whether an error passes by itself within seconds or minutes.

    So do: a connection that failed, timeouts, memory or file handles that ran out, a locked
    SQLite database, and the HTTP answers 408, 425, 429, 500, 502, 503, 504 and any that says
    when to ask again. Errors of ragflow itself do not, but for those that carry such an answer.
    """
    if isinstance(error, RagflowError) and _answer(error) is None:
        return False
    if isinstance(error, BaseExceptionGroup):
        return all(is_passing(each) for each in error.exceptions)
    for each in _chain(error):
        answer = _answer(each)
        if answer is not None:
            return answer in _PASSING_ANSWERS or bool(_header(each, "retry-after"))
        if _passes(each):
            return True
    return False


def _passes(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError | MemoryError):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING_NUMBERS:
        return True
    if _is_one_of(error, ("sqlite3.OperationalError",)):
        return any(word in str(error) for word in ("locked", "busy"))
    return _is_one_of(error, _PASSING_NAMES)


def _is_one_of(error: BaseException, names: tuple[ErrorName, ...]) -> bool:
    return any(
        isinstance(error, name) if isinstance(name, type) else _is_named(error, name)
        for name in names
    )


def _is_named(error: BaseException, name: str) -> bool:
    """Tell whether its class, or one above, has this name, in that module or one below it."""
    module, _, last = name.rpartition(".")
    return any(
        kind.__name__ == last
        # Libraries show at the top what they define below: requests.exceptions.Timeout.
        and (not module or f"{kind.__module__}.".startswith(f"{module}."))
        for kind in type(error).__mro__
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was raised from, or while handling, nearest first."""
    met: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in met:
        met.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _answer(error: BaseException) -> int | None:
    """Return the HTTP answer an error carries: of requests, httpx, aiohttp, urllib and others."""
    response = _attribute(error, "response")
    found = [_attribute(thing, name) for thing in (response, error) for name in _ANSWER_NAMES]
    # A `code` is one of HTTP only where headers came with it.
    if _attribute(error, "headers") is not None:
        found.append(_attribute(error, "code"))
    return next((n for n in found if isinstance(n, int) and 100 <= n <= 599), None)


def _told(error: BaseException, now: datetime) -> float | None:
    """Return the seconds a service asked for, the longest where several did, up to an hour."""
    nested = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    told = [_told(each, now) for each in nested]
    told += [_retry_after(each, now) for each in _chain(error)]
    return max((min(each, LONGEST_TOLD) for each in told if each is not None), default=None)


def _retry_after(error: BaseException, now: datetime) -> float | None:
    found = _SECONDS.fullmatch(_header(error, "retry-after-ms") or "")
    if found:
        return float(found[1]) / 1000
    text = _header(error, "retry-after") or ""
    found = _SECONDS.fullmatch(text)
    if found:
        return float(found[1])
    from email.utils import parsedate_to_datetime  # 10 ms that start-up is spared

    try:
        date = parsedate_to_datetime(text)
        aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    except (ValueError, OverflowError):
        return None


def _header(error: BaseException, name: str) -> str | None:
    """Return a header of the answer an error carries; `name` is in lower case."""
    for thing in (_attribute(error, "response"), error):
        with suppress(Exception):  # whatever a library calls headers
            for key, value in dict(_attribute(thing, "headers").items()).items():
                if key.lower() == name:
                    return str(value)
    return None


def _attribute(thing: object, name: str) -> Any:
    """Return an attribute, or None; a property of a foreign error may raise anything."""
    with suppress(Exception):
        return getattr(thing, name, None)
    return None
