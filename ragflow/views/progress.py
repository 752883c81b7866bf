"""What does a person see while a run is at work? All of it goes to stderr.

On a terminal a line a task, kept up to date; elsewhere a plain line every few seconds; with
``--json`` only what a person must read.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from ragflow.clock import Clock, SystemClock
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import TaskTotal
from ragflow.core.shapes import Shape
from ragflow.views.quantities import duration
from ragflow.views.rendering import printable
from ragflow.views.tables import documents_sentence, headline
from ragflow.views.tally import CHANGES, Line, Tally

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

#: Seconds between two plain lines.
PAUSE = 5.0
#: Seconds of work before the lines of a terminal appear; a refresh without work stays short.
GRACE = 0.3
#: Lines of a terminal kept free below those of the tasks, and the fewest of those.
_BELOW = 2
_FEWEST = 3


class Quiet(AbstractContextManager["Quiet"]):
    """Tells only what a person must read."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    @property
    def stream(self) -> TextIO:
        """Where it writes: stderr, unless another stream was given."""
        return self._stream or sys.stderr

    def started(self, tasks: Sequence[str]) -> None:
        """Say nothing."""

    def listed(self, counts: Mapping[str, int]) -> None:
        """Say nothing."""

    def progressed(self, totals: Mapping[str, TaskTotal], waiting: Mapping[str, int]) -> None:
        """Say nothing."""

    def noted(self, sentence: str) -> None:
        """Print the sentence."""
        self.say(f"note: {sentence}")

    def ended(self, summary: Mapping[str, Any]) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Print a line."""
        print(printable(text), file=self.stream, flush=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind; an error goes on."""


class Lines(Quiet):
    """Prints a plain line at the start, every few seconds, and at the end."""

    def __init__(
        self, graph: PipelineGraph, *, clock: Clock | None = None, stream: TextIO | None = None
    ) -> None:
        super().__init__(stream)
        self.clock: Clock = clock or SystemClock()
        self.tally = Tally(graph, self.clock)
        self._told = self.clock.elapsed()
        self._steps = {node.name for node in graph.shaped(Shape.STEP)}
        #: Steps that are over and were told of.
        self._told_of: set[str] = set()

    def listed(self, counts: Mapping[str, int]) -> None:
        """Say how many documents there are and how many changed."""
        self.tally.listed(counts)
        kinds = {kind: counts.get(kind, 0) for kind in (*CHANGES, "unchanged", "deleted")}
        self.say(f"{counts.get('listed', 0):,} listed: {documents_sentence(kinds)}")

    def progressed(self, totals: Mapping[str, TaskTotal], waiting: Mapping[str, int]) -> None:
        """Say how far each task is, where the last time is long ago."""
        self.tally.progressed(totals, waiting)
        now = self.clock.elapsed()
        if now - self._told >= PAUSE:
            self._told = now
            news = self._news()
            if news:
                self.say("  ".join(in_words(line) for line in news))

    def _news(self) -> list[Line]:
        """Return the tasks that did something; of the steps that are over, only the new ones."""
        begun = [line for line in self.tally.lines() if line.done]
        news = [line for line in begun if line.task not in self._told_of]
        over = (line.task for line in begun if line.task in self._steps and line.done == line.total)
        self._told_of.update(over)
        return news

    def ended(self, summary: Mapping[str, Any]) -> None:
        """Say what it came to."""
        if "state" in summary:
            self.say(headline(summary))


class LiveLines(Lines):
    """Keeps a line a task up to date on a terminal, and removes them at the end."""

    def __init__(
        self, graph: PipelineGraph, *, clock: Clock | None = None, stream: TextIO | None = None
    ) -> None:
        super().__init__(graph, clock=clock, stream=stream)
        self._began = self.clock.elapsed()
        self._bars: Bars | None = None
        self._ids: dict[str, TaskID] = {}

    def progressed(self, totals: Mapping[str, TaskTotal], waiting: Mapping[str, int]) -> None:
        """Bring the lines up to date."""
        self.tally.progressed(totals, waiting)
        if self._bars is None:
            if self.clock.elapsed() - self._began < GRACE:
                return
            self._bars = self._open()
        lines = self.tally.lines()
        shown = within(lines, self._bars.console.height - _BELOW)
        for line in lines:
            self._bars.update(
                self._ids[line.task],
                visible=line in shown,
                completed=line.done,
                total=line.total,
                counts=_counts(line),
                speed=_speed(line),
                left=_left(line),
            )

    def say(self, text: str) -> None:
        """Print a line above those kept up to date."""
        if self._bars is None:
            super().say(text)
        else:
            self._bars.console.print(printable(text), markup=False, highlight=False)

    def ended(self, summary: Mapping[str, Any]) -> None:
        """Make room for the summary."""
        self._close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the lines; an error goes on."""
        self._close()

    def _open(self) -> "Bars":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[counts]}", markup=False, justify="right"),
            TextColumn("{task.fields[speed]}", markup=False, justify="right"),
            TextColumn("{task.fields[left]}", markup=False),
            console=Console(file=self.stream),
            transient=True,
            refresh_per_second=5,
        )
        for task in self.tally.tasks():
            self._ids[task] = bars.add_task(
                printable(task), total=None, counts="", speed="", left="", visible=False
            )
        bars.start()
        return bars

    def _close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def within(lines: Sequence[Line], room: int) -> Sequence[Line]:
    """Return the lines that fit: those at work and next stay, those that are over go first."""
    room = max(room, _FEWEST)
    if len(lines) <= room:
        return lines
    left = [line for line in lines if line.total is None or line.done < line.total]
    return left[:room] if left else lines[-room:]


def in_words(line: Line) -> str:
    """Return how far a task is: ``embed 1,200/~3,000 (85/s, 21.2 s left)``."""
    asides = ", ".join(part for part in (_speed(line), _left(line)) if part)
    return f"{line.task} {_counts(line)}{f' ({asides})' if asides else ''}"


def _counts(line: Line) -> str:
    total = ""
    if line.total is not None:
        total = f"/{'~' if line.is_estimate else ''}{line.total:,}"
    failed = f", {line.failed:,} failed" if line.failed else ""
    return f"{line.done:,}{total}{failed}"


def _speed(line: Line) -> str:
    if line.rate is None:
        return ""
    return f"{line.rate:,.0f}/s" if line.rate >= 10 else f"{line.rate:.1f}/s"


def _left(line: Line) -> str:
    return f"{duration(line.left)} left" if line.left and line.left >= 1 else ""


def open_progress(graph: PipelineGraph, *, clock: Clock | None = None) -> Quiet:
    """Return the observer that suits where stderr goes; use it in a ``with``."""
    if sys.stderr.isatty():
        return LiveLines(graph, clock=clock)
    return Lines(graph, clock=clock)
