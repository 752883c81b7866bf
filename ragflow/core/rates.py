"""How many calls may begin in a time? A bucket of tokens, as plain data.

A bucket fills at the pace of its rate and each call takes one token. It holds a second's worth
at most, so that a rate is kept over every window and not only on average.
"""

import re
from collections.abc import Mapping

import msgspec

from ragflow.errors import PipelineError

_PERIODS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(s|min|h|d)\s*", re.ASCII)

# The smallest step of a clock in seconds since 1970 is a quarter of a microsecond. A shorter
# wait would end at the very instant at which it began.
_SHORTEST_WAIT = 1e-6
# What rounding may take from a token that is due.
_SLACK = 1e-9


class Rate(msgspec.Struct, frozen=True):
    """A pace, and how much of it may be caught up on at once."""

    per_second: float
    #: Most tokens a bucket holds, at least one.
    burst: float


class Bucket(msgspec.Struct, frozen=True):
    """What is left of a rate at an instant; below zero while a service asked for a pause."""

    tokens: float
    #: The instant at which it held them, in seconds.
    at: float


def read_rate(text: str) -> Rate:
    """Return the rate that ``"10/s"``, ``"600/min"``, ``"5000/h"`` or ``"100/d"`` stands for.

    Over any window of w seconds no more begins than the rate times w, and a second's worth (one
    at least). Raises `PipelineError` for anything else.
    """
    found = _RATE.fullmatch(text)
    per_second = float(found[1]) / _PERIODS[found[2]] if found else 0.0
    if not per_second or per_second == float("inf"):
        raise PipelineError(
            f"{text!r} is no rate", hint='write calls in a time: "10/s", "600/min" or "5000/h"'
        )
    return Rate(per_second, max(1.0, per_second))


def find_rate(owner: str, name: str, declared: Mapping[str, Rate]) -> Rate:
    """Return the rate a task names, or writes out; raises `PipelineError` where there is none."""
    if is_written_out(name):
        return read_rate(name)
    if name not in declared:
        raise PipelineError(
            f"{owner} names the rate {name!r}, which is not declared",
            hint=f'add `{name} = "60/min"` under [rates] in ragflow.toml; '
            f"rates: {', '.join(sorted(declared)) or 'none'}",
        )
    return declared[name]


def is_written_out(rate: str) -> bool:
    """Tell a rate such as ``"10/min"`` from the name of one."""
    return "/" in rate


def full(rate: Rate, now: float) -> Bucket:
    """Return the bucket of a rate that nothing was taken from."""
    return Bucket(rate.burst, now)


def take(bucket: Bucket, rate: Rate, now: float) -> tuple[Bucket, float]:
    """Take a token, if there is one; else say how many seconds to wait before asking again.

    A wait of 0.0 means that it was taken. Where the clock was put back, the bucket neither
    gains nor loses a token, and fills on from there.
    """
    filled = _filled(bucket, rate, now)
    if filled.tokens + _SLACK >= 1:
        return Bucket(filled.tokens - 1, now), 0.0
    return filled, max(_SHORTEST_WAIT, (1 - filled.tokens) / rate.per_second)


def told(bucket: Bucket, rate: Rate, now: float, retry_after: float) -> Bucket:
    """Let the next token be there in `retry_after` seconds, as a service asked, or later.

    Several calls that are told the same pause once.
    """
    filled = _filled(bucket, rate, now)
    # A debt, and no instant: so a clock that is put back does not lengthen the pause.
    return Bucket(min(filled.tokens, 1 - rate.per_second * max(0.0, retry_after)), now)


def _filled(bucket: Bucket, rate: Rate, now: float) -> Bucket:
    gained = rate.per_second * max(0.0, now - bucket.at)
    # `max`: a bucket above its burst is one whose rate was lowered, and is not emptied for it.
    return Bucket(max(bucket.tokens, min(rate.burst, bucket.tokens + gained)), now)
