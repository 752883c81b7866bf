"""When may Ctrl-C interrupt a loop? Between two rounds, never half-way through a change."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


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
    """Let Ctrl-C be heard only where `check` is called while the context lives.

    `wake` ends whatever the loop waits for and is called inside a signal handler. Where Python
    would not raise `KeyboardInterrupt` here (another thread, another handler) nothing changes.
    """
    interruption = Interruption(wake)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interruption
        return
    signal.signal(signal.SIGINT, interruption.ask)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    interruption.check()
