"""A process that has imported everything, and is forked for each command that is typed.

Started by `machine.py`. Reads an order a line and answers each with a line of JSON. A child is
told at which point of the run to kill or stop itself.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

#: Tables that a connection has for itself, to compare a listing.
TEMPORARY = {"listed", "present", "released", "compared", "gone"}


def answer(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def import_everything() -> None:
    """Import what runs import late, so that no child has to; nothing here starts a thread."""
    import chromadb_rust_bindings  # noqa: F401
    import networkx  # noqa: F401
    import numpy as np  # noqa: F401
    import pypdfium2  # noqa: F401
    import sqlalchemy.dialects.sqlite  # noqa: F401

    import ragflow.chunking.headings
    import ragflow.cli.main
    import ragflow.embedding.hashing
    import ragflow.parsing.markdown
    import ragflow.parsing.pdf
    import ragflow.runtime.run
    import ragflow.stores.metadata.sqlite
    import ragflow.stores.vectors.chroma
    import ragflow.targets.collection  # noqa: F401


class Watch:
    """Writes down what a child does, and kills or stops it at a point."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._told = os.open(order["told"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._at, self._nth = order.get("at"), order.get("nth", 1)
        self._signal = signal.Signals[order.get("signal", "SIGKILL")]
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.transactions = threading.RLock()

    def tell(self, line: str) -> None:
        # One write each: what was told before a kill is whole.
        os.write(self._told, f"{threading.get_ident()} {line}\n".encode())

    def reached(self, point: str) -> None:
        with self._lock:
            self._seen[point] += 1
            self.tell(f"point {point}")
            if point != self._at or self._seen[point] != self._nth:
                return
            if self._signal is signal.SIGKILL:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)
        # Of the thread, not of the process: it goes no step further. Another thread is not
        # stopped within a transaction, which would keep the database from everybody.
        with self.transactions:
            signal.pthread_kill(threading.get_ident(), self._signal)


def listen(watch: Watch) -> None:
    from ragflow.core import commit_points
    from ragflow.embedding.hashing import HashingEmbedder
    from ragflow.stores.metadata.writer import Writer

    write = Writer._write

    def written(self: Any, group: Any) -> None:
        with watch.transactions:
            write(self, group)

    Writer._write = written  # type: ignore[method-assign]
    commit_points.listen(watch.reached)
    embed = HashingEmbedder.embed

    def counted(self: Any, texts: Any, **options: Any) -> Any:
        watch.tell(f"embedded {len(texts)}")
        return embed(self, texts, **options)

    HashingEmbedder.embed = counted  # type: ignore[method-assign]


def trace_commits(watch: Watch) -> None:
    """Tell every end of a transaction that wrote to the home, and every write outside one."""
    from ragflow.stores.metadata.connections import Connections

    opening = Connections._open

    def opened(self: Any) -> Any:
        connection = opening(self)
        wrote = False

        def trace(statement: str) -> None:
            nonlocal wrote
            if statement.startswith("BEGIN"):
                wrote = False
            elif writes(statement):
                wrote = True
                if not connection.in_transaction:
                    watch.tell(f"alone {' '.join(statement.split())[:200]}")
            elif statement.startswith("COMMIT") and wrote:
                watch.tell("commit")

        connection.set_trace_callback(trace)
        return connection

    Connections._open = opened  # type: ignore[method-assign]


def writes(statement: str) -> bool:
    """Tell whether a statement changes the home, and not a temporary table."""
    words = statement.split(None, 5)
    if words[0] not in {"INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP"}:
        return False
    named = {word.removeprefix("temp.") for word in words[1:5]}
    return not named.intersection({*TEMPORARY, "TEMP"})


def limit(order: dict[str, Any]) -> None:
    if "patience" in order:
        from ragflow.stores.metadata import sqlite
        from ragflow.stores.vectors.chroma import ChromaStore

        patience = timedelta(seconds=order["patience"])
        for opening in (sqlite.open_store, ChromaStore.__init__):
            opening.__kwdefaults__["patience"] = patience
    if "portion" in order:
        from ragflow.scheduling import policies

        policies.PORTION = order["portion"]
    if "largest_file" in order:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = order["largest_file"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def carry_out(order: dict[str, Any]) -> int:
    """Type the command in this child, and return its exit code."""
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    watch = Watch(order)
    limit(order)
    listen(watch)
    if order.get("traced"):
        trace_commits(watch)
    from ragflow.cli.main import run

    try:
        run(order["arguments"])
    except SystemExit as end:
        code = int(end.code or 0)
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    return code


def be_child(order: dict[str, Any]) -> None:
    code = 99
    try:
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = carry_out(order)
    except BaseException:  # noqa: BLE001 - the end of a process that was forked
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def begin(order: dict[str, Any]) -> None:
    child = os.fork()
    if child == 0:
        be_child(order)
    answer(pid=child)


def wait(order: dict[str, Any]) -> None:
    """Wait until a child ended or was stopped; negative for the signal that did it."""
    _, status = os.waitpid(order["pid"], os.WUNTRACED)
    if os.WIFSTOPPED(status):
        answer(stopped=True)
    else:
        answer(code=os.waitstatus_to_exitcode(status))


ORDERS: dict[str, Callable[[dict[str, Any]], None]] = {"begin": begin, "wait": wait}


def main() -> None:
    import_everything()
    answer(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        ORDERS[order["do"]](order)


if __name__ == "__main__":
    main()
