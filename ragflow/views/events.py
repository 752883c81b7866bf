"""How do the audit and the logs of tasks read?"""

from collections.abc import Iterable, Mapping
from typing import Any

from ragflow.core.run_records import AuditEvent, LogLine
from ragflow.views.quantities import instant
from ragflow.views.rendering import Table

#: What the streams of a log are called; a logged line bears its level.
_STREAMS = {"out": "printed", "err": "stderr"}


def audit_table(events: Iterable[AuditEvent]) -> Table:
    """Return what was done: when, by whom, to what and why."""
    rows = [
        (
            instant(event.at),
            event.actor,
            event.action,
            "" if event.run is None else f"{event.run}",
            event.object or "",
            _in_words(event.detail),
        )
        for event in events
    ]
    return Table(("time", "who", "did", "run", "to", "detail"), rows, frozenset({"run"}))


def log_table(lines: Iterable[LogLine]) -> Table:
    """Return what tasks logged and printed, each line with its task and key."""
    rows = [
        (
            instant(line.at),
            line.task or "",
            line.key or "",
            line.level or _STREAMS.get(line.stream, line.stream),
            line.text,
        )
        for line in lines
    ]
    return Table(("time", "task", "document", "", "text"), rows)


def _in_words(detail: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in detail.items() if value is not None)
