import io

import pytest

from ragflow.views.progress import GRACE, PAUSE, Lines, LiveLines, Quiet, open_progress, within
from tests.unit.views.drawn import FakeClock, chain, graph, ran, summary

COUNTS = {"listed": 12, "added": 10, "modified": 0, "stale": 0, "unchanged": 2, "deleted": 0}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def stream():
    return io.StringIO()


def test_quiet_says_only_what_a_person_must_read(stream):
    with Quiet(stream) as progress:
        progress.started(["read"])
        progress.listed(COUNTS)
        progress.progressed({"read": ran(1)}, {})
        progress.noted("the folder is another one")
        progress.ended(summary())
    assert stream.getvalue() == "note: the folder is another one\n"


def test_plain_lines_come_at_the_start_every_few_seconds_and_at_the_end(stream):
    clock = FakeClock()
    with Lines(graph(), clock=clock, stream=stream) as progress:
        progress.started(["read"])
        progress.listed(COUNTS)
        for second in range(1, 13):
            clock.seconds = float(second)
            progress.progressed({"read": ran(second)}, {})
        progress.ended(summary())
    lines = stream.getvalue().splitlines()
    assert lines[0] == "12 listed: 10 added, 2 unchanged"
    assert lines[1:-1] == [
        f"read {int(PAUSE)}/10 (1.0/s, 5.0 s left)",
        f"read {2 * int(PAUSE)}/10 (1.0/s)",
    ]
    assert lines[-1] == "run 3 of handbook: succeeded in 2.3 s"


def test_a_plan_ends_without_a_line(stream):
    Lines(graph(), clock=FakeClock(), stream=stream).ended({"instance": "handbook"})
    assert stream.getvalue() == ""


def test_a_run_that_is_over_at_once_opens_no_live_lines():
    clock, terminal = FakeClock(), Terminal()
    with LiveLines(graph(), clock=clock, stream=terminal) as progress:
        progress.listed(COUNTS)
        clock.seconds = GRACE / 2
        progress.progressed({"read": ran(1)}, {})
        progress.ended(summary())
    assert terminal.getvalue() == "12 listed: 10 added, 2 unchanged\n"


def test_live_lines_show_every_task_and_are_gone_at_the_end():
    clock, terminal = FakeClock(), Terminal()
    with LiveLines(graph(), clock=clock, stream=terminal) as progress:
        progress.listed(COUNTS)
        clock.seconds = 1.0
        progress.progressed({"read": ran(4, failed=1)}, {})
        clock.seconds = 2.0
        progress.progressed({"read": ran(6, failed=1)}, {})
        progress.noted("a [bold]note[/bold]")
        bars = progress._bars
        assert bars is not None
        shown = {task.description: task.fields for task in bars.tasks if task.visible}
        assert list(shown) == ["read", "extract", "chunk", "embed"]
        assert shown["read"] == {
            "counts": "7/10, 1 failed",
            "speed": "2.0/s",
            "left": "1.5 s left",
        }
    assert progress._bars is None
    assert "note: a [bold]note[/bold]" in terminal.getvalue()


def test_live_lines_are_gone_after_an_error_too():
    clock = FakeClock()
    progress = LiveLines(graph(), clock=clock, stream=Terminal())
    clock.seconds = 1.0
    progress.progressed({}, {})
    assert progress._bars is not None
    progress.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert progress._bars is None


def test_a_pipe_gets_plain_lines():
    assert type(open_progress(graph())) is Lines


def test_a_terminal_gets_live_lines(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    assert type(open_progress(graph())) is LiveLines


def test_plain_lines_tell_of_a_step_once_it_is_over(stream):
    clock = FakeClock()
    progress = Lines(chain(4), clock=clock, stream=stream)
    names = [line.task for line in progress.tally.lines()]
    for second, name in enumerate(names[:3], 1):
        clock.seconds = second * PAUSE
        done = {each: ran(1) for each in names[: names.index(name) + 1]}
        progress.progressed(done, {})
        progress.progressed(done, {})
    clock.seconds += PAUSE
    progress.progressed(done, {})  # nothing new: no line
    assert stream.getvalue().splitlines() == [f"{name} 1/1" for name in names[:3]]


def test_of_a_chain_longer_than_the_terminal_what_is_at_work_stays(monkeypatch):
    monkeypatch.setenv("LINES", "12")
    clock = FakeClock()
    with LiveLines(chain(200), clock=clock, stream=Terminal()) as progress:
        names = [line.task for line in progress.tally.lines()]
        clock.seconds = 1.0
        progress.progressed({name: ran(1) for name in names[:150]}, {})
        assert progress._bars is not None
        shown = [task.description for task in progress._bars.tasks if task.visible]
        assert shown == names[150:160]
        progress.progressed({name: ran(1) for name in names}, {})
        shown = [task.description for task in progress._bars.tasks if task.visible]
        assert shown == names[190:]


def test_lines_that_fit_are_all_shown():
    lines = Lines(chain(5), clock=FakeClock()).tally.lines()
    assert within(lines, 5) == lines
    assert len(within(lines, 1)) == 3
