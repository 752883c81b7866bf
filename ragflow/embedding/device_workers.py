"""How do several devices embed together? Each in a process of its own, fed from one queue."""

import threading
import weakref
from collections import deque
from collections.abc import Sequence

from ragflow.documents import Vector
from ragflow.embedding.device_worker import OPENING, DeviceWorker
from ragflow.embedding.model_spec import ModelSpec
from ragflow.errors import PluginError
from ragflow.interfaces.ingestion import EmbedKind

#: Texts handed to a device at a time.
PORTION = 256
#: Portions that a device has: one that it computes, and one that is there when it is done.
AHEAD = 2
#: Workers that may die of a portion before it is given up.
DEATHS = 3
#: Characters of a token, nearly; texts that share a portion are to be of one length.
_WIDTH = 4


class DeviceWorkers:
    """An embedder that uses several devices, a worker process for each.

    Texts go to whichever device has room first, so a slow or busy one gets fewer. While one
    portion is computed the next is handed over. A worker that dies is replaced and what it
    had is done again; `PluginError` is raised for a portion that killed three. Safe for
    threads. Workers are started with the first texts and end with the object or the process.
    """

    def __init__(self, spec: ModelSpec, devices: Sequence[str], *, opening: str = OPENING) -> None:
        """Embed with the model of `spec` on `devices`, as torch names them.

        `opening` is ``module:name`` of what opens it in a worker, given spec and device.
        """
        #: What it computes on, in words.
        self.device = "+".join(devices)
        #: Components of a vector.
        self.dimension = spec.dimension
        self._queue = _Queue()
        self._feeds = [
            _Feed(DeviceWorker(spec, device, opening), self._queue) for device in devices
        ]
        self._starting = threading.Lock()
        weakref.finalize(self, _close, self._queue, self._feeds)

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; see `Embedder`."""
        if not texts:
            return []
        with self._starting:
            for feed in self._feeds:
                feed.begin()
        unique = sorted(dict.fromkeys(texts), key=lambda text: (-len(text) // _WIDTH, text))
        # Few texts are shared out too; portions of one length waste little on padding.
        size = min(PORTION, -(-len(unique) // len(self._feeds)))
        portions = [
            _Portion(unique[first : first + size], kind) for first in range(0, len(unique), size)
        ]
        self._queue.put(portions)
        vectors: dict[str, Vector] = {}
        for portion in portions:
            vectors.update(zip(portion.texts, portion.result(), strict=True))
        return [vectors[text] for text in texts]


class _Portion:
    """Texts on their way to one device, and what comes of them."""

    def __init__(self, texts: Sequence[str], kind: EmbedKind) -> None:
        self.texts = texts
        self.kind = kind
        self.deaths = 0
        #: What the system said of the last death, if anything.
        self.cause: OSError | None = None
        self._is_over = threading.Event()
        self._vectors: list[Vector] = []
        self._error: BaseException | None = None

    def answer(self, vectors: Sequence[bytes]) -> None:
        self._vectors = [Vector(each) for each in vectors]
        self._is_over.set()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._is_over.set()

    def result(self) -> list[Vector]:
        self._is_over.wait()
        if self._error is not None:
            raise self._error
        return self._vectors


class _Queue:
    """Portions that wait for a device."""

    def __init__(self) -> None:
        self._portions: deque[_Portion] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    def put(self, portions: Sequence[_Portion], *, first: bool = False) -> None:
        with self._changed:
            if first:
                self._portions.extendleft(reversed(portions))
            else:
                self._portions.extend(portions)
            self._changed.notify_all()

    def take(self, *, waiting: bool) -> _Portion | None:
        """Return the next one; None where there is none, or once it is closed."""
        with self._changed:
            while waiting and not self._portions and not self._is_closed:
                self._changed.wait()
            return self._portions.popleft() if self._portions and not self._is_closed else None

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


class _Feed:
    """Keeps one worker supplied, and hears what it answers, on a thread of its own."""

    def __init__(self, worker: DeviceWorker, queue: _Queue) -> None:
        self._worker = worker
        self._queue = queue
        self._given: deque[_Portion] = deque()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Take from the queue from now on; nothing where it does."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._serve, daemon=True, name="ragflow-device")
            thread.start()
            self._thread = thread

    def end(self) -> None:
        """End the worker, once the queue is closed."""
        self._worker.kill()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        try:
            while self._go_on():
                pass
        finally:
            self._worker.stop()

    def _go_on(self) -> bool:
        """Hand over what there is room for and hear one answer; False once it is closed."""
        try:
            if not self._fill():
                return False
            self._hear()
        except (OSError, EOFError) as error:
            self._die(error)
        except BaseException as error:  # noqa: BLE001 - whoever waits for a portion must hear it
            self._give_up(error)
        return True

    def _fill(self) -> bool:
        """Give the worker all that it may have; tell whether it has any."""
        while len(self._given) < AHEAD:
            portion = self._queue.take(waiting=not self._given)
            if portion is None:
                break
            self._given.append(portion)
            try:
                self._worker.send(portion.texts, portion.kind)
            except OSError as error:
                # What it did before is heard yet, and then that it is gone. It is given no more:
                # one that could be started now would answer to less than was handed over.
                portion.cause = error
                break
        return bool(self._given)

    def _hear(self) -> None:
        found = self._worker.receive()
        portion = self._given[0]
        if isinstance(found, Exception):
            portion.fail(found)
        else:
            portion.answer(found)
        self._given.popleft()

    def _die(self, error: BaseException) -> None:
        """Do again what a dead worker had; only what it was at can be what it died of."""
        self._worker.stop()
        left = list(self._given)
        self._given.clear()
        left[0].deaths += 1
        if isinstance(error, OSError):
            left[0].cause = error
        if left[0].deaths >= DEATHS:
            told = f"{DEATHS} workers died of embedding {len(left[0].texts)} texts"
            hint = "memory may be short: give the model one device, or let fewer runs share it"
            failure = PluginError(told, hint=hint)
            failure.__cause__ = left[0].cause
            left.pop(0).fail(failure)
        self._queue.put(left, first=True)

    def _give_up(self, error: BaseException) -> None:
        """Fail all that a worker had: nobody knows any more what it would answer to."""
        self._worker.stop()
        left = list(self._given)
        self._given.clear()
        for portion in left:
            portion.fail(error)


def _close(queue: _Queue, feeds: Sequence[_Feed]) -> None:
    queue.close()
    for feed in feeds:
        feed.end()
