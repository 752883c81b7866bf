"""Who computes mini-batches, and what becomes of one that does not fit in memory?"""

import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from ragflow.embedding.forward import Forward, Ids
from ragflow.errors import LimitError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

#: What allocators write into an error that has no class of its own.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad allocation")


class ComputingThreads:
    """Threads that each take a mini-batch of their own and share its products with nobody.

    Threads that share products wait for each other awake: where another process takes one of
    two cores they keep 29 % of their speed, these 60 % and more. Safe for threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="ragflow-embed")
        weakref.finalize(self, self._pool.shutdown, wait=False)
        torch = sys.modules.get("torch")
        if torch is None:
            return
        before = torch.get_num_threads()
        all_here = threading.Barrier(count)

        def alone() -> None:
            # The first question in a thread sets its number to that of the process; asked later,
            # it would undo what is set here.
            torch.get_num_threads()
            torch.set_num_threads(1)
            all_here.wait()

        for each in [self._pool.submit(alone) for _ in range(count)]:
            each.result()
        # It is also what threads that come later would begin with, and those are not ours.
        torch.set_num_threads(before)

    def begin(self, forward: Forward, ids: Ids, shrink: Callable[[int], None]) -> "Future[Rows]":
        """Compute a mini-batch when its turn has come; see `compute`."""
        return self._pool.submit(compute, forward, ids, shrink)

    def close(self) -> None:
        """End the threads once nothing waits."""
        self._pool.shutdown(wait=False)


def compute(forward: Forward, ids: Ids, shrink: Callable[[int], None]) -> "Rows":
    """Return the rows of a mini-batch, in halves as small as memory makes necessary.

    `shrink` is told each padded size that may fit. Raises `LimitError` for a text that does
    not fit alone.
    """
    import numpy as np

    try:
        return forward.rows(ids)
    except Exception as error:
        if not ran_out_of_memory(error):
            raise
    # Out of the handler, whose traceback would keep what the attempt had allocated.
    longest = max(map(len, ids))
    if len(ids) == 1:
        raise LimitError(
            f"a text of {longest} tokens does not fit in memory",
            hint="use a smaller model, or cut texts shorter",
        )
    shrink(longest * len(ids) // 2)
    _let_go()
    middle = len(ids) // 2
    return np.concatenate([compute(forward, half, shrink) for half in (ids[:middle], ids[middle:])])


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory was short, of the machine or of a device."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _OUT_OF_MEMORY)


def _let_go() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
