"""How often is a call tried again, and when?

Pure arithmetic: no clock and no randomness, so the answer is the same in a simulation, in a
replay and after a crash. What an error means for it is read in `ragflow.core.faults`.
"""

import math
from datetime import timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Literal, get_args

import msgspec

from ragflow.errors import PipelineError

Jitter = Literal["full", "equal", "none"]
#: An exception's class, or its name with or without its module: ``"httpx.ReadTimeout"``.
ErrorName = type[BaseException] | str

#: The longest pause, in seconds, that a service may ask for with Retry-After.
LONGEST_TOLD = 3600.0

#: Pauses before a later run tries again, in seconds, by how many runs tried in vain.
LATER = (0.0, 60.0, 300.0, 1800.0, 7200.0)


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often and when a call is tried again within a run.

    Raises `PipelineError` for values that cannot be meant.
    """

    #: Most attempts in all; 1 for no second one.
    attempts: int = 3
    #: The pause after the first attempt.
    initial: timedelta = timedelta(seconds=1)
    #: How much longer each further pause is.
    factor: float = 2.0
    #: The longest pause, but for one that a service or the task itself asks for.
    max_delay: timedelta = timedelta(minutes=5)
    #: No attempt begins later than this after the first.
    max_elapsed: timedelta | None = None
    #: Which share of a pause is drawn: all of it, its second half, or none.
    jitter: Jitter = "full"
    #: Errors tried again beside those that pass by themselves.
    retry_on: tuple[ErrorName, ...] = ()
    #: Errors never tried again, not by a later run either; it wins over `retry_on`.
    give_up_on: tuple[ErrorName, ...] = ()
    #: Whether a service is heard that says when to ask again.
    retry_after: bool = True

    def __post_init__(self) -> None:
        attempts: Any = self.attempts
        if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
            raise _wrong("attempts", attempts, "is no number of attempts", "1 tries once")
        factor: Any = self.factor
        if not isinstance(factor, int | float) or not 1 <= factor < math.inf:
            raise _wrong("factor", factor, "is not 1 or more", "1 keeps all pauses alike")
        if self.jitter not in get_args(Jitter):
            known = ", ".join(get_args(Jitter))
            raise _wrong("jitter", self.jitter, "is no kind of jitter", f"one of: {known}")
        for name in ("initial", "max_delay", "max_elapsed"):
            value = getattr(self, name)
            if name == "max_elapsed" and value is None:
                continue
            if not isinstance(value, timedelta) or value < timedelta(0):
                raise _wrong(name, value, "is no length of time", f"write {name}=seconds(30)")
        if self.initial > self.max_delay:
            why = f"is longer than the longest pause, {self.max_delay}"
            raise _wrong("initial", str(self.initial), why, "raise max_delay as well")
        for name in ("retry_on", "give_up_on"):
            named = _names(name, getattr(self, name))
            msgspec.structs.force_setattr(self, name, named)
        if not isinstance(self.retry_after, bool):
            raise _wrong("retry_after", self.retry_after, "is not True or False", "leave it out")


def _wrong(name: str, value: object, why: str, hint: str) -> PipelineError:
    return PipelineError(f"Retry: {name}={value!r} {why}", hint=hint)


def _names(name: str, given: Any) -> tuple[ErrorName, ...]:
    named = tuple(given) if isinstance(given, tuple | list | set | frozenset) else (given,)
    for each in named:
        is_error = isinstance(each, type) and issubclass(each, BaseException)
        if not is_error and not (isinstance(each, str) and each):
            hint = f'{name}=(ValueError, "httpx.ReadTimeout")'
            raise _wrong(name, each, "is no class of errors and no name of one", hint)
    return named


class FaultKind(StrEnum):
    """What an error means for further attempts."""

    PASSING = "passing"  #: passes by itself: tried again in this run, and by later ones
    RETRY = "retry"  #: the task asks to be tried again: as `PASSING`
    TIMEOUT = "timeout"  #: an attempt took too long: as `PASSING`
    LATER = "later"  #: may pass, but not in a moment: tried again by later runs only
    LASTING = "lasting"  #: will not pass before content, code or surroundings change
    LIMIT = "limit"  #: it went beyond what its task may take: as `LASTING`
    GIVE_UP = "give_up"  #: the task says that trying again is of no use: as `LASTING`


_TRIED_AGAIN = frozenset({FaultKind.PASSING, FaultKind.RETRY, FaultKind.TIMEOUT})


class Fault(msgspec.Struct, frozen=True):
    """What the scheduler is told of an error."""

    kind: FaultKind
    #: Seconds until the next attempt, where a service or the task itself asked for them.
    told: float | None = None

    @property
    def is_tried_again(self) -> bool:
        """Whether this run tries again, as far as the policy allows."""
        return self.kind in _TRIED_AGAIN

    @property
    def is_tried_later(self) -> bool:
        """Whether later runs try again though nothing changed; see `later`."""
        return self.kind in _TRIED_AGAIN or self.kind is FaultKind.LATER


def delay(policy: Retry, key: bytes | str, attempt: int, told: float | None = None) -> float:
    """Return the pause in seconds after attempt number `attempt`, counted from 1.

    The same key and attempt always give the same pause. `told`, what a service asked for, wins
    where it is longer, up to an hour (`LONGEST_TOLD`).
    """
    pause = _base(policy, attempt)
    if policy.jitter == "full":
        pause *= _drawn(key, attempt)
    elif policy.jitter == "equal":
        pause *= 0.5 + 0.5 * _drawn(key, attempt)
    return pause if told is None else max(pause, min(told, LONGEST_TOLD))


def next_attempt(
    policy: Retry,
    key: bytes | str,
    *,
    attempt: int,
    first_at: float,
    now: float,
    fault: Fault,
) -> float | None:
    """Return the instant of the next attempt, or None when there is none in this run.

    There is none when the error is not one to try again, attempts are used up, or it would
    begin more than `max_elapsed` after the first. A pause the task itself asks for is kept to
    the letter.
    """
    if not fault.is_tried_again or attempt >= policy.attempts:
        return None
    asked_by_task = fault.kind is FaultKind.RETRY and fault.told is not None
    pause = fault.told if asked_by_task else delay(policy, key, attempt, fault.told)
    at = now + max(0.0, pause or 0.0)
    if policy.max_elapsed is not None and at - first_at > policy.max_elapsed.total_seconds():
        return None
    return at


def later(tries: int, now: float) -> float | None:
    """Return from when on a later run tries again what `tries` runs tried in vain, if one does.

    For errors that may pass by themselves (`Fault.is_tried_later`). The next run tries again at
    once; then a minute, five, half an hour and two hours must have passed. After five later
    runs in vain it is None: held back until something changes, or a person replays it.
    """
    if tries > len(LATER):
        return None
    return now + LATER[max(tries, 1) - 1]


def _base(policy: Retry, attempt: int) -> float:
    """Return the pause before jitter: initial · factor ** (attempt - 1), at most max_delay."""
    initial = policy.initial.total_seconds()
    longest = policy.max_delay.total_seconds()
    if initial == 0 or policy.factor == 1 or attempt <= 1:
        return initial
    # Compared as logarithms before the power is taken, which would overflow.
    if attempt - 1 >= math.log(longest / initial) / math.log(policy.factor):
        return longest
    return min(longest, initial * policy.factor ** (attempt - 1))


def _drawn(key: bytes | str, attempt: int) -> float:
    """Return a number in [0, 1) that is fixed by key and attempt."""
    data = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    digest = blake2b(b"%d:" % attempt + data, digest_size=8, person=b"ragflow.retry").digest()
    return (int.from_bytes(digest) >> 11) / (1 << 53)
