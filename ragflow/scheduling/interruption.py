"""When may Ctrl-C interrupt a loop? Between two rounds, never half-way through a change."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interruption:
    """Whether somebody asked for the loop to end."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.is_asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Take a signal: the first lets the loop end its round, the second ends it at once."""
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True
        self._wake()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if it was asked for."""
        if self.is_asked:
            raise KeyboardInterrupt


@contextmanager
def interruptible(wake: Callable[[], None]) -> Iterator[Interruption]:
    """Let Ctrl-C, and whoever asks this process to end, be heard only where `check` is called.

    `wake` ends whatever the loop waits for and is called inside a signal handler. Where Python
    would not raise `KeyboardInterrupt` here (another thread, another handler) nothing changes;
    a SIGTERM that would end the process at once ends the loop in order, too.
    """
    interruption = Interruption(wake)
    taken = {
        number: before
        for number, before in _HANDLED.items()
        if threading.current_thread() is threading.main_thread()
        and signal.getsignal(number) is before
    }
    if signal.SIGINT not in taken:
        yield interruption
        return
    for number in taken:
        signal.signal(number, interruption.ask)
    try:
        yield interruption
    finally:
        for number, before in taken.items():
            signal.signal(number, before)
    interruption.check()


#: Signals that ask for an end, and the handlers that are there where nobody else handles them.
_HANDLED: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
