from datetime import UTC, datetime

from ragflow.core.run_records import AuditEvent, LogLine
from ragflow.views.events import audit_table, log_table
from ragflow.views.quantities import instant

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_an_event_says_when_who_what_to_what_and_why():
    detail = {"state": "failed", "error": "no room", "part": None}
    event = AuditEvent(
        id=1, at=NOON, actor="ada", action="run.ended", object="x", detail=detail, run=3
    )
    assert audit_table([event]).rows == [
        (instant(NOON), "ada", "run.ended", "3", "x", "state=failed, error=no room")
    ]


def test_a_line_says_where_it_came_from():
    def line(**facts):
        return LogLine(**{
            "run": 1, "task": None, "key": None, "at": NOON, "stream": "log", "level": None,
            "text": "said", **facts,
        })  # fmt: skip

    rows = log_table(
        [
            line(level="warning", task="check", key="a.md"),
            line(stream="out"),
            line(stream="err"),
            line(),
        ]
    ).rows
    assert [row[1:] for row in rows] == [
        ("check", "a.md", "warning", "said"),
        ("", "", "printed", "said"),
        ("", "", "stderr", "said"),
        ("", "", "log", "said"),
    ]
