"""Where does this process spend its processor seconds, thread by thread?

Every few milliseconds each thread's own clock is read, and what it went on by is counted for what
the thread is doing: for the innermost place on its stack that is known. What threads do that Python
did not start (Chroma's, torch's) is the rest.
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

EVERY = 0.002
#: From a part of a file's path, and perhaps a function in it, to what is done there.
PLACES: Sequence[tuple[str, str, str]] = (
    ("ragflow/tasks/extract.py", "", "extract"),
    ("ragflow/parsing/", "", "extract"),
    ("ragflow/tasks/chunk.py", "", "chunk"),
    ("ragflow/chunking/", "", "chunk"),
    ("ragflow/tasks/upsert.py", "", "upsert: rows"),
    ("ragflow/targets/", "", "upsert: rows"),
    ("ragflow/stores/vectors/", "", "upsert: Chroma"),
    ("chromadb/", "", "upsert: Chroma"),
    ("tests/benchmarks/ingest_", "embed", "embed"),
    ("ragflow/embedding/budget.py", "", "embed: what it costs"),
    ("ragflow/tasks/embed.py", "of", "embed: what it costs"),
    ("ragflow/tasks/embed.py", "", "embed"),
    ("ragflow/stores/metadata/memo", "", "memos"),
    ("ragflow/stores/metadata/reaching.py", "", "memos"),
    ("ragflow/stores/artifacts/", "", "artifacts"),
    ("ragflow/stores/metadata/assignments.py", "", "assignments"),
    ("ragflow/stores/metadata/", "", "ledger and other tables"),
    ("ragflow/sources/", "", "read and list"),
    ("ragflow/executors/", "", "executors"),
    ("ragflow/scheduling/transitions/", "", "scheduler: core"),
    ("ragflow/scheduling/asking.py", "", "scheduler: asking memos"),
    ("ragflow/scheduling/commits.py", "", "scheduler: commits"),
    ("ragflow/scheduling/owners.py", "", "scheduler: rows and ids"),
    ("ragflow/scheduling/rows.py", "", "scheduler: rows and ids"),
    ("ragflow/scheduling/", "", "scheduler: shell"),
    ("ragflow/incremental/", "", "fingerprints and code"),
    ("ragflow/runtime/", "", "runtime"),
    ("ragflow/api/", "", "runtime"),
    ("<frozen importlib", "", "imports"),
)


class Samples:
    """Processor seconds, by what was done, while `taking`."""

    def __init__(self) -> None:
        self.by_place: Counter[str] = Counter()
        #: By the lines of our own code that were at work, innermost first.
        self.by_line: Counter[str] = Counter()
        #: Seconds of threads that Python did not start.
        self.elsewhere = 0.0

    @contextmanager
    def taking(self) -> Iterator[None]:
        stop = threading.Event()
        clocks: dict[int, float] = {}
        self._look(clocks)
        self.by_place.clear()
        self.by_line.clear()
        begun = time.process_time()

        def watch() -> None:
            while not stop.wait(EVERY):
                self._look(clocks)

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            stop.set()
            watching.join()
            self._look(clocks)
            spent = time.process_time() - begun
            self.elsewhere = spent - sum(self.by_place.values())

    def _look(self, clocks: dict[int, float]) -> None:
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if thread.ident is None or not thread.is_alive():
                continue
            try:
                now = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
            except OSError:  # it ended in between
                continue
            went_on = now - clocks.get(thread.ident, 0.0)
            clocks[thread.ident] = now
            frame = frames.get(thread.ident)
            if went_on > 0 and frame is not None:
                place, line = _doing(frame)
                self.by_place[place] += went_on
                self.by_line[line] += went_on


def _doing(frame: FrameType) -> tuple[str, str]:
    """Return what the innermost known place is, and the innermost line of our own."""
    place = line = ""
    each: FrameType | None = frame
    while each is not None and not (place and line):
        file, function = each.f_code.co_filename, each.f_code.co_name
        if not line and "/ragflow/" in file:
            line = f"{file[file.rindex('/ragflow/') + 1 :]}:{each.f_lineno} {function}"
        for part, wanted, name in PLACES:
            if part in file and wanted in ("", function) and not place:
                place = name
        if file == __file__ and not place:
            place = "taking samples"
        each = each.f_back
    return place or "other Python", line
