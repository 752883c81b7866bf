"""How is a length of time written? As ``seconds(30)``, ``minutes(2)`` or ``hours(1)``."""

import math
from datetime import timedelta
from typing import Any

from ragflow.errors import PipelineError


def seconds(count: float) -> timedelta:
    """Return so many seconds; raises `PipelineError` for what is no length of time."""
    return _duration("seconds", count)


def minutes(count: float) -> timedelta:
    """Return so many minutes; raises `PipelineError` for what is no length of time."""
    return _duration("minutes", count)


def hours(count: float) -> timedelta:
    """Return so many hours; raises `PipelineError` for what is no length of time."""
    return _duration("hours", count)


def _duration(unit: str, count: Any) -> timedelta:
    is_number = isinstance(count, int | float) and not isinstance(count, bool)
    if not is_number or not math.isfinite(count) or count < 0:
        raise PipelineError(
            f"{unit}({count!r}) is no length of time", hint=f"write a number: {unit}(1.5)"
        )
    try:
        return timedelta(**{unit: count})
    except OverflowError as error:
        raise PipelineError(
            f"{unit}({count!r}) is longer than a calendar", hint="leave it out to wait for ever"
        ) from error
